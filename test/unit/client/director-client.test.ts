import { expect } from 'chai';
import { RpcError } from '../../../src/base/index.js';
import { DirectorClient } from '../../../src/client/director-client.js';
import type { NodeStats } from '../../../src/client/protocol/index.js';
import { SimulatedClock } from '../../../src/testing/index.js';
import { FakeChannel } from './fake-cluster.js';

const NO_CALLS = { count: 0, p50Ms: 0, p99Ms: 0 };
const IDLE = { inFlight: 0, started: 0, failed: 0, handlerMs: NO_CALLS, recentHandlerMs: NO_CALLS };

function statsOf(id: string): NodeStats {
  const counts = { uptimeMs: 1, isDraining: false, connections: 1, inFlight: 0 };
  return { id, role: 'worker', ...counts, calls: { control: IDLE, data: IDLE, bulk: IDLE } };
}

describe('asking all nodes for their statistics', () => {
  it('gives an error for each that does not answer, or answers nonsense, and the others’ answers', async () => {
    let members = ['w1', 'w2', 'w3', 'w4'].map((id, index) => ({ id, address: `127.0.0.1:${5_000 + index}` }));
    members[3] = { id: 'w4', address: 'unknown' };
    const channels: FakeChannel[] = [];
    const client = new DirectorClient({
      directors: [{ host: '127.0.0.1', port: 1 }],
      open: (target) => {
        const channel = new FakeChannel(target);
        channels.push(channel);
        const id = String(target.id);
        channel.auto = ({ settle }) => {
          if (target.role === 'director') {
            const fields = { role: 'worker', state: 'active', tags: {}, methods: [] };
            settle.resolve({ members: members.map((member) => ({ ...fields, ...member })) });
          } else if (id === 'w1') settle.resolve(statsOf(id));
          else if (id === 'w2') settle.reject(RpcError.of('DEADLINE', 'silent'));
          else settle.resolve({ id, inFlight: 'many' });
        };
        return channel;
      },
      openMetadata: () => {
        throw new Error('unused');
      },
      clock: new SimulatedClock(),
      dispose: async () => undefined,
    });
    const answers = await client.nodes({ timeoutMs: 100 });
    expect(answers.map((answer) => (answer.ok ? answer.stats.id : answer.error.reason))).to.deep.equal([
      'w1',
      'DEADLINE',
      'PEER_VIOLATION',
      'INPUT_INVALID',
    ]);
    await client.nodes({ timeoutMs: 100 });
    const openedFor = (id: string) => channels.filter(({ target }) => String(target.id) === id).length;
    expect(openedFor('w1'), 'a connection is kept').to.equal(1);
    expect(openedFor('w2'), 'but not that of a node that was silent').to.equal(2);
    members = members.slice(0, 1);
    await client.nodes({ timeoutMs: 100 });
    const open = () => channels.filter(({ state }) => state !== 'closed').map(({ target }) => String(target.id));
    expect(open()).to.deep.equal(['undefined', 'w1']);
    await client.close();
    expect(open()).to.deep.equal([]);
  });
});
