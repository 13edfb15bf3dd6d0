import { expect } from 'chai';
import { RpcError } from '../../../src/base/index.js';
import { type ClusterParts, implementDirector } from '../../../src/director/director-handlers.js';
import { silentLogger } from '../../../src/ports/index.js';

describe('director: a request to remove a director', () => {
  it('changes nothing while what the director announced of groups stands', async () => {
    const steps: string[] = [];
    let isWithdrawn = false;
    const cluster = {
      membership: { change: async () => steps.push('change') },
      groupRecords: {
        withdraw: async () => {
          if (!isWithdrawn) throw RpcError.of('NO_LEADER', 'not now');
          steps.push('withdraw');
        },
      },
      directory: { remove: async () => steps.push('forget') },
    } as unknown as ClusterParts;
    const { handlers } = implementDirector({
      operators: undefined,
      introduction: () => undefined,
      cluster: () => cluster,
      logger: silentLogger,
    });
    const context = { peer: { role: 'client', id: 'operator' }, remainingMs: () => 1_000 } as never;
    const remove = async (group?: number): Promise<unknown> =>
      await handlers.changeMembers?.({ action: 'remove', node: 'd2', group }, context);
    const refused = await remove().catch((error: RpcError) => error.reason);
    expect([refused, steps]).to.deep.equal(['NO_LEADER', []]);
    isWithdrawn = true;
    await remove();
    expect(steps).to.deep.equal(['withdraw', 'change', 'forget']);
    // Out of one group only, it stays a director that may found others.
    await remove(7);
    expect(steps).to.deep.equal(['withdraw', 'change', 'forget', 'change']);
  });
});
