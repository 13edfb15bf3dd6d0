import { expect } from 'chai';
import { nodeId } from '../../../src/base/index.js';
import { type Alive, type Fallback, GossipCore, type GossipOptions, gossipOptions } from '../../../src/gossip/index.js';

const w = (index: number) => nodeId(`w${index}`);
const at = (index: number) => ({ host: '10.0.0.1', port: 1_000 + index });

function coreOf(self: number, others: readonly number[], options: Partial<GossipOptions> = {}): GossipCore {
  const known = others.map((i): Alive => ({ type: 'alive', id: w(i), incarnation: 1, address: at(i), tags: {} }));
  return new GossipCore({
    id: w(self),
    address: at(self),
    options: gossipOptions('lan', options),
    seed: 1,
    nowMs: 0,
    known,
  });
}

/** Lets all datagrams be lost until a probe over a lane is wanted. */
function firstFallback(core: GossipCore): {
  readonly fallback: Fallback;
  readonly pingMs: number;
  readonly atMs: number;
} {
  let pingMs = Number.NaN;
  for (let step = 0; step < 1_000; step += 1) {
    const atMs = core.nextDeadlineMs();
    core.tick(atMs);
    const { fallbacks, datagrams } = core.drain();
    if (datagrams.some((out) => out.messages.some((each) => each.type === 'ping'))) pingMs = atMs;
    const fallback = fallbacks[0];
    if (fallback !== undefined) return { fallback, pingMs, atMs };
  }
  throw new Error('no probe over a lane');
}

describe('a probe over a lane', () => {
  it('is wanted when those that were asked bring no ack within a quarter of the probe timeout', () => {
    const { fallback, pingMs, atMs } = firstFallback(coreOf(0, [1, 2, 3, 4, 5]));
    expect(atMs - pingMs).to.equal(625);
    expect(fallback.messages.map((each) => each.type)).to.deep.equal(['ping']);
    expect(fallback.accusedOf).to.equal(0);
  });

  it('is wanted at once where there is nobody to ask, and never when it is turned off', () => {
    const { pingMs, atMs } = firstFallback(coreOf(0, [1]));
    expect(atMs - pingMs).to.equal(500);
    expect(() => firstFallback(coreOf(0, [1], { fallbackProbes: false }))).to.throw('no probe over a lane');
  });

  it('saves the member from suspicion when it answers in time', () => {
    const core = coreOf(0, [1]);
    const { fallback, pingMs, atMs } = firstFallback(core);
    const messages = coreOf(1, [0]).answerFallback({ sender: w(0), messages: fallback.messages }, at(0), 0);
    expect(messages.map((each) => each.type)).to.deep.equal(['ack', 'alive']);
    core.finishFallback(fallback, { sender: w(1), messages }, atMs + 400);
    core.tick(pingMs + 1_001);
    expect(core.member(w(1))?.state).to.equal('alive');
    expect(core.counters.probesFailed).to.equal(0);
  });

  it('tells the member what it is accused of when its answer comes late, so that it can refute', () => {
    const core = coreOf(0, [1]);
    const { fallback, pingMs } = firstFallback(core);
    core.tick(pingMs + 1_001);
    expect(core.member(w(1))?.state).to.equal('suspect');
    core.drain();
    const other = coreOf(1, [0]);
    const ask = (asked: Fallback) => ({
      sender: w(1),
      messages: other.answerFallback({ sender: w(0), messages: asked.messages }, at(0), 0),
    });
    core.finishFallback(fallback, ask(fallback), pingMs + 1_200);
    const [second] = core.drain().fallbacks as [Fallback];
    expect(second.messages[0]).to.deep.include({ type: 'suspect', id: w(1), incarnation: 1 });
    core.finishFallback(second, ask(second), pingMs + 1_210);
    expect(core.member(w(1))).to.include({ state: 'alive', incarnation: 2 });
    expect(core.drain().fallbacks).to.deep.equal([]);
  });

  it('is not repeated for a member that does not refute, and its answer counts only from that member', () => {
    const core = coreOf(0, [1, 2]);
    const { fallback, pingMs } = firstFallback(core);
    core.tick(pingMs + 1_001);
    core.drain();
    const accused = { ...fallback, accusedOf: 1 };
    core.finishFallback(accused, { sender: fallback.peer, messages: [] }, pingMs + 1_100);
    core.finishFallback(fallback, { sender: nodeId('other'), messages: [] }, pingMs + 1_100);
    expect(core.drain().fallbacks).to.deep.equal([]);
  });

  it('shows the member to one that has never met it: an exchange is wanted', () => {
    const core = coreOf(1, []);
    core.answerFallback({ sender: w(0), messages: [{ type: 'ping', seq: 1, target: w(1) }] }, at(0), 2_000);
    expect(core.drain().exchanges).to.deep.equal([{ to: at(0), peer: w(0), cause: 'stranger' }]);
  });
});
