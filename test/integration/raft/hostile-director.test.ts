import { expect } from 'chai';
import fc from 'fast-check';
import { encodeHello, FRAME_KIND } from '../../../src/drivers/raft/net/link-frames.js';
import { RpcChannel } from '../../../src/drivers/rpc/index.js';
import { silentLogger } from '../../../src/ports/index.js';
import { bidiStream } from '../../../src/rpc/index.js';
import { testIdentity } from '../../../src/testing/index.js';
import { CLUSTER, heartbeat, MemoryNetWorld, say, type TestDirector } from './net-world.js';

const LINK = { name: 'flotilla.raft.link', definition: bidiStream<unknown, unknown>() };
const HELLO = encodeHello({ classNumber: 1, life: '0123456789abcdef', clusterId: CLUSTER, address: undefined });

/** A director with a good certificate that does not follow the rules. */
describe('a director that sends what it should not', () => {
  let world: MemoryNetWorld;
  let victim: TestDirector;
  let channel: RpcChannel;
  beforeEach(async () => {
    world = new MemoryNetWorld();
    victim = await world.director('d2');
    const endpoint = await world.endpointOf('director', 'evil');
    const identity = testIdentity('director', 'evil');
    const target = { address: victim.endpoint.address, role: 'director' } as const;
    channel = new RpcChannel({
      ...{ endpoint, identity, target, clock: world.clock, random: world.random, logger: silentLogger },
    });
  });
  afterEach(async () => {
    await channel.close();
    await world.close();
  });

  /** Sends the frames on one link and returns how it ended. */
  async function sendAll(frames: readonly unknown[]): Promise<unknown> {
    const end = (async () => {
      for await (const _frame of channel.bidiStream(LINK, frames)) {
        // what comes back does not matter
      }
      return 'ended';
    })();
    return await world.run(end.catch((error: { code?: string }) => error.code));
  }

  it('is not listened to before a hello', async () => {
    for (const first of [Buffer.of(FRAME_KIND.BATCH), Buffer.from('garbage'), Buffer.alloc(2_000, 4)]) {
      expect(await sendAll([first, HELLO])).to.equal('INVALID_ARGUMENT');
    }
    expect(victim.network.counters.linksOpened).to.equal(0);
  });

  it('is counted and said once, and its other frames are taken', async () => {
    const batch = Buffer.of(FRAME_KIND.BATCH, 1, 2, 3);
    expect(await sendAll([HELLO, batch, batch, { not: 'bytes' }, 'text', Buffer.alloc(0), Buffer.of(77)])).to.equal(
      'ended',
    );
    expect(victim.network.counters.violations).to.equal(5);
    expect(victim.warnings).to.have.length(1);
    expect(victim.group.received).to.deep.equal([]);
  });

  it('does no harm with any sequence of frames', async () => {
    const kind = fc.constantFrom(...Object.values(FRAME_KIND));
    const frame = fc.oneof(
      fc.tuple(kind, fc.uint8Array({ maxLength: 100 })).map(([first, rest]) => Buffer.from([first, ...rest])),
      fc.anything({ maxDepth: 1 }).filter((value) => typeof value !== 'function' && typeof value !== 'symbol'),
      fc.constant(HELLO),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { maxLength: 12 }), async (frames) => {
        await sendAll([HELLO, ...frames.filter(isEncodable)]);
      }),
      { numRuns: 60 },
    );
    const friend = await world.director('d1');
    say(friend, victim, heartbeat(1));
    await world.until('the message', () => victim.group.rounds.includes(1));
    expect(victim.network.waitingBytes).to.be.lessThan(1_000);
  });
});

function isEncodable(value: unknown): boolean {
  return (
    value === null || ['string', 'number', 'boolean', 'undefined'].includes(typeof value) || Buffer.isBuffer(value)
  );
}
