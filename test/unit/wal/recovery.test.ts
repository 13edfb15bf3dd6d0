import { crc32 } from 'node:zlib';
import { expect } from 'chai';
import fc from 'fast-check';
import { FlotillaError } from '../../../src/base/index.js';
import type { LogIndex } from '../../../src/ports/index.js';
import { inspectSegment, LogRecovery, LogWriter, segmentName } from '../../../src/wal/index.js';
import {
  BufferLog,
  batch,
  batches,
  beginnings,
  entry,
  GROUP,
  hardState,
  logOn,
  ModelLog,
  recover,
  snapshotMeta,
} from './sample-log.js';

/** Recovers, or says with which code it was refused. */
function attempt(segments: readonly Buffer[]) {
  try {
    return recover(segments);
  } catch (error) {
    expect(error).to.be.instanceOf(FlotillaError);
    return (error as FlotillaError).code;
  }
}

describe('wal: recovery', () => {
  it('finds nothing where nothing was written', () => {
    const { stored, start, cut } = recover([]);
    expect(stored).to.deep.equal({ hardState: undefined, base: 0, entries: [] });
    expect(start.segment).to.equal(undefined);
    expect(cut).to.equal(undefined);
  });

  it('finds what was written, over any number of segments', () => {
    fc.assert(
      fc.property(batches, beginnings, (written, files) => {
        const log = logOn(files, 2048, written);
        const model = new ModelLog();
        for (const one of written) {
          log.write(one);
          model.apply(one);
        }
        const { stored, cut } = recover(log.segments);
        expect(stored.entries).to.deep.equal(model.entries);
        expect(stored.hardState).to.deep.equal(model.hardState);
        expect(cut).to.equal(undefined);
      }),
    );
  });

  it('finds, after a cut anywhere in the last write, a prefix of it and everything before', () => {
    fc.assert(
      fc.property(batches, beginnings, fc.nat(), fc.integer({ min: 0, max: 255 }), (written, files, where, filler) => {
        const log = logOn(files, 64 * 1024, written);
        const model = new ModelLog();
        for (const one of written.slice(0, -1)) {
          log.write(one);
          model.apply(one);
        }
        const durable = recover(log.segments.map((bytes) => Buffer.from(bytes))).stored;
        const last = written.at(-1)!;
        log.write(last);
        const { segment, at } = log.writes.at(-1)!;
        const bytes = log.segments[segment]!;
        const end = recover(log.segments).start.segment!.end;
        bytes.fill(filler, at + (where % (end - at)), end);
        const { stored } = recover(log.segments);
        const truncated = last.entries[0]?.index ?? Number.POSITIVE_INFINITY;
        const kept = durable.entries.filter((kept) => last.snapshot === undefined && kept.index < truncated);
        const whole = [...kept, ...last.entries];
        const isBefore = JSON.stringify(stored.entries) === JSON.stringify(durable.entries);
        const isPrefix = stored.entries.every(
          (found, i) => found.index === whole[i]?.index && found.term === whole[i]?.term,
        );
        expect(isBefore || (isPrefix && stored.entries.length >= kept.length)).to.equal(true);
      }),
    );
  });

  it('never silently differs after a single flipped bit', () => {
    fc.assert(
      fc.property(batches, beginnings, fc.nat(), fc.nat(), fc.nat(7), (written, files, which, where, bit) => {
        const log = logOn(files, 2048, written);
        const model = new ModelLog();
        for (const one of written) {
          log.write(one);
          model.apply(one);
        }
        const recovered = recover(log.segments);
        const [before, whole] = [recovered.start.segment!, JSON.stringify(recovered.stored)];
        expect(recovered.stored.entries).to.deep.equal(model.entries);
        const lastWrite = log.writes.at(-1)!;
        const segment = which % log.segments.length;
        const bytes = log.segments[segment]!;
        const offset = where % bytes.length;
        bytes[offset]! ^= 1 << bit;
        const found = attempt(log.segments);
        if (typeof found === 'string') {
          expect(found).to.be.oneOf(['LOG_CORRUPT', 'DATA_DIR_FOREIGN']);
          return;
        }
        if (JSON.stringify(found.stored) === whole) return;
        // Accepted with another content only where an unfinished write cannot be told from damage: in the last write.
        expect(segment).to.equal(lastWrite.segment);
        expect(offset).to.be.within(lastWrite.at, before.end - 1);
        expect(found.start.segment?.end).to.be.at.least(lastWrite.at);
      }),
      { numRuns: 300 },
    );
  });

  it('refuses a flipped bit in the last write too, once a seal says that it was durable', () => {
    const log = new BufferLog();
    log.write(batch({ entries: [entry(1, 1)] }));
    log.seal();
    log.segments[0]![log.writes[0]!.at + 40]! ^= 1;
    expect(() => recover(log.segments))
      .to.throw(FlotillaError, /0000000000000001\.wal: offset 64: .*offset|proves/)
      .with.property('code', 'LOG_CORRUPT');
  });

  it('takes a good record behind a bad one of the same write for an unfinished write', () => {
    const log = new BufferLog();
    log.write(batch({ entries: [entry(1, 1)] }));
    log.write(
      batch({ entries: [entry(2, 1)] }),
      batch({ entries: [entry(3, 1)] }),
      batch({ hardState: hardState(1, 1, 1) }),
    );
    log.segments[0]!.fill(0, log.writes[1]!.at, log.writes[1]!.at + 30);
    const { stored, cut } = recover(log.segments);
    expect(stored.entries.map(({ index }) => index)).to.deep.equal([1]);
    expect(cut?.from).to.equal(log.writes[1]!.at);
  });

  it('does not take a record that a cut tail left behind for a new one', () => {
    const log = new BufferLog();
    log.write(batch({ entries: [entry(1, 1)] }));
    const first = recover(log.segments).start;
    log.write(batch({ entries: [entry(2, 1, 'old-a')] }), batch({ entries: [entry(3, 1, 'old-b')] }));
    // Only the record of entry 3 stays; the writer goes on before it with a record of the same length.
    const writer = new LogWriter(first, crc32);
    writer.add(batch({ entries: [entry(2, 2, 'new-a')] }));
    const { bytes, position } = writer.take();
    log.segments[0]!.set(bytes, position);
    const { stored } = recover(log.segments);
    expect(stored.entries.map(({ data }) => Buffer.from(data).toString())).to.deep.equal(['e1', 'new-a']);
  });

  it('does not let the same bytes, written once more, call back what a torn write left behind them', () => {
    const log = new BufferLog(16 * 1024);
    log.write(batch({ entries: [entry(1, 1)] }));
    const first = recover(log.segments).start;
    // The record ends with its page: otherwise zeros to the end of the page would hide what is behind it.
    const next = batch({ entries: [entry(2, 1, 4096 - first.segment!.end - 24 - 24)] });
    const after = batch({ entries: [entry(3, 1)] });
    log.write(next, after);
    const segment = log.segments[0]!;
    const { at } = log.writes[1]!;
    segment.fill(0, at, at + 24);
    const { cut } = recover(log.segments);
    const writeAgain = (bytes: Buffer) => {
      const writer = new LogWriter({ ...first, shape: recover(log.segments).start.shape }, crc32);
      writer.add(next);
      const chunk = writer.take();
      bytes.set(chunk.bytes, chunk.position);
      return recover([bytes]).stored.entries.map(({ index }) => index);
    };
    expect(writeAgain(Buffer.from(segment)), 'had it not been cut').to.deep.equal([1, 2, 3]);
    segment.fill(0, cut!.from, cut!.to);
    expect(writeAgain(segment)).to.deep.equal([1, 2]);
  });

  it('spends no checksum on what earlier lives of the file left, nor on copies of records in what users store', () => {
    const filler = Array.from({ length: 40 }, (_, i) => batch({ entries: [entry(i + 1, 1, 1_000)] }));
    const earlier = new BufferLog(64 * 1024);
    for (const one of filler) earlier.write(one);
    const bytes = Buffer.from(earlier.segments[0]!);
    const log = new BufferLog(64 * 1024, [bytes]);
    log.write(batch({ entries: [entry(1, 1)] }));
    let checked = 0;
    const counting = (part: Uint8Array, seed?: number) => {
      checked += part.length;
      return crc32(part, seed);
    };
    const recovery = new LogRecovery(GROUP, counting);
    recovery.segment(segmentName(1), 1, log.segments[0]!);
    expect(recovery.finish().stored.entries).to.have.length(1);
    expect(checked).to.be.below(400);
  });

  it('gives every segment of a log another incarnation: any of them may have had the same file', () => {
    const log = new BufferLog(1024);
    for (let i = 1; i <= 30; i += 1) log.write(batch({ entries: [entry(i, 1, 200)] }));
    const seen = log.segments.map((segment) => segment.readUInt32LE(12));
    expect(seen.length).to.be.above(8);
    expect(new Set(seen).size).to.equal(seen.length);
  });

  it('goes on writing where it was cut', () => {
    const log = new BufferLog();
    log.write(batch({ entries: [entry(1, 1)], hardState: hardState(1, 2, 0) }));
    log.write(batch({ entries: [entry(2, 1, 200)] }));
    log.segments[0]!.fill(0, log.writes[1]!.at + 50);
    const { start, cut } = recover(log.segments);
    log.segments[0]!.fill(0, cut!.from, cut!.to);
    const writer = new LogWriter(start, crc32);
    writer.add(batch({ entries: [entry(2, 3, 'again')] }));
    const { bytes, position } = writer.take();
    log.segments[0]!.set(bytes, position);
    const { stored } = recover(log.segments);
    expect(stored.entries.map(({ index, term }) => [index, term])).to.deep.equal([
      [1, 1],
      [2, 3],
    ]);
    expect(stored.hardState).to.deep.equal(hardState(1, 2, 0));
  });

  it('refuses a missing segment, one of another group, and one that is no segment', () => {
    const log = new BufferLog(1024);
    for (let i = 1; i <= 12; i += 1) log.write(batch({ entries: [entry(i, 1, 200)] }));
    expect(log.segments.length).to.be.above(2);
    const [a, , c] = log.segments;
    expect(() => recover([a!, c!]))
      .to.throw(FlotillaError)
      .with.property('code', 'LOG_CORRUPT');
    expect(() => recover(log.segments, 8))
      .to.throw(FlotillaError, /group 7/)
      .with.property('code', 'DATA_DIR_FOREIGN');
    expect(() => recover([Buffer.alloc(1024)]))
      .to.throw(FlotillaError)
      .with.property('code', 'LOG_CORRUPT');
  });

  it('refuses a segment that lost its last records, when another one follows', () => {
    const log = new BufferLog(1024);
    for (let i = 1; i <= 12; i += 1) log.write(batch({ entries: [entry(i, 1, 200)] }));
    const inFirst = log.writes.filter(({ segment }) => segment === 0).at(-1)!;
    log.segments[0]!.fill(0, inFirst.at);
    expect(() => recover(log.segments))
      .to.throw(FlotillaError, /ends here/)
      .with.property('code', 'LOG_CORRUPT');
  });

  it('starts from any segment on when the older ones were deleted', () => {
    const log = new BufferLog(1024);
    for (let i = 1; i <= 12; i += 1) log.write(batch({ entries: [entry(i, 1, 200)], hardState: hardState(1, 1, i) }));
    const { catalog } = recover(log.segments);
    const gone = catalog.release(6 as LogIndex);
    expect(gone).to.not.deep.equal([]);
    const recovery = recoverFrom(log.segments, gone.length);
    expect(recovery.stored.entries[0]!.index).to.be.within(2, 7);
    expect(recovery.stored.entries.at(-1)!.index).to.equal(12);
    expect(recovery.stored.hardState).to.deep.equal(hardState(1, 1, 12));
  });

  it('lets go of everything before a snapshot that replaced the log', () => {
    const log = new BufferLog(1024);
    for (let i = 1; i <= 12; i += 1) log.write(batch({ entries: [entry(i, 1, 200)] }));
    const before = log.segments.length;
    log.write(batch({ snapshot: snapshotMeta(5, 2), entries: [entry(6, 2, 700)] }));
    log.write(batch({ entries: [entry(7, 2, 700)] }));
    const { catalog, stored } = recover(log.segments);
    expect(stored.entries.map(({ index }) => index)).to.deep.equal([6, 7]);
    expect(catalog.release(5 as LogIndex).length).to.be.at.least(before - 1);
  });

  it('keeps a truncation before its base when the segments before were deleted', () => {
    const log = new BufferLog(1024);
    for (let i = 1; i <= 4; i += 1) log.write(batch({ entries: [entry(i, 1, 200)] }));
    for (let i = 3; i <= 8; i += 1) log.write(batch({ entries: [entry(i, 2, 200)] }));
    const { stored } = recoverFrom(log.segments, 1);
    expect(stored.entries.at(-1)).to.deep.equal(entry(8, 2, 200));
  });

  it('gives a batch larger than a segment a segment of its size', () => {
    const log = new BufferLog(1024);
    log.write(batch({ entries: [entry(1, 1)] }));
    log.write(batch({ entries: [entry(2, 1, 3_000_000), entry(3, 1, 10)] }));
    expect(recover(log.segments).stored.entries.map(({ data }) => data.length)).to.deep.equal([2, 3_000_000, 10]);
  });
});

