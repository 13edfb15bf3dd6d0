import { expect } from 'chai';
import fc from 'fast-check';
import { nodeId, Prng } from '../../../src/base/index.js';
import { Awareness } from '../../../src/gossip/awareness.js';
import { BroadcastQueue } from '../../../src/gossip/broadcast-queue.js';
import { messageSize } from '../../../src/gossip/codec/datagram-codec.js';
import {
  type Alive,
  GOSSIP_PROFILES,
  gossipOptions,
  IdTable,
  type News,
  phiOf,
  pushPullScale,
  retransmitLimit,
  suspicionMinMs,
  suspicionTimeoutMs,
} from '../../../src/gossip/index.js';
import { MemberTable, STATE } from '../../../src/gossip/member-table.js';
import { PartitionDetector } from '../../../src/gossip/partition-detector.js';
import { PhiAccrual } from '../../../src/gossip/phi-accrual.js';
import { ProbeOrder } from '../../../src/gossip/probe-order.js';
import { Suspicions } from '../../../src/gossip/suspicions.js';

const w = (index: number) => nodeId(`w${index}`);

function factOf(index: number, incarnation = 1): Alive {
  return { type: 'alive', id: w(index), incarnation, address: { host: '10.0.0.1', port: 1_000 + index }, tags: {} };
}

describe('gossip options', () => {
  it('have the values that memberlist publishes', () => {
    expect(GOSSIP_PROFILES.lan).to.include({ probeIntervalMs: 1_000, probeTimeoutMs: 500, suspicionMult: 4 });
    expect(GOSSIP_PROFILES.lan).to.include({ indirectChecks: 3, retransmitMult: 4, gossipNodes: 3, awarenessMax: 8 });
    expect(GOSSIP_PROFILES.wan).to.include({ probeIntervalMs: 5_000, probeTimeoutMs: 3_000, suspicionMult: 6 });
    expect(GOSSIP_PROFILES.local).to.include({ indirectChecks: 1, retransmitMult: 2, gossipIntervalMs: 100 });
  });

  it('are refused by name, with the value and what is allowed', () => {
    expect(() => gossipOptions('lan', { gossipNodes: 1.5 })).to.throw(/gossipNodes is 1.5.*whole number from 1 to 64/);
    expect(() => gossipOptions('lan', { probeTimeoutMs: 2_000 })).to.throw(/at most probeIntervalMs \(1000\)/);
    expect(() => gossipOptions('lan', { suspicionMult: Number.NaN })).to.throw(/suspicionMult/);
  });
});

describe('formulas of memberlist and Lifeguard', () => {
  it('send news mult * ceil(log10(N + 1)) times', () => {
    expect([1, 9, 10, 99, 100, 10_000].map((n) => retransmitLimit(4, n))).to.deep.equal([4, 4, 8, 8, 12, 20]);
  });

  it('suspect for mult * log10(N) intervals at least', () => {
    expect(suspicionMinMs(gossipOptions('lan'), 1_000)).to.be.closeTo(12_000, 1e-6);
    expect(suspicionMinMs(gossipOptions('lan'), 3)).to.equal(4_000);
  });

  it('shorten a suspicion with the logarithm of its confirmations (Lifeguard, section IV-B)', () => {
    expect(suspicionTimeoutMs(5, 30, 0, 3)).to.equal(30);
    expect(suspicionTimeoutMs(5, 30, 1, 3)).to.be.closeTo(17.5, 1e-9);
    expect(suspicionTimeoutMs(5, 30, 3, 3)).to.equal(5);
    expect(suspicionTimeoutMs(5, 30, 0, 0)).to.equal(5);
  });

  it('exchange state one interval more rarely per doubling above 32 members', () => {
    expect([2, 32, 33, 64, 65, 1_000, 10_000].map(pushPullScale)).to.deep.equal([1, 1, 2, 2, 3, 6, 10]);
  });
});

