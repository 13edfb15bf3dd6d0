import { expect } from 'chai';
import { nodeId, RpcError } from '../../../src/base/index.js';
import { askForGroup } from '../../../src/director/group-admission.js';
import { isFounderGone, viewsOf } from '../../../src/director/group-views.js';
import type { CallOptions } from '../../../src/rpc/index.js';

const SELF = { node: nodeId('d4'), dataId: 'disk-four', address: '127.0.0.1:7404' };
const OTHERS = ['d1', 'd2', 'd3'].map((node) => nodeId(node));

describe('director: what it asks the others about a group', () => {
  it('is given up when it closes, and nobody else is asked', async () => {
    const ended = new AbortController();
    const asked: string[] = [];
    const deps = {
      others: () => OTHERS,
      call: async (to: string, _method: unknown, _request: unknown, { signal }: CallOptions) => {
        asked.push(to);
        if (to === 'd1') throw RpcError.of('NO_LEADER', 'not here');
        return await new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(RpcError.of('CANCELLED_BY_CALLER', 'cancelled')));
        });
      },
    };
    const asking = askForGroup(deps, 7, SELF, ended.signal).catch((error: RpcError) => error.reason);
    await new Promise((resolve) => setImmediate(resolve));
    ended.abort();
    expect(await asking).to.equal('CANCELLED_BY_CALLER');
    expect(asked).to.deep.equal(['d1', 'd2']);
  });

  it('is who belongs to it, of all at once, whatever the others answer', async () => {
    const statuses: Record<string, unknown> = {
      d1: { clusterId: 'c', groups: [{ id: 7, commitIndex: 9, members: [{ id: 1, node: 'd1' }] }], more: true },
      d2: { clusterId: 'c', groups: [{ id: 0, commitIndex: 9, members: [] }] },
      d3: { groups: 'none' },
    };
    const views = await viewsOf(
      { others: () => OTHERS, call: async (to) => statuses[to] },
      7,
      new AbortController().signal,
    );
    expect(views).to.deep.equal({ answers: 2, views: [{ commitIndex: 9, members: [1] }] });
    expect([1, 3].map((member) => isFounderGone(views, member, 3))).to.deep.equal([false, true]);
    const refuses = { others: () => OTHERS, call: async () => Promise.reject(RpcError.of('CONNECT_FAILED', 'gone')) };
    const none = await viewsOf(refuses, 7, new AbortController().signal);
    expect(() => isFounderGone(none, 3, 3)).to.throw(/it takes 1/);
    expect(isFounderGone(none, 1, 1), 'it is alone anyway').to.equal(false);
  });
});
