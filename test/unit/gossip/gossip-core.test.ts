import { expect } from 'chai';
import fc from 'fast-check';
import { nodeId } from '../../../src/base/index.js';
import {
  type Alive,
  GossipCore,
  type GossipEffects,
  type GossipMessage,
  type GossipOptions,
  gossipOptions,
  type OutgoingDatagram,
  suspicionMinMs,
} from '../../../src/gossip/index.js';
import { message } from './arbitraries.js';

const w = (index: number) => nodeId(`w${index}`);
const at = (index: number) => ({ host: '10.0.0.1', port: 1_000 + index });

function factOf(index: number, incarnation = 1): Alive {
  return { type: 'alive', id: w(index), incarnation, address: at(index), tags: {} };
}

/** `w0`, which knows `w1` to `w<others>`. */
function coreOf(others: number, replaced: Partial<GossipOptions> = {}): GossipCore {
  const known = Array.from({ length: others }, (_, i) => factOf(i + 1));
  return new GossipCore({
    id: w(0),
    address: at(0),
    options: gossipOptions('lan', replaced),
    seed: 1,
    nowMs: 0,
    known,
  });
}

function messagesTo(effects: GossipEffects, index: number): GossipMessage[] {
  return effects.datagrams.filter((out) => out.receiver === w(index)).flatMap((out) => [...out.messages]);
}

function eventsOf(effects: GossipEffects): string[] {
  return effects.events.map((event) => ('member' in event ? `${event.type} ${event.member.id}` : event.type));
}

/** Ticks at every deadline up to a time and returns what was done. */
function runTo(core: GossipCore, endMs: number): GossipEffects {
  const all = { datagrams: [], exchanges: [], fallbacks: [], events: [], leaveDone: false } as {
    -readonly [K in keyof GossipEffects]: GossipEffects[K] extends readonly (infer T)[] ? T[] : GossipEffects[K];
  };
  const take = () => {
    const effects = core.drain();
    all.datagrams.push(...effects.datagrams);
    all.exchanges.push(...effects.exchanges);
    all.fallbacks.push(...effects.fallbacks);
    all.events.push(...effects.events);
    all.leaveDone ||= effects.leaveDone;
  };
  take();
  while (core.nextDeadlineMs() <= endMs) {
    core.tick(core.nextDeadlineMs());
    take();
  }
  core.tick(endMs);
  take();
  return all;
}

/** Runs until the core pings, and returns the ping. */
function nextPing(core: GossipCore): { readonly out: OutgoingDatagram; readonly seq: number; readonly atMs: number } {
  for (;;) {
    const atMs = core.nextDeadlineMs();
    core.tick(atMs);
    for (const out of core.drain().datagrams) {
      const ping = out.messages.find((each) => each.type === 'ping');
      if (ping?.type === 'ping') return { out, seq: ping.seq, atMs };
    }
  }
}