describe('suspicions', () => {
  const options = gossipOptions('lan');

  it('end early with confirmations of different members only', () => {
    const suspicions = new Suspicions(options);
    suspicions.start(7, w(1), 10, 0);
    expect(suspicions.nextMs()).to.equal(24_000);
    expect(suspicions.confirm(7, w(1), 100), 'who said it first confirms nothing').to.equal(false);
    expect(suspicions.confirm(7, w(2), 100)).to.equal(true);
    expect(suspicions.confirm(7, w(2), 200)).to.equal(false);
    const once = suspicions.nextMs();
    expect(once).to.be.within(4_000, 24_000);
    expect(suspicions.confirm(7, w(3), 300)).to.equal(true);
    expect(suspicions.nextMs()).to.equal(4_000);
    expect(suspicions.confirm(7, w(4), 400), 'two are expected').to.equal(false);
    expect(suspicions.expired(3_999)).to.equal(-1);
    expect(suspicions.expired(4_000)).to.equal(7);
    expect(suspicions.size).to.equal(0);
  });

  it('never get a deadline in the past', () => {
    const suspicions = new Suspicions(options);
    suspicions.start(7, w(1), 10, 0);
    suspicions.confirm(7, w(2), 20_000);
    expect(suspicions.nextMs()).to.equal(20_000);
  });

  it('last their minimum where no confirmation can come', () => {
    const suspicions = new Suspicions(options);
    suspicions.start(7, w(1), 3, 0);
    expect(suspicions.nextMs()).to.equal(4_000);
  });
});

describe('the broadcast queue (SWIM, section 4.1)', () => {
  const suspect = (index: number): News => ({ type: 'suspect', id: w(index), incarnation: 1, by: w(0) });

  function take(queue: BroadcastQueue, roomBytes: number, limit = 3): string[] {
    const out: News[] = [];
    const used = queue.take(roomBytes, limit, out);
    expect(used).to.equal(out.reduce((sum, news) => sum + messageSize(news), 0));
    expect(used).to.be.at.most(roomBytes);
    return out.map((news) => `${news.type} ${news.id}`);
  }

  it('sends critical news first, and of each kind what was sent least', () => {
    const queue = new BroadcastQueue();
    queue.put(factOf(1), false);
    queue.put(suspect(2), true);
    const one = messageSize(suspect(2));
    expect(take(queue, one)).to.deep.equal(['suspect w2']);
    queue.put(suspect(3), true);
    expect(take(queue, one)).to.deep.equal(['suspect w3']);
    expect(take(queue, 1_000)).to.deep.equal(['suspect w2', 'suspect w3', 'alive w1']);
  });

  it('sends each piece the given number of times', () => {
    const queue = new BroadcastQueue();
    queue.put(suspect(1), true);
    for (let i = 0; i < 3; i += 1) expect(take(queue, 1_000)).to.deep.equal(['suspect w1']);
    expect(take(queue, 1_000)).to.deep.equal([]);
    expect(queue.size).to.equal(0);
  });

  it('drops what newer news about the same member replaces, and starts over with the newer', () => {
    const queue = new BroadcastQueue();
    queue.put(suspect(1), true);
    take(queue, 1_000);
    queue.put(factOf(1, 2), true);
    expect(queue.size).to.equal(1);
    for (let i = 0; i < 3; i += 1) expect(take(queue, 1_000)).to.deep.equal(['alive w1']);
    expect(queue.has(w(1))).to.equal(false);
  });

  it('never puts more into a datagram than its room, or one piece twice', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(30), fc.boolean())), fc.integer({ min: 0, max: 200 }), (puts, room) => {
        const queue = new BroadcastQueue();
        for (const [index, isCritical] of puts) queue.put(isCritical ? suspect(index) : factOf(index), isCritical);
        for (let i = 0; i < 5; i += 1) {
          const taken = take(queue, room);
          expect(new Set(taken).size).to.equal(taken.length);
        }
      }),
    );
  });
});

