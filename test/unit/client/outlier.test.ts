import { expect } from 'chai';
import fc from 'fast-check';
import { newOutlierRecord, OutlierDetector } from '../../../src/client/outlier.js';

describe('OutlierDetector', () => {
  it('ejects a worker after so many failures in a row', () => {
    const detector = new OutlierDetector({ consecutiveFailures: 3 });
    const worker = newOutlierRecord();
    expect(detector.failed(worker, 2, 0)).to.equal(false);
    expect(detector.failed(worker, 2, 0)).to.equal(false);
    worker.failures = 0; // a success in between
    expect(detector.failed(worker, 2, 0)).to.equal(false);
    expect(detector.failed(worker, 2, 0)).to.equal(false);
    expect(detector.failed(worker, 2, 0)).to.equal(true);
    expect(detector.ejectedCount).to.equal(1);
  });

  it('doubles the time of each ejection up to the longest, and forgets in health', () => {
    const detector = new OutlierDetector({ consecutiveFailures: 1, ejectionBaseMs: 100, ejectionMaxMs: 350 });
    const worker = newOutlierRecord();
    let now = 0;
    const lengths: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      detector.failed(worker, 2, now);
      lengths.push(worker.ejectedUntilMs - now);
      expect(detector.review(worker, worker.ejectedUntilMs - 1)).to.equal(false);
      now = worker.ejectedUntilMs;
      expect(detector.review(worker, now)).to.equal(true);
    }
    expect(lengths).to.deep.equal([100, 200, 350, 350]);
    for (let healthy = 0; healthy < 4; healthy += 1) {
      now += 350;
      detector.review(worker, now);
    }
    detector.failed(worker, 2, now);
    expect(worker.ejectedUntilMs - now).to.equal(100);
  });

  it('never ejects more than half of the workers', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.array(fc.tuple(fc.nat(8), fc.nat(500))), (count, events) => {
        const detector = new OutlierDetector({ consecutiveFailures: 2, ejectionBaseMs: 300 });
        const workers = Array.from({ length: count }, newOutlierRecord);
        let now = 0;
        for (const [which, waitMs] of events) {
          now += waitMs;
          for (const worker of workers) detector.review(worker, now);
          detector.failed(workers[which % count]!, count, now);
          const ejected = workers.filter((worker) => worker.ejectedUntilMs !== 0).length;
          expect(ejected).to.equal(detector.ejectedCount);
          expect(ejected).to.be.at.most(count / 2);
        }
      }),
    );
  });

  it('keeps no place for a worker that is gone', () => {
    const detector = new OutlierDetector({ consecutiveFailures: 1 });
    const worker = newOutlierRecord();
    detector.failed(worker, 2, 0);
    detector.forget(worker);
    expect(detector.ejectedCount).to.equal(0);
  });

  it('is turned off by 0', () => {
    const detector = new OutlierDetector({ consecutiveFailures: 0 });
    expect(detector.failed(newOutlierRecord(), 10, 0)).to.equal(false);
  });
});