describe('wal: inspection', () => {
  it('tells terms, indices and damage of a segment', () => {
    const log = new BufferLog();
    log.write(batch({ entries: [entry(1, 1), entry(2, 1)], hardState: hardState(1, 2, 0) }));
    log.write(batch({ entries: [entry(2, 3)] }));
    log.write(batch({ entries: [entry(3, 3)] }));
    const report = inspectSegment(log.segments[0]!, crc32);
    expect(report).to.include({ entries: 4, firstIndex: 1, lastIndex: 3, firstTerm: 1, lastTerm: 3, unreadable: 0 });
    expect(report.truncations).to.deep.equal([2]);
    expect(report.scan?.tail).to.equal('clean');
    log.segments[0]![log.writes[0]!.at + 30]! ^= 1;
    expect(inspectSegment(log.segments[0]!, crc32).scan).to.include({ tail: 'damaged', end: 64 });
    expect(inspectSegment(Buffer.alloc(10), crc32).header).to.equal('notASegment');
  });
});

function recoverFrom(segments: readonly Buffer[], skip: number) {
  const recovery = new LogRecovery(GROUP, crc32);
  for (const [at, bytes] of segments.entries()) {
    if (at >= skip) recovery.segment(segmentName(at + 1), at + 1, bytes);
  }
  return recovery.finish();
}