describe('the order of probes (SWIM, section 4.3)', () => {
  it('visits every member once per round, in another order each time', () => {
    const order = new ProbeOrder();
    for (let slot = 0; slot < 50; slot += 1) order.add(slot);
    const random = new Prng('rounds');
    const round = () => Array.from({ length: 50 }, () => order.next(random, () => true));
    const [first, second] = [round(), round()];
    expect(new Set(first).size).to.equal(50);
    expect(new Set(second).size).to.equal(50);
    expect(first).to.not.deep.equal(second);
  });

  it('passes over who is not eligible, and comes to an end when nobody is', () => {
    const order = new ProbeOrder();
    for (let slot = 0; slot < 10; slot += 1) order.add(slot);
    const random = new Prng('eligible');
    for (let i = 0; i < 40; i += 1) expect(order.next(random, (slot) => slot % 2 === 1) % 2).to.equal(1);
    expect(order.next(random, () => false)).to.equal(-1);
    expect(new ProbeOrder().next(random, () => true)).to.equal(-1);
  });

  it('keeps its promise while members come and go', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(20), fc.boolean())), fc.nat(), (changes, seed) => {
        const order = new ProbeOrder();
        const members = new Set<number>();
        const random = new Prng(seed);
        for (const [slot, isAdded] of changes) {
          if (isAdded && !members.has(slot)) order.add(slot);
          else if (!isAdded) order.remove(slot);
          if (isAdded) members.add(slot);
          else members.delete(slot);
          order.next(random, () => true);
        }
        expect(order.size).to.equal(members.size);
        const seen = new Set<number>();
        for (let i = 0; i < 2 * members.size; i += 1) seen.add(order.next(random, () => true));
        expect(seen).to.deep.equal(members);
      }),
    );
  });

  it('picks different members, all alike, from few and from many', () => {
    for (const size of [5, 100]) {
      const order = new ProbeOrder();
      for (let slot = 0; slot < size; slot += 1) order.add(slot);
      const random = new Prng('picks');
      const counts = new Array<number>(size).fill(0);
      const picked: number[] = [];
      for (let i = 0; i < 4_000; i += 1) {
        order.pick(3, random, (slot) => slot !== 0, picked);
        expect(new Set(picked).size).to.equal(3);
        for (const slot of picked) counts[slot]! += 1;
      }
      const expected = 12_000 / (size - 1);
      expect(counts[0]).to.equal(0);
      for (const count of counts.slice(1)) expect(count).to.be.within(expected * 0.6, expected * 1.4);
    }
  });
});

describe('the member table', () => {
  it('has equal digests exactly when the live members and their incarnations are equal', () => {
    const ids = new IdTable();
    const [a, b] = [new MemberTable(ids), new MemberTable(ids)];
    for (let i = 0; i < 500; i += 1) a.add(factOf(i));
    for (let i = 499; i >= 0; i -= 1) b.add(factOf(i));
    expect(a.differingBuckets(b.digest)).to.deep.equal([]);
    b.setAlive(b.find(w(77)), factOf(77, 2));
    const differing = a.differingBuckets(b.digest);
    expect(differing).to.have.length(1);
    const entries = a.entriesIn(differing);
    expect(entries.some((entry) => entry.fact.id === w(77))).to.equal(true);
    expect(entries.length, 'only a small part is exchanged').to.be.below(20);
    b.setState(b.find(w(78)), STATE.suspect);
    expect(a.differingBuckets(b.digest), 'a suspect is live').to.have.length(1);
    b.setState(b.find(w(78)), STATE.dead);
    expect(a.differingBuckets(b.digest).length).to.be.within(1, 2);
    b.setState(b.find(w(78)), STATE.alive);
    a.setAlive(a.find(w(77)), factOf(77, 2));
    expect(a.differingBuckets(b.digest)).to.deep.equal([]);
  });

  it('counts the live ones, and gives slots back', () => {
    const ids = new IdTable();
    const table = new MemberTable(ids);
    const slot = table.add(factOf(1));
    table.add(factOf(2));
    expect(table.liveCount).to.equal(2);
    table.setState(slot, STATE.dead);
    expect([table.liveCount, table.size]).to.deep.equal([1, 2]);
    table.remove(slot);
    expect([table.liveCount, table.size, table.find(w(1)), ids.find(w(1))]).to.deep.equal([1, 1, -1, -1]);
    expect(table.add(factOf(3))).to.equal(slot);
  });
});

