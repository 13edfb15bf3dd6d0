import { expect } from 'chai';
import { settled } from '../../../src/io/disk/file-system.js';
import { DiskLogStore, type FileSystem } from '../../../src/io/disk/index.js';
import { RecycledSegments } from '../../../src/io/disk/recycled-segments.js';
import { type LogIndex, silentLogger } from '../../../src/ports/index.js';
import { type SegmentFile, segmentSequence } from '../../../src/wal/index.js';
import { batchOf, entryOf, indices, LogHarness, SEGMENT_BYTES } from './log-harness.js';

/** Entries of which 12 fill a segment. */
const LARGE = 5_000;

/** A log that has written entries `from` to `to`. */
async function append(log: LogHarness, from: number, to: number): Promise<void> {
  for (let i = from; i <= to; i += 1) await log.run(log.store.append(batchOf(entryOf(i, 1, LARGE))));
}

/** Counts the files that are made, and the bytes written to them. */
function watched(files: FileSystem): { readonly files: FileSystem; readonly made: () => number } {
  let made = 0;
  const create = files.create.bind(files);
  files.create = (name) => {
    made += 1;
    return create(name);
  };
  return { files, made: () => made };
}

function segment(sequence: number): SegmentFile {
  return { sequence, sizeBytes: SEGMENT_BYTES };
}

/** Methods that reject with EMFILE from call `from` (counted from 0) on while there are any in `names`. */
function breakable(files: FileSystem): { readonly names: Set<Method>; from: number } {
  const broken = { names: new Set<Method>(), from: 0 };
  for (const method of METHODS) {
    const works = files[method].bind(files) as (...args: unknown[]) => Promise<unknown>;
    Object.assign(files, {
      [method]: (...args: unknown[]) => {
        const isBroken = broken.names.has(method) && broken.from-- <= 0;
        return isBroken ? Promise.reject(new Error('EMFILE')) : works(...args);
      },
    });
  }
  return broken;
}

const METHODS = ['open', 'rename', 'remove', 'syncDirectory'] as const;
type Method = (typeof METHODS)[number];

async function openOn(log: LogHarness, files: FileSystem): Promise<void> {
  const { clock, random } = log;
  const logger = silentLogger;
  log.store = new DiskLogStore({ files, group: 1, clock, random, logger, segmentBytes: SEGMENT_BYTES });
  await log.run(log.store.open());
}

