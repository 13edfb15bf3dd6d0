import { expect } from 'chai';
import { RpcError, type RpcReason } from '../../../src/base/index.js';
import { type ClusterParts, implementDirector } from '../../../src/director/director-handlers.js';
import { silentLogger } from '../../../src/ports/index.js';
import { SimulatedClock } from '../../../src/testing/index.js';
import { settle } from '../../support/settle.js';

/** A director whose cluster notes what is asked of it; a step fails as often as `failures` has reasons for it. */
function setUp() {
  const clock = new SimulatedClock();
  const steps: string[] = [];
  const failures: Record<string, RpcReason[]> = {};
  const step = (name: string) => async () => {
    const reason = failures[name]?.shift();
    if (reason !== undefined) throw RpcError.of(reason, 'not now');
    steps.push(name);
  };
  const cluster = {
    membership: { change: step('change') },
    admission: { claimForFounders: step('claim') },
    groupRecords: { withdraw: step('withdraw') },
    directory: { remove: step('forget') },
  } as unknown as ClusterParts;
  const { handlers } = implementDirector({
    operators: undefined,
    introduction: () => undefined,
    cluster: () => cluster,
    clock,
    logger: silentLogger,
  });
  const context = { peer: { role: 'client', id: 'operator' }, remainingMs: () => 1_000 } as never;
  const change = async (action: 'add' | 'remove', group?: number): Promise<unknown> =>
    await handlers.changeMembers?.({ action, node: 'd2', group }, context);
  /** Its reason when it fails. */
  const ask = (action: 'add' | 'remove', group?: number): Promise<unknown> =>
    settle(
      clock,
      change(action, group).catch((error: RpcError) => error.reason),
    );
  return { clock, steps, failures, ask };
}

describe('director: a request to remove a director', () => {
  it('changes nothing while what the director announced of groups stands', async () => {
    const { clock, steps, failures, ask } = setUp();
    failures.withdraw = Array<RpcReason>(1_000).fill('NO_LEADER');
    expect([await ask('remove'), steps]).to.deep.equal(['NO_LEADER', []]);
    expect(clock.nowMs(), 'it was tried as long as the caller waits').to.be.within(800, 1_000);
    failures.withdraw = [];
    await ask('remove');
    expect(steps).to.deep.equal(['withdraw', 'change', 'forget']);
    // Out of one group only, it stays a director that may found others.
    await ask('remove', 7);
    expect(steps).to.deep.equal(['withdraw', 'change', 'forget', 'change']);
  });

  it('withdraws again what may be withdrawn or not', async () => {
    const { steps, failures, ask } = setUp();
    failures.withdraw = ['PROPOSAL_UNKNOWN', 'PROPOSAL_LOST'];
    await ask('remove');
    expect(steps).to.deep.equal(['withdraw', 'change', 'forget']);
  });
});

describe('director: a request to add a director', () => {
  it('makes the founders’ claims again when they may stand or not', async () => {
    const { steps, failures, ask } = setUp();
    failures.claim = ['PROPOSAL_UNKNOWN', 'NO_LEADER'];
    await ask('add');
    expect(steps).to.deep.equal(['claim', 'change']);
  });

  it('changes nothing when a founder’s claim is refused', async () => {
    const { clock, steps, failures, ask } = setUp();
    failures.claim = ['MEMBER_CLAIMED'];
    expect([await ask('add'), steps]).to.deep.equal(['MEMBER_CLAIMED', []]);
    expect(clock.nowMs()).to.equal(0);
  });
});