describe('local health awareness (Lifeguard, section IV-A)', () => {
  it('stays between 0 and one less than the largest factor', () => {
    const awareness = new Awareness(8);
    awareness.change(-1);
    expect(awareness.factor).to.equal(1);
    awareness.change(100);
    expect(awareness.factor).to.equal(8);
    awareness.change(-3);
    expect(awareness.score).to.equal(4);
  });
});

describe('phi accrual (Hayashibara et al. 2004)', () => {
  it('is 0.3 at the mean, 1 where one answer in ten is later, and grows without overflow', () => {
    expect(phiOf(100, 100, 10)).to.be.closeTo(Math.log10(2), 1e-9);
    expect(phiOf(100 + 12.816, 100, 10)).to.be.closeTo(1, 0.01);
    expect(phiOf(100 + 30.902, 100, 10)).to.be.closeTo(3, 0.05);
    expect(phiOf(1e9, 100, 10)).to.equal(300);
    expect(phiOf(0, 100, 10)).to.be.closeTo(0, 1e-9);
  });

  it('rises for a member that answers later than it does, and only for that one', () => {
    const phi = new PhiAccrual();
    for (let i = 0; i < 50; i += 1) for (const slot of [1, 2]) phi.observe(slot, 10 + (i % 3));
    expect(phi.lastPhi(1)).to.be.below(1);
    phi.observe(1, 40);
    expect(phi.lastPhi(1)).to.be.above(8);
    expect(phi.lastPhi(2)).to.be.below(1);
    phi.miss(2, 500);
    expect(phi.lastPhi(2)).to.be.above(8);
    for (let i = 0; i < 200; i += 1) phi.observe(1, 40);
    expect(phi.lastPhi(1), 'what stays becomes usual').to.be.below(1);
  });

  it('judges a member seen for the first time by all others', () => {
    const phi = new PhiAccrual();
    expect(phi.phiAfter(9, 1_000), 'nothing is known').to.equal(0);
    for (let i = 0; i < 20; i += 1) phi.observe(i, 5);
    expect(phi.phiAfter(99, 5)).to.be.below(1);
    expect(phi.phiAfter(99, 200)).to.be.above(8);
  });
});

describe('the partition detector', () => {
  const limits = { partitionShare: 0.3, partitionMembersMin: 3, partitionWindowMs: 1_000 };

  it('tells many losses within the window from as many over time', () => {
    const slow = new PartitionDetector(limits);
    for (let i = 0; i < 9; i += 1) expect(slow.memberLost(w(i), 9 - i, i * 2_000)).to.equal(undefined);
    const fast = new PartitionDetector(limits);
    const changes = [0, 1, 2, 3].map((i) => fast.memberLost(w(i), 9 - i, i * 100));
    expect(changes).to.deep.equal([undefined, undefined, 'suspected', undefined]);
  });

  it('counts members that do not refute once they decide', () => {
    const detector = new PartitionDetector(limits);
    expect(detector.memberLost(w(1), 9, 0)).to.equal(undefined);
    expect(detector.membersSilent([w(2)], 9, 0)).to.equal(undefined);
    expect(detector.membersSilent([w(2), w(3)], 9, 0)).to.equal('suspected');
    expect(detector.report(9).missing).to.deep.equal([w(1), w(2), w(3)]);
    expect(detector.memberBack(w(2), 9)).to.equal(undefined);
    expect(detector.memberBack(w(3), 10)).to.equal('healed');
  });

  it('is over when the rest is below half of the share', () => {
    const detector = new PartitionDetector(limits);
    for (let i = 0; i < 4; i += 1) detector.memberLost(w(i), 10 - i, 0);
    expect(detector.isSuspected).to.equal(true);
    expect(detector.memberBack(w(9), 7), 'was never lost').to.equal(undefined);
    expect([0, 1, 2, 3].map((i) => detector.memberBack(w(i), 7 + i))).to.deep.equal([
      undefined,
      undefined,
      'healed',
      undefined,
    ]);
  });
});
