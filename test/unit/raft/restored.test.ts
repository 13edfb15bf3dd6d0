import { expect } from 'chai';
import { FlotillaError, nodeId } from '../../../src/base/index.js';
import type { LogEntry, SnapshotMeta } from '../../../src/ports/index.js';
import { bootstrap, joining, logIndex, restored, term } from '../../../src/raft/index.js';
import { CoreHarness, entry } from './core-harness.js';

const config = bootstrap([nodeId('n1'), nodeId('n2'), nodeId('n3')]).snapshot.config;
const hardState = { term: term(4), vote: undefined, commit: logIndex(0) };

function snapshotAt(index: number): SnapshotMeta {
  return { index: logIndex(index), term: term(2), config };
}

function stored(base: number, ...entries: LogEntry[]) {
  return { hardState, base: logIndex(base), entries };
}

describe('what a member finds on its disk', () => {
  it('is nothing for a node that joins', () => {
    const found = restored({ hardState: undefined, base: logIndex(0), entries: [] }, undefined);
    expect(found).to.deep.equal({ ...joining(), base: 0 });
  });

  it('is refused when the log goes on from a newer snapshot than the newest good one (with entries or without)', () => {
    for (const entries of [[], [entry(9, 3)]]) {
      for (const snapshot of [undefined, snapshotAt(5)]) {
        expect(() => restored(stored(8, ...entries), snapshot))
          .to.throw(FlotillaError, /the log begins after entry 8, .* ends at [05];/)
          .with.property('code', 'SNAPSHOT_CORRUPT');
      }
    }
    expect(restored(stored(8, entry(9, 3)), snapshotAt(8)).entries.length).to.equal(1);
  });

  it('is no snapshot of nothing: a node that joins takes none before it has a configuration', () => {
    const member = new CoreHarness({ restored: joining() });
    expect(member.core.snapshotMeta(logIndex(0))).to.equal(undefined);
    const founder = new CoreHarness();
    expect(founder.core.snapshotMeta(logIndex(3))?.index).to.equal(3);
  });

  /** A crash came between storing a received snapshot and replacing the log by it. */
  it('says to the log store that a snapshot replaces a shorter log, an empty one too', () => {
    for (const entries of [[], [entry(3, 2), entry(4, 2)]]) {
      const member = new CoreHarness({ restored: restored(stored(2, ...entries), snapshotAt(8)) });
      expect(member.drain().persist?.snapshot?.index).to.equal(8);
      expect(member.core.status().lastIndex).to.equal(8);
    }
    const whole = new CoreHarness({ restored: restored(stored(8), snapshotAt(8)) });
    expect(whole.drain().persist).to.equal(undefined);
  });
});
