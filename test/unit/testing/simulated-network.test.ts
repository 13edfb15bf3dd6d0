import { expect } from 'chai';
import fc from 'fast-check';
import { Prng } from '../../../src/base/index.js';
import {
  fixedLatency,
  type LinkOptions,
  longTailLatency,
  SimulatedClock,
  SimulatedNetwork,
  uniformLatency,
} from '../../../src/testing/index.js';

function between(link: Partial<LinkOptions>, seed: string | number = 1) {
  const clock = new SimulatedClock();
  const network = new SimulatedNetwork<number>({ clock, seed, link, sizeOf: () => 100 });
  const received: { at: number; payload: number; from: string }[] = [];
  network.onMessage('b', (payload, from) => received.push({ at: clock.nowMs(), payload, from }));
  return { clock, network, received };
}

function payloads(received: readonly { payload: number }[]): number[] {
  return received.map(({ payload }) => payload);
}

describe('testing: simulated network', () => {
  it('delivers after the latency, with the sender’s name', async () => {
    const { clock, network, received } = between({ latency: fixedLatency(3) });
    network.send('a', 'b', 7);
    await clock.advance(2.9);
    expect(received).to.deep.equal([]);
    await clock.advance(0.2);
    expect(received).to.deep.equal([{ at: 3, payload: 7, from: 'a' }]);
  });

  it('keeps a direction in order when nothing may be overtaken', async () => {
    const { clock, network, received } = between({ latency: uniformLatency(1, 50) });
    for (let i = 0; i < 100; i += 1) network.send('a', 'b', i);
    await clock.advance(100);
    expect(payloads(received)).to.deep.equal(Array.from({ length: 100 }, (_, i) => i));
  });

  it('loses, duplicates and reorders about the share it was told to', async () => {
    const { clock, network, received } = between({
      latency: uniformLatency(1, 50),
      lossRate: 0.3,
      duplicateRate: 0.2,
      reorderRate: 0.5,
    });
    for (let i = 0; i < 1_000; i += 1) network.send('a', 'b', i);
    await clock.advance(200);
    const { counters } = network;
    expect(counters.lost).to.be.within(240, 360);
    expect(counters.duplicated).to.be.within(90, 190);
    expect(received).to.have.length(1_000 - counters.lost + counters.duplicated);
    const inversions = payloads(received).filter((payload, index, all) => index > 0 && payload < (all[index - 1] ?? 0));
    expect(inversions.length).to.be.above(100);
  });

  it('replays the same events from the same seed, and others from another', async () => {
    const run = async (seed: number): Promise<string> => {
      const { clock, network } = between(
        { latency: longTailLatency(5, 1), lossRate: 0.2, duplicateRate: 0.2, reorderRate: 0.3, bytesPerSecond: 50_000 },
        seed,
      );
      for (let i = 0; i < 50; i += 1) network.send('a', 'b', i);
      await clock.advance(10_000);
      return network.trace.hash();
    };
    expect(await run(1)).to.equal(await run(1));
    expect(await run(1)).to.not.equal(await run(2));
  });

  it('loses the same messages whether or not others were cut in between', async () => {
    const fate = async (withCut: boolean): Promise<number[]> => {
      const { clock, network, received } = between({ lossRate: 0.5, reorderRate: 0.5, duplicateRate: 0.5 });
      if (withCut) network.cut('a', 'c');
      for (let i = 0; i < 50; i += 1) {
        network.send('a', 'c', i);
        network.send('a', 'b', i);
      }
      await clock.advance(100);
      return payloads(received);
    };
    expect(await fate(true)).to.deep.equal(await fate(false));
  });

  it('cuts one direction only, and drops what is under way when it is cut', async () => {
    const { clock, network, received } = between({ latency: fixedLatency(10) });
    const back: number[] = [];
    network.onMessage('a', (payload) => back.push(payload));
    network.send('a', 'b', 1);
    await clock.advance(5);
    network.cut('a', 'b');
    network.send('a', 'b', 2);
    network.send('b', 'a', 3);
    await clock.advance(20);
    expect(payloads(received)).to.deep.equal([]);
    expect(back).to.deep.equal([3]);
    expect(network.counters.cut).to.equal(2);
    network.heal('a', 'b');
    network.send('a', 'b', 4);
    await clock.advance(20);
    expect(payloads(received)).to.deep.equal([4]);
  });

  it('partitions groups of hosts from each other, not within, and heals all at once', () => {
    const { network } = between({});
    network.partition(['a', 'b'], ['c'], ['d', 'e']);
    expect(network.isCut('a', 'c') && network.isCut('c', 'a') && network.isCut('e', 'b')).to.equal(true);
    expect(network.isCut('a', 'b') || network.isCut('d', 'e') || network.isCut('a', 'x')).to.equal(false);
    network.healBoth('a', 'c');
    expect(network.isCut('a', 'c') || network.isCut('c', 'a')).to.equal(false);
    network.heal();
    expect(network.isCut('a', 'd')).to.equal(false);
  });

  it('spends bandwidth message by message and drops what does not fit the queue', async () => {
    const { clock, network, received } = between({
      latency: fixedLatency(1),
      bytesPerSecond: 10_000,
      queueBytesMax: 300,
    });
    for (let i = 0; i < 5; i += 1) network.send('a', 'b', i);
    await clock.advance(1_000);
    expect(received.map(({ at }) => at)).to.deep.equal([11, 21, 31]);
    expect(network.counters.overflowed).to.equal(2);
  });

  it('drops what is addressed to a host that is not there (any longer)', async () => {
    const { clock, network, received } = between({});
    network.send('a', 'b', 1);
    network.detach('b');
    network.send('a', 'nobody', 2);
    await clock.advance(10);
    expect(received).to.deep.equal([]);
    expect(network.counters.nobody).to.equal(2);
  });

  it('copies bytes when they are sent', async () => {
    const clock = new SimulatedClock();
    const network = new SimulatedNetwork({ clock, seed: 1, link: { duplicateRate: 1 } });
    const received: string[] = [];
    network.onMessage('b', (payload) => {
      received.push(Buffer.from(payload).toString('latin1'));
      payload.fill(0);
    });
    for (const bytes of [Buffer.from('abc'), new Uint8Array([100, 101])]) {
      network.send('a', 'b', bytes);
      bytes.fill(0);
    }
    await clock.advance(10);
    expect(received.sort()).to.deep.equal(['abc', 'abc', 'de', 'de']);
  });

  it('delivers every message exactly once when nothing is lost or duplicated', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.array(fc.nat(20), { maxLength: 60 }), async (seed, gaps) => {
        const { clock, network, received } = between({ latency: longTailLatency(5, 1), reorderRate: 0.5 }, seed);
        for (const [index, gapMs] of gaps.entries()) {
          network.send('a', 'b', index);
          await clock.advance(gapMs);
        }
        await clock.advance(1_000_000);
        expect(payloads(received).sort((a, b) => a - b)).to.deep.equal(gaps.map((_, index) => index));
      }),
      { numRuns: 30 },
    );
  });
});

describe('testing: latencies', () => {
  it('are fixed, uniform within their bounds, or log-normal around their median', () => {
    const random = new Prng('latency');
    expect(fixedLatency(4)(random)).to.equal(4);
    const uniform = uniformLatency(2, 6);
    const tail = longTailLatency(10, 1);
    let belowMedian = 0;
    for (let i = 0; i < 2_000; i += 1) {
      expect(uniform(random)).to.be.within(2, 6);
      if (tail(random) < 10) belowMedian += 1;
    }
    expect(belowMedian).to.be.within(900, 1_100);
  });
});