describe('io/disk: segments that are used again', () => {
  it('become the next ones: no file is made while they last', async () => {
    const log = new LogHarness();
    const { files, made } = watched(log.disk.directory('log'));
    await openOn(log, files);
    let last = 0;
    let after = 0;
    for (let round = 0; round < 8; round += 1) {
      await append(log, last + 1, last + 30);
      last += 30;
      await log.run(log.store.compact((last - 2) as LogIndex));
      if (round === 2) after = made();
    }
    expect(log.store.counters.segments).to.be.above(18);
    expect(made()).to.equal(after);
    const atPeak = after;
    expect((await log.names()).length).to.be.at.most(atPeak);
    log.disk.crash();
    expect(indices(await log.open()).at(-1)).to.equal(last);
  });

  it('are never more than eight', async () => {
    const log = new LogHarness();
    await log.open();
    await append(log, 1, 200);
    expect((await log.segments()).length).to.be.above(14);
    await log.run(log.store.compact(198 as LogIndex));
    expect((await log.recycled()).length).to.equal(8);
  });

  it('lose nothing to a crash or a kill at any moment of their way', async () => {
    for (let seed = 0; seed < 60; seed += 1) {
      const log = new LogHarness(seed);
      await log.open();
      await append(log, 1, 40);
      void log.store.compact(30 as LogIndex).catch(() => undefined);
      let last = 40;
      for (let i = 0; i < 30; i += 1) {
        log.store.write(batchOf(entryOf(41 + i, 1, LARGE)), (error) => {
          if (error === undefined) last = 41 + i;
        });
      }
      await log.clock.advance((seed % 20) * 0.4);
      if (seed % 2 === 0) log.disk.crash();
      else log.disk.kill();
      const found = indices(await log.open());
      expect(found.at(-1), `seed ${seed}`).to.be.at.least(last);
      expect(found[0]).to.be.at.most(31);
      // And what a killed process had only renamed.
      await append(log, (found.at(-1) as number) + 1, 85);
      log.disk.crash();
      expect(indices(await log.open()).at(-1), `seed ${seed}`).to.equal(85);
    }
  });

  it('have their new names durably before they are written to: no crash brings an old one back with new content', async () => {
    for (let seed = 0; seed < 40; seed += 1) {
      const log = new LogHarness(seed);
      await log.open();
      await append(log, 1, 40);
      await log.run(log.store.close());
      const files = log.disk.directory('log');
      const { clock } = log;
      const recycled = new RecycledSegments({ files, clock, segmentBytes: SEGMENT_BYTES });
      const before = await log.run(files.read('0000000000000001.wal'));
      await log.run(recycled.release([segment(1), segment(2)]));
      const taken = await log.run(recycled.take(SEGMENT_BYTES));
      await log.run(settled((done) => taken!.file.writeDurably(Buffer.alloc(100, 1), 0, done)));
      log.disk.crash();
      const again = log.disk.directory('log');
      const found = await log.run(again.list());
      const name = found.includes('0000000000000001.wal') ? '0000000000000001.wal' : undefined;
      if (name !== undefined) expect((await log.run(again.read(name))).equals(before), `seed ${seed}`).to.equal(true);
    }
  });

  it('are taken over by the next process, and the one being filled is not', async () => {
    const log = new LogHarness();
    await log.open();
    await append(log, 1, 60);
    await log.run(log.store.compact(58 as LogIndex));
    const before = await log.recycled();
    expect(before.length).to.be.above(2);
    await log.run(log.store.close());
    expect(await log.recycled(), 'after a clean end').to.have.length.at.least(before.length);
    const unfinished = await log.run(log.disk.directory('log').create('spare.tmp'));
    await log.run(unfinished.close());
    const { files, made } = watched(log.disk.directory('log'));
    await openOn(log, files);
    expect(await log.names()).to.not.include('spare.tmp');
    await append(log, 61, 80);
    expect(made()).to.equal(0);
    log.disk.crash();
    expect(indices(await log.open()).at(-1)).to.equal(80);
  });

  it('are removed when they are of another size', async () => {
    const log = new LogHarness();
    await log.open();
    await log.run(log.store.append(batchOf(entryOf(1, 1, 3 * SEGMENT_BYTES))));
    for (let i = 2; i <= 30; i += 1) await log.run(log.store.append(batchOf(entryOf(i, 1, LARGE))));
    await log.run(log.store.compact(1 as LogIndex));
    const [kept] = await log.recycled();
    expect(kept, 'the first segment, which was of the usual size').to.equal('recycled-0000000000000001.tmp');
    expect(await log.recycled()).to.have.length(1);
    await log.run(log.store.close());
    const file = await log.run(log.disk.directory('log').open(kept as string));
    await log.run(file.truncate(1_000));
    await log.open();
    expect(await log.recycled()).to.deep.equal([]);
  });

  it('give their space back when none was needed for a while', async () => {
    const log = new LogHarness();
    await log.open();
    await append(log, 1, 60);
    await log.run(log.store.compact(58 as LogIndex));
    await log.clock.advance(5 * 60_000);
    expect((await log.recycled()).length).to.be.above(2);
    await log.clock.advance(25 * 60_000);
    expect((await log.recycled()).length).to.be.at.most(1);
    await append(log, 61, 90);
    await log.run(log.store.compact(88 as LogIndex));
    expect((await log.recycled()).length).to.be.above(0);
  });

  it('give their space back when somebody else needs it', async () => {
    const log = new LogHarness();
    await log.open();
    await append(log, 1, 60);
    await log.run(log.store.compact(58 as LogIndex));
    expect((await log.recycled()).length).to.be.above(2);
    await log.run(log.store.freeSpace());
    expect(await log.recycled()).to.deep.equal([]);
    await append(log, 61, 90);
    log.disk.crash();
    expect(indices(await log.open()).at(-1)).to.equal(90);
  });

  it('give their space back for a segment that is larger than they are', async () => {
    const log = new LogHarness();
    await log.open();
    await append(log, 1, 60);
    await log.run(log.store.compact(58 as LogIndex));
    expect((await log.recycled()).length).to.be.above(2);
    log.disk.capacityBytes = log.disk.usedBytes + SEGMENT_BYTES;
    const written = log.store.append(batchOf(entryOf(61, 1, 3 * SEGMENT_BYTES)));
    await log.run(written);
    expect(await log.recycled()).to.deep.equal([]);
    log.disk.crash();
    expect(indices(await log.open()).at(-1)).to.equal(61);
  });

  it('let a log go on over a full disk, as its own space comes back', async () => {
    const log = new LogHarness();
    await log.open();
    await append(log, 1, 40);
    await log.clock.advance(100);
    log.disk.capacityBytes = log.disk.usedBytes;
    let last = 40;
    for (let round = 0; round < 5; round += 1) {
      await append(log, last + 1, last + 8);
      last += 8;
      await log.run(log.store.compact((last - 1) as LogIndex));
      await log.clock.advance(3_000);
      expect(log.store.isFull, `round ${round}`).to.equal(false);
    }
    log.disk.crash();
    expect(indices(await log.open()).at(-1)).to.equal(last);
  });

  it('leave no gap among the segments when letting go of them fails part way', async () => {
    const faults: Method[][] = [
      ['open'],
      ['rename'],
      ['remove'],
      ['syncDirectory'],
      ['rename', 'remove'],
      [...METHODS],
    ];
    for (const fault of faults) {
      for (let from = 0; from < 4; from += 1) {
        const what = `${fault} from call ${from} on`;
        const log = new LogHarness();
        const files = log.disk.directory('log');
        const broken = breakable(files);
        await openOn(log, files);
        await append(log, 1, 100);
        await log.clock.advance(100);
        for (const name of fault) broken.names.add(name);
        broken.from = from;
        await log.run(log.store.compact(50 as LogIndex)).catch(() => undefined);
        broken.names.clear();
        expect(await gaps(log), what).to.deep.equal([]);
        await log.run(log.store.compact(75 as LogIndex));
        expect(await gaps(log), what).to.deep.equal([]);
        expect((await log.segments())[0], what).to.equal('0000000000000007.wal');
        await append(log, 101, 130);
        log.disk.crash();
        expect(indices(await log.open()).at(-1), what).to.equal(130);
      }
    }
  });

  it('are let go of by the next compaction when one failed, also when it needs no further segment', async () => {
    const log = new LogHarness();
    const files = log.disk.directory('log');
    const broken = breakable(files);
    await openOn(log, files);
    await append(log, 1, 40);
    broken.names.add('rename').add('remove');
    const failed = await log.run(log.store.compact(30 as LogIndex)).catch((error: Error) => error.message);
    expect(failed).to.equal('EMFILE');
    expect(await log.segments()).to.have.length(4);
    broken.names.clear();
    await log.run(log.store.compact(30 as LogIndex));
    expect(await log.segments()).to.have.length(2);
    expect(await log.recycled()).to.have.length(2);
  });

  it('are not used before a sync has made their new names durable', async () => {
    const log = new LogHarness();
    await log.open();
    await append(log, 1, 40);
    await log.run(log.store.close());
    const files = log.disk.directory('log');
    const broken = breakable(files);
    const recycled = new RecycledSegments({ files, clock: log.clock, segmentBytes: SEGMENT_BYTES });
    broken.names.add('syncDirectory');
    const failed = await log.run(recycled.release([segment(1), segment(2)])).catch((error: Error) => error.message);
    expect(failed).to.equal('EMFILE');
    expect(await log.recycled()).to.include.members(['recycled-0000000000000001.tmp', 'recycled-0000000000000002.tmp']);
    expect(await log.run(recycled.take(SEGMENT_BYTES))).to.equal(undefined);
    broken.names.clear();
    await log.run(recycled.release([]));
    expect(recycled.count).to.equal(2);
    expect((await log.run(recycled.take(SEGMENT_BYTES)))?.name).to.equal('recycled-0000000000000001.tmp');
  });

  it('are left alone once they are closed: a clearing under way has ended, and no timer begins another', async () => {
    const log = new LogHarness();
    await log.open();
    await append(log, 1, 60);
    await log.run(log.store.close());
    const files = log.disk.directory('log');
    const options = { files, clock: log.clock, segmentBytes: SEGMENT_BYTES };
    const first = new RecycledSegments(options);
    const released = first.release([segment(1), segment(2)]);
    await log.run(first.close());
    await released;
    expect(first.count).to.equal(2);
    await log.clock.advance(60 * 60_000);
    expect(await log.recycled(), 'no timer').to.have.length(2);

    const second = new RecycledSegments(options);
    await log.run(second.adopt(await log.names()));
    void second.clear();
    await log.run(second.close());
    const names = await log.names();
    await log.clock.advance(10);
    expect(await log.names(), 'nothing under way').to.deep.equal(names);

    const third = new RecycledSegments(options);
    await log.run(third.release([segment(3)]));
    await log.run(third.close());
    await log.run(third.clear());
    await log.run(third.release([segment(4)]));
    expect(await log.recycled()).to.deep.equal(['recycled-0000000000000003.tmp']);
    expect(await log.segments()).to.include('0000000000000004.wal');
  });

  it('are not missed when they are gone before they are taken over', async () => {
    const log = new LogHarness();
    const files = log.disk.directory('log');
    log.disk.place('log', 'recycled-0000000000000002.tmp', Buffer.alloc(SEGMENT_BYTES));
    const recycled = new RecycledSegments({ files, clock: log.clock, segmentBytes: SEGMENT_BYTES });
    await log.run(recycled.adopt(['recycled-0000000000000001.tmp', 'recycled-0000000000000002.tmp']));
    expect(recycled.count).to.equal(1);
  });

  it('are closed, as the one ahead is, when a log cannot be opened', async () => {
    for (const broken of ['rename', 'syncDirectory', 'open'] as const) {
      const log = new LogHarness();
      await log.open();
      await append(log, 1, 60);
      await log.run(log.store.compact(58 as LogIndex));
      await log.run(log.store.close());
      if (broken !== 'open') {
        // A log without a segment makes its first one when it is opened.
        for (const name of await log.segments()) await log.run(log.disk.directory('log').remove(name));
      }
      const files = log.disk.directory('log');
      const counts = countOpen(files);
      let calls = 0;
      const works = files[broken].bind(files) as (...args: unknown[]) => Promise<unknown>;
      Object.assign(files, {
        [broken]: (...args: unknown[]) => {
          calls += 1;
          // Not the first: the directory is synced, and the last segment opened, before that.
          if (calls > (broken === 'rename' ? 0 : 1)) return Promise.reject(new Error('EIO'));
          return works(...args);
        },
      });
      const error = await openOn(log, files).catch((thrown: { code: string }) => thrown.code);
      expect(error, broken).to.equal('DISK_FAILED');
      expect(counts.opened, broken).to.be.above(0);
      expect(counts.open, broken).to.equal(0);
    }
  });
});

/** Sequences that are missing among the segments. */
async function gaps(log: LogHarness): Promise<number[]> {
  const sequences = (await log.segments()).map((name) => segmentSequence(name) as number);
  return sequences.slice(1).filter((sequence, at) => sequence !== (sequences[at] as number) + 1);
}

/** Counts files that are open. */
function countOpen(files: FileSystem): { opened: number; open: number } {
  const counts = { opened: 0, open: 0 };
  for (const method of ['create', 'open'] as const) {
    const opens = files[method].bind(files);
    files[method] = async (name) => {
      const file = await opens(name);
      counts.opened += 1;
      counts.open += 1;
      const close = file.close.bind(file);
      file.close = () => {
        counts.open -= 1;
        return close();
      };
      return file;
    };
  }
  return counts;
}