describe('a gossip core', () => {
  it('answers a ping for itself with an ack to where it came from, and no ping for another (SWIM, section 3.1)', () => {
    const core = coreOf(2);
    core.step({ sender: w(1), messages: [{ type: 'ping', seq: 5, target: w(0) }] }, at(1), 1);
    expect(messagesTo(core.drain(), 1)).to.deep.equal([{ type: 'ack', seq: 5 }]);
    core.step({ sender: w(1), messages: [{ type: 'ping', seq: 6, target: w(7) }] }, at(1), 2);
    expect(messagesTo(core.drain(), 1).map((each) => each.type)).to.deep.equal(['alive']);
  });

  it('asks others to probe a member that does not answer, then suspects it (SWIM, section 3.1)', () => {
    const core = coreOf(5);
    const { out, atMs } = nextPing(core);
    const done = runTo(core, atMs + 501);
    const asked = done.datagrams.flatMap((each) => each.messages.filter((one) => one.type === 'pingRequest'));
    expect(asked).to.have.length(3);
    expect(new Set(done.datagrams.map((each) => each.receiver)).has(out.receiver)).to.equal(false);
    expect(eventsOf(runTo(core, atMs + 1_001))).to.include(`suspected ${out.receiver}`);
  });

  it('takes the ack that another one passed on, and suspects nobody', () => {
    const core = coreOf(5);
    const { seq, atMs } = nextPing(core);
    runTo(core, atMs + 600);
    core.step({ sender: w(5), messages: [{ type: 'ack', seq }] }, at(5), atMs + 700);
    expect(eventsOf(runTo(core, atMs + 1_001))).to.deep.equal([]);
  });

  it('runs a probe for another one: ping, then its ack passed on, or a nack after 80% of the timeout (Lifeguard)', () => {
    const core = coreOf(3, { pushPullIntervalMs: Number.POSITIVE_INFINITY });
    const request = { type: 'pingRequest', seq: 77, target: w(2), address: at(2), wantsNack: true } as const;
    core.step({ sender: w(1), messages: [request] }, at(1), 10);
    const ping = messagesTo(core.drain(), 2)[0];
    if (ping?.type !== 'ping') throw new Error('no ping');
    core.step({ sender: w(2), messages: [{ type: 'ack', seq: ping.seq }] }, at(2), 12);
    expect(messagesTo(core.drain(), 1)).to.deep.equal([{ type: 'ack', seq: 77 }]);
    core.step({ sender: w(1), messages: [{ ...request, seq: 78 }] }, at(1), 20);
    const isNack = (each: GossipMessage) => each.type === 'nack' && each.seq === 78;
    expect(messagesTo(runTo(core, 419), 1).some(isNack)).to.equal(false);
    expect(messagesTo(runTo(core, 421), 1).some(isNack)).to.equal(true);
  });

  it('doubts itself when nacks fail to come, and not when they all come (Lifeguard, section IV-A)', () => {
    const silent = coreOf(5);
    const first = nextPing(silent);
    runTo(silent, first.atMs + 1_001);
    expect(silent.awareness).to.equal(3);
    const core = coreOf(5);
    const { seq, atMs } = nextPing(core);
    const asked = runTo(core, atMs + 501).datagrams.filter((out) => out.messages[0]?.type === 'pingRequest');
    for (const { receiver, to } of asked) {
      core.step({ sender: receiver, messages: [{ type: 'nack', seq }] }, to, atMs + 905);
    }
    expect(core.counters.probesFailed, 'there is nobody to wait for').to.equal(1);
    expect(core.awareness).to.equal(0);
  });

  it('refutes an accusation with a higher incarnation, at once known to whom it writes (SWIM, section 4.2)', () => {
    const core = coreOf(3);
    core.step({ sender: w(1), messages: [{ type: 'suspect', id: w(0), incarnation: 4, by: w(2) }] }, at(1), 1);
    expect(core.member(w(0))).to.include({ state: 'alive', incarnation: 5 });
    core.step({ sender: w(2), messages: [{ type: 'ping', seq: 1, target: w(0) }] }, at(2), 2);
    expect(messagesTo(core.drain(), 2)).to.deep.include({ ...factOf(0, 5) });
    expect(core.awareness, 'it may be the slow one').to.equal(1);
  });

  it('answers an accusation that it has already refuted to the sender alone', () => {
    const core = coreOf(3);
    const accusation = { type: 'dead', id: w(0), incarnation: 1, by: w(2) } as const;
    core.step({ sender: w(1), messages: [accusation] }, at(1), 1);
    runTo(core, 10_000);
    core.step({ sender: w(3), messages: [accusation] }, at(3), 10_000);
    const effects = core.drain();
    expect(effects.datagrams.map((out) => out.receiver)).to.deep.equal([w(3)]);
    expect(effects.datagrams[0]?.messages[0]).to.deep.equal(factOf(0, 2));
    expect(core.member(w(0))?.incarnation).to.equal(2);
  });

  it('raises no incarnation but its own', () => {
    fc.assert(
      fc.property(fc.array(fc.array(message, { maxLength: 4 }), { maxLength: 20 }), (datagrams) => {
        const core = coreOf(3);
        const claimed = new Map([0, 1, 2, 3].map((i) => [w(i), 1]));
        for (const [i, messages] of datagrams.entries()) {
          for (const each of messages) {
            if ('incarnation' in each) claimed.set(each.id, Math.max(claimed.get(each.id) ?? 0, each.incarnation));
          }
          core.step({ sender: w(1), messages }, at(1), i);
        }
        for (const { id, incarnation } of core.members()) {
          if (id !== w(0)) expect(incarnation).to.be.at.most(claimed.get(id) ?? 0);
        }
      }),
    );
  });

  it('never throws, never goes back in an incarnation and stays within the datagram size, whatever members say', () => {
    const ids = fc.nat(4).map(w);
    const incarnation = fc.nat(5);
    const about = fc.oneof(
      fc.record({ type: fc.constantFrom('suspect' as const, 'dead' as const), id: ids, incarnation, by: ids }),
      fc.record({ type: fc.constant('left' as const), id: ids, incarnation }),
      fc
        .tuple(fc.nat(4), incarnation, fc.nat(1))
        .map(([i, inc, moved]) => ({ ...factOf(i, inc), address: at(i + moved * 50) })),
      message,
    );
    const step = fc.tuple(fc.nat(5), fc.array(about, { maxLength: 30 }), fc.nat(3_000));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const core = coreOf(4);
        const seen = new Map<string, number>();
        let nowMs = 0;
        for (const [sender, messages, waitMs] of steps) {
          nowMs += waitMs;
          core.step({ sender: w(sender), messages }, at(sender), nowMs);
          for (const { sizeBytes } of runTo(core, nowMs).datagrams) expect(sizeBytes).to.be.at.most(1_350);
          for (const member of core.members()) {
            expect(member.incarnation).to.be.at.least(seen.get(member.id) ?? 0);
            seen.set(member.id, member.incarnation);
          }
          expect(core.member(w(0))?.state).to.equal('alive');
        }
      }),
      { numRuns: 200 },
    );
  });

  it('tells a suspected member of the suspicion with the next ping (Lifeguard, section IV-C)', () => {
    const core = coreOf(1);
    core.step({ sender: w(2), messages: [{ type: 'suspect', id: w(1), incarnation: 1, by: w(2) }] }, at(2), 1);
    const { out } = nextPing(core);
    expect(out.messages[1]).to.deep.equal({ type: 'suspect', id: w(1), incarnation: 1, by: w(0) });
  });

  it('tells a node that probes it what it holds against it', () => {
    const core = coreOf(3);
    core.step({ sender: w(2), messages: [{ type: 'dead', id: w(1), incarnation: 1, by: w(2) }] }, at(2), 1);
    runTo(core, 60_000);
    core.step({ sender: w(1), messages: [{ type: 'ping', seq: 9, target: w(0) }] }, at(1), 60_000);
    expect(messagesTo(core.drain(), 1)).to.deep.include({ type: 'dead', id: w(1), incarnation: 1, by: w(0) });
  });

  it('wants an exchange with a stranger that probes it', () => {
    const core = coreOf(1);
    core.step({ sender: w(9), messages: [{ type: 'ping', seq: 9, target: w(0) }] }, at(9), 1);
    expect(core.drain().exchanges).to.deep.equal([{ to: at(9), peer: w(9), cause: 'stranger' }]);
  });

  it('has not waited while it stood still: no probe fails and no suspicion runs out for a late tick', () => {
    const core = coreOf(3);
    core.step({ sender: w(2), messages: [{ type: 'suspect', id: w(1), incarnation: 1, by: w(2) }] }, at(2), 1);
    nextPing(core);
    core.tick(core.nextDeadlineMs() + 60_000);
    expect(eventsOf(core.drain())).to.deep.equal([]);
    expect(core.counters).to.include({ stalls: 1, probesFailed: 0 });
    expect(core.member(w(1))?.state).to.equal('suspect');
  });

  it('does what is due when it is called exactly at its deadline, whatever the clock’s fraction', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), fc.nat(), (lateMs, seed) => {
        const options = gossipOptions('lan');
        const core = new GossipCore({ id: w(0), address: at(0), options, seed, nowMs: lateMs, known: [factOf(1)] });
        core.tick(core.nextDeadlineMs() + 500.1 + lateMs / 7);
        for (let i = 0; i < 20; i += 1) {
          const dueMs = core.nextDeadlineMs();
          core.tick(dueMs);
          expect(core.nextDeadlineMs()).to.be.above(dueMs);
        }
      }),
    );
  });

  it('exchanges nothing but digests with a node that holds the same', () => {
    const [a, b] = [coreOf(200), new GossipCore({ ...baseOf(1), known: allBut(1, 200) })];
    const reply = b.answerSync(a.beginSync(), 1);
    expect(reply).to.deep.include({ buckets: [], entries: [] });
    expect(a.finishSync(reply, 2)).to.equal(undefined);
  });

  it('merges both ways in one exchange, and suspects whom only the other holds for dead', () => {
    const [a, b] = [coreOf(3), new GossipCore({ ...baseOf(9), known: [factOf(3), factOf(4)] })];
    b.step({ sender: w(4), messages: [{ type: 'dead', id: w(3), incarnation: 1, by: w(4) }] }, at(4), 1);
    const push = a.finishSync(b.answerSync(a.beginSync(), 2), 3);
    if (push === undefined) throw new Error('nothing to push');
    b.acceptSync(push, 4);
    const [idsOfA, idsOfB] = [a, b].map((core) =>
      core
        .members()
        .map((member) => member.id)
        .sort(),
    );
    expect(idsOfA).to.deep.equal([0, 1, 2, 3, 4, 9].map(w));
    expect(idsOfB).to.deep.equal(idsOfA);
    expect(a.member(w(3))?.state).to.equal('suspect');
    expect(b.member(w(3))?.state, 'the same incarnation does not raise the dead').to.equal('dead');
  });

  it('says that it is done with leaving once its word was sent as often as news is', () => {
    const core = coreOf(5);
    runTo(core, 100);
    core.leave(100);
    const done = runTo(core, 5_000);
    expect(done.leaveDone).to.equal(true);
    const told = done.datagrams.filter((out) => out.messages.some((each) => each.type === 'left' && each.id === w(0)));
    expect(told).to.have.length(4);
    expect(core.nextDeadlineMs(), 'there is nothing more to do').to.equal(Number.POSITIVE_INFINITY);
  });

  it('is done at once when there is nobody to tell', () => {
    const core = coreOf(0);
    core.leave(1);
    expect(core.drain().leaveDone).to.equal(true);
  });

  it('forgets a member that is gone for a day', () => {
    const core = coreOf(2, { forgetAfterMs: 3_600_000, pushPullIntervalMs: 30_000 });
    core.step({ sender: w(2), messages: [{ type: 'left', id: w(1), incarnation: 1 }] }, at(2), 1);
    expect(core.member(w(1))?.state).to.equal('left');
    runTo(core, 3_700_000);
    expect(core.member(w(1))).to.equal(undefined);
  });

  it('keeps the address of a live member against another claim and reports it; reclaimAfterMs holds for a dead one', () => {
    const core = coreOf(2, { reclaimAfterMs: 60_000 });
    const moved = { ...factOf(1, 7), address: at(50) };
    const claim = (nowMs: number) => core.step({ sender: w(2), messages: [moved] }, at(2), nowMs);
    claim(1);
    expect(eventsOf(core.drain())).to.deep.equal(['conflict']);
    core.step({ sender: w(2), messages: [{ type: 'dead', id: w(1), incarnation: 1, by: w(2) }] }, at(2), 2);
    claim(10);
    expect(core.member(w(1))).to.deep.include({ address: at(1), state: 'dead' });
    runTo(core, 61_000);
    claim(61_000);
    expect(core.member(w(1))).to.deep.include({ address: at(50), state: 'alive', incarnation: 7 });
  });

  it('takes the tags of an incarnation of which a suspicion told it first', () => {
    const core = coreOf(2);
    core.step({ sender: w(2), messages: [{ type: 'suspect', id: w(1), incarnation: 3, by: w(2) }] }, at(2), 1);
    const late = { ...factOf(1, 3), tags: { zone: 'b' } };
    core.step({ sender: w(2), messages: [late] }, at(2), 2);
    expect(core.member(w(1))).to.deep.include({ tags: { zone: 'b' }, state: 'suspect', incarnation: 3 });
    expect(eventsOf(core.drain())).to.deep.equal(['suspected w1', 'tagsUpdated w1']);
  });

  it('starts the time of a suspicion anew when one of a higher incarnation shows that the first was refuted', () => {
    const core = coreOf(1, { probeIntervalMs: 60_000 });
    const options = gossipOptions('lan', { probeIntervalMs: 60_000 });
    const suspect = (incarnation: number, nowMs: number) =>
      core.step({ sender: w(2), messages: [{ type: 'suspect', id: w(1), incarnation, by: w(2) }] }, at(2), nowMs);
    const shortestMs = suspicionMinMs(options, 2);
    suspect(1, 0);
    runTo(core, shortestMs - 10);
    suspect(2, shortestMs - 10);
    expect(eventsOf(runTo(core, shortestMs + 10))).to.not.include('failed w1');
    expect(eventsOf(runTo(core, 2 * shortestMs))).to.include('failed w1');
  });

  it('scores the health of a member by how late its acks come', () => {
    const core = coreOf(1);
    const probe = (rttMs: number) => {
      const { seq, atMs } = nextPing(core);
      core.step({ sender: w(1), messages: [{ type: 'ack', seq }] }, at(1), atMs + rttMs);
    };
    for (let i = 0; i < 30; i += 1) probe(2 + (i % 3) / 10);
    expect(core.healthScore(w(1))).to.be.above(0.9);
    probe(400);
    expect(core.healthScore(w(1))).to.equal(0);
    expect(core.healthScore(w(5))).to.equal(undefined);
  });

  it('refuses tags that are too many or too long', () => {
    const core = coreOf(0);
    expect(() => core.setTags({ a: 'x'.repeat(600) }, 1)).to.throw(/at most 512/);
    const many = Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`t${i}`, '']));
    expect(() => core.setTags(many, 1)).to.throw(/33 tags; at most 32/);
  });

  it('does the same for the same seed and inputs', () => {
    const run = () => {
      const core = coreOf(20);
      return JSON.stringify([runTo(core, 30_000), core.counters]);
    };
    expect(run()).to.equal(run());
  });
});

function baseOf(index: number) {
  return { id: w(index), address: at(index), options: gossipOptions('lan'), seed: index, nowMs: 0 };
}

function allBut(index: number, last: number): Alive[] {
  return Array.from({ length: last + 1 }, (_, i) => factOf(i)).filter((fact) => fact.id !== w(index));
}
