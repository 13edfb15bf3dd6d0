import { expect } from 'chai';
import fc from 'fast-check';
import { ClassLatency, LatencyHistogram } from '../../../src/base/index.js';

/** From a microsecond's fraction to above an hour, evenly over the powers of two. */
const latency = fc.double({ min: -12, max: 22, noNaN: true }).map((exponent) => 2 ** exponent);
const latencies = fc.array(latency, { minLength: 1, maxLength: 300 });

function histogramOf(samples: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const sample of samples) histogram.record(sample);
  return histogram;
}

describe('base: latency histogram', () => {
  it('is within 12.5 % (or half a microsecond) of the sample of that rank, for any samples and percentile', () => {
    fc.assert(
      fc.property(latencies, fc.double({ min: 0, max: 100, noNaN: true }), (samples, p) => {
        const sorted = [...samples].sort((a, b) => a - b);
        const exact = sorted[Math.max(1, Math.ceil((p / 100) * sorted.length)) - 1]!;
        const got = histogramOf(samples).percentile(p);
        expect(Math.abs(got - exact)).to.be.at.most(Math.max(0.125 * exact, 0.000_5) + 1e-9);
      }),
    );
  });

  it('holds that error at both edges of every bucket', () => {
    for (let us = 4; us < 2 ** 32; us *= 2) {
      for (const edge of [us, us * 1.25, us * 1.5, us * 1.75, us * 2 - 1]) {
        expect(histogramOf([edge / 1_000]).percentile(50) / (edge / 1_000)).to.be.within(0.874_999, 1.125_001);
      }
    }
  });

  it('is the same whether samples were recorded in one histogram or merged from two', () => {
    fc.assert(
      fc.property(latencies, latencies, (a, b) => {
        const merged = histogramOf(a);
        merged.merge(histogramOf(b));
        expect(merged).to.deep.equal(histogramOf([...a, ...b]));
        expect(merged.count).to.equal(a.length + b.length);
      }),
    );
  });

  it('is what came since when an earlier state is taken away, and counts a sample as often as it stands for', () => {
    fc.assert(
      fc.property(latencies, latencies, (before, since) => {
        const now = histogramOf([...before, ...since]);
        now.subtract(histogramOf(before));
        expect(now).to.deep.equal(histogramOf(since));
      }),
    );
    const weighted = new LatencyHistogram();
    weighted.record(1, 16);
    weighted.record(100);
    expect(weighted.count).to.equal(17);
    expect(weighted.percentile(90)).to.be.within(0.875, 1.125);
  });

  it('says 0 without samples, and takes what is no latency as 0 or as the longest', () => {
    expect(new LatencyHistogram().snapshot()).to.deep.equal({ count: 0, p50Ms: 0, p99Ms: 0 });
    const odd = histogramOf([Number.NaN, -5, 0]);
    expect(odd.percentile(100)).to.equal(0.000_5);
    odd.record(Number.POSITIVE_INFINITY);
    expect(odd.count).to.equal(4);
    expect(odd.percentile(100)).to.be.within(3_700_000, 4_300_000);
  });

  it('keeps the traffic classes apart', () => {
    const classes = new ClassLatency();
    classes.data.record(1);
    const more = new ClassLatency();
    more.data.record(1);
    more.bulk.record(100);
    classes.merge(more);
    const { control, data, bulk } = classes.snapshot();
    expect([control.count, data.count, bulk.count]).to.deep.equal([0, 2, 1]);
    expect(data.p99Ms).to.be.within(0.875, 1.125);
    expect(bulk.p50Ms).to.be.within(87.5, 112.5);
  });
});
