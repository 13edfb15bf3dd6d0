import { expect } from 'chai';
import fc from 'fast-check';
import { FlotillaError } from '../../../src/base/index.js';
import { systemCrc32 } from '../../../src/io/disk/index.js';
import type { HardState, LogBatch, LogIndex, SnapshotMeta, Term } from '../../../src/ports/index.js';
import { inspectSegment } from '../../../src/wal/index.js';
import { batchOf, entryOf, indices, LogHarness, SEGMENT_BYTES } from './log-harness.js';

const state: HardState = { term: 4 as Term, vote: undefined, commit: 2 as LogIndex };

describe('io/disk: log store', () => {
  it('gives back after a restart what was appended', async () => {
    const log = new LogHarness();
    expect(await log.open()).to.deep.equal({ hardState: undefined, base: 0, entries: [] });
    await log.run(log.store.append(batchOf(entryOf(1), entryOf(2))));
    await log.run(log.store.append({ ...batchOf(), hardState: state }));
    await log.run(log.store.close());
    const stored = await log.open();
    expect(indices(stored)).to.deep.equal([1, 2]);
    expect(stored.hardState).to.deep.equal(state);
  });

  it('gathers the batches that arrive during a write into one', async () => {
    const log = new LogHarness();
    await log.open();
    const before = log.store.counters.writes;
    const answers: number[] = [];
    for (let i = 1; i <= 50; i += 1) log.store.write(batchOf(entryOf(i)), () => answers.push(i));
    await log.run(log.store.append(batchOf(entryOf(51))));
    expect(log.store.counters.writes - before).to.equal(2);
    expect(answers).to.deep.equal(Array.from({ length: 50 }, (_, i) => i + 1));
  });

  it('goes on over many segments and lets go of those that are compacted', async () => {
    const log = new LogHarness();
    await log.open();
    for (let i = 1; i <= 60; i += 1) await log.run(log.store.append(batchOf(entryOf(i, 1, 5_000))));
    const before = await log.segments();
    expect(before.length).to.be.above(4);
    await log.run(log.store.compact(50 as LogIndex));
    expect(await log.segments()).to.deep.equal(before.slice(-1));
    await log.run(log.store.close());
    const stored = await log.open();
    expect(indices(stored)[0]).to.be.within(2, 51);
    expect(indices(stored).at(-1)).to.equal(60);
  });

  it('loses nothing that was acknowledged to a crash at any moment, and keeps only a prefix of the rest', async () => {
    const seeds = fc.integer({ min: 0, max: 2 ** 31 });
    await fc.assert(
      fc.asyncProperty(
        seeds,
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 }),
        crashesLoseNothing,
      ),
      { numRuns: 60 },
    );
  });

  it('refuses everything after a failed sync', async () => {
    const log = new LogHarness();
    await log.open();
    log.disk.isFailing = true;
    const codes: string[] = [];
    for (let i = 1; i <= 3; i += 1) log.store.write(batchOf(entryOf(i)), (error) => codes.push(error?.code ?? 'none'));
    await log.clock.advance(10);
    log.disk.isFailing = false;
    log.store.write(batchOf(entryOf(4)), (error) => codes.push(error?.code ?? 'none'));
    await log.clock.advance(10);
    expect(codes).to.deep.equal(['DISK_FAILED', 'DISK_FAILED', 'DISK_FAILED', 'DISK_FAILED']);
  });

  it('says early that the disk is full, waits when there is no room at all, and goes on by itself', async () => {
    const log = new LogHarness();
    await log.open();
    const said: boolean[] = [];
    log.store.onFull((isFull) => said.push(isFull));
    await log.clock.advance(100);
    log.disk.capacityBytes = log.disk.usedBytes;
    let acknowledged = 0;
    for (let i = 1; i <= 40; i += 1) {
      log.store.write(batchOf(entryOf(i, 1, 5_000)), (error) => {
        expect(error).to.equal(undefined);
        acknowledged += 1;
      });
      await log.clock.advance(10);
      if (log.store.isFull && said.length === 1 && acknowledged === i) said.push(true);
    }
    // It was said while appends still succeeded, and the last ones wait.
    expect(said.slice(0, 2)).to.deep.equal([true, true]);
    expect(acknowledged).to.be.within(10, 39);
    log.disk.capacityBytes = Number.POSITIVE_INFINITY;
    await log.clock.advance(5_000);
    expect(acknowledged).to.equal(40);
    expect(log.store.isFull).to.equal(false);
    await log.run(log.store.close());
    expect(indices(await log.open()).length).to.equal(40);
  });

  it('allocates no segment ahead before half of the current one is written', async () => {
    const log = new LogHarness();
    await log.open();
    await log.run(log.store.append(batchOf(entryOf(1, 1, SEGMENT_BYTES / 4))));
    await log.clock.advance(100);
    expect(await log.names()).to.deep.equal(['0000000000000001.wal']);
    await log.run(log.store.append(batchOf(entryOf(2, 1, SEGMENT_BYTES / 3))));
    await log.clock.advance(100);
    expect(await log.names()).to.deep.equal(['0000000000000001.wal', 'spare.tmp']);
    await log.run(log.store.close());
    await log.open();
    await log.clock.advance(100);
    expect(await log.names(), 'opened to be looked at').to.deep.equal(['0000000000000001.wal']);
  });

  it('says with the first write that the disk is full when it was opened in the second half of a segment', async () => {
    const log = new LogHarness();
    await log.open();
    await log.run(log.store.append(batchOf(entryOf(1, 1, (SEGMENT_BYTES * 2) / 3))));
    await log.run(log.store.close());
    log.disk.capacityBytes = log.disk.usedBytes;
    await log.open();
    await log.run(log.store.append(batchOf(entryOf(2))));
    await log.clock.advance(10);
    expect(log.store.isFull).to.equal(true);
    await log.run(log.store.append(batchOf(entryOf(3, 1, SEGMENT_BYTES / 8))));
    log.disk.capacityBytes = Number.POSITIVE_INFINITY;
    await log.clock.advance(5_000);
    expect(log.store.isFull).to.equal(false);
  });

  it('is closed without a seal when its segment has no room for one', async () => {
    for (let left = 112; left <= 200; left += 4) {
      const log = new LogHarness();
      await log.open();
      await log.run(log.store.append(batchOf(entryOf(1, 1, SEGMENT_BYTES - left - 64))));
      expect(await log.segments(), `${left} bytes left`).to.have.length(1);
      for (let round = 0; round < 8; round += 1) {
        await log.run(log.store.close());
        expect(indices(await log.open()), `${left} bytes left`).to.deep.equal([1]);
      }
      const bytes = await log.run(log.disk.directory('log').read('0000000000000001.wal'));
      const { scan } = inspectSegment(bytes, systemCrc32);
      const isEmpty = bytes.subarray(scan!.end).every((byte) => byte === 0);
      expect(isEmpty, `part of a seal, ${left} bytes left`).to.equal(true);
      await log.run(log.store.append(batchOf(entryOf(2))));
      log.disk.crash();
      expect(indices(await log.open()), `${left} bytes left`).to.deep.equal([1, 2]);
    }
  });

  it('refuses to open a log that is damaged before its tail, and says where', async () => {
    const log = new LogHarness();
    await log.open();
    for (let i = 1; i <= 3; i += 1) await log.run(log.store.append(batchOf(entryOf(i))));
    log.disk.crash();
    log.disk.corrupt('log', '0000000000000001.wal', 120, 3);
    const error = await log.open().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).to.be.instanceOf(FlotillaError).with.property('code', 'LOG_CORRUPT');
    expect((error as Error).message).to.match(/^log\/0000000000000001\.wal: offset 64: .*rebuilt from its peers$/);
  });

  it('makes durable what it finds: a process that was killed may have left it in memory only', async () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const log = new LogHarness(seed);
      await log.open();
      log.store.write(batchOf(entryOf(1)), () => undefined);
      const stored = await log.open();
      expect(indices(stored)).to.deep.equal([1]);
      log.disk.crash();
      expect(indices(await log.open())).to.deep.equal([1]);
    }
  });

  it('writes again what a failed sync left in the kernel for clean: a later sync would not', async () => {
    const log = new LogHarness();
    await log.open();
    await log.run(log.store.append(batchOf(entryOf(1))));
    log.store.write(batchOf(entryOf(2)), () => undefined);
    log.disk.isFailing = true;
    await log.clock.advance(10);
    log.disk.isFailing = false;
    log.disk.kill();
    // The kernel still shows it; who rests on it must know that the disk has it.
    expect(indices(await log.open())).to.deep.equal([1, 2]);
    await log.run(log.store.append(batchOf(entryOf(3))));
    log.disk.crash();
    expect(indices(await log.open())).to.deep.equal([1, 2, 3]);
  });

  it('makes the name of a segment durable that a killed process had only given', async () => {
    for (let seed = 0; seed < 60; seed += 1) {
      const afterMs = (seed % 10) * 0.1;
      const log = new LogHarness(seed);
      await log.open();
      await log.clock.advance(100);
      const large = batchOf(entryOf(1, 1, SEGMENT_BYTES - 2_000));
      await log.run(log.store.append(large));
      await log.clock.advance(100);
      log.store.write(batchOf(entryOf(2, 1, 3_000)), () => undefined);
      await log.clock.advance(afterMs);
      log.disk.kill();
      const found = indices(await log.open());
      const next = found.length + 1;
      await log.run(log.store.append(batchOf(entryOf(next))));
      log.disk.crash();
      expect(indices(await log.open()), `seed ${seed}`).to.deep.equal([...found, next]);
    }
  });

  it('says where the log begins', async () => {
    const log = new LogHarness();
    await log.open();
    const snapshot: SnapshotMeta = { index: 20 as LogIndex, term: 3 as Term, config: Buffer.from('c') };
    await log.run(log.store.append({ snapshot, entries: [], hardState: state }));
    const { base, entries } = await log.open();
    expect([base, entries.length]).to.deep.equal([20, 0]);
  });

  it('survives a disk that is full for overwriting too, and writes the same bytes again', async () => {
    const log = new LogHarness();
    await log.open();
    await log.clock.advance(100);
    log.disk.isCopyOnWrite = true;
    log.disk.capacityBytes = log.disk.usedBytes;
    let acknowledged = 0;
    for (let i = 1; i <= 3; i += 1) log.store.write(batchOf(entryOf(i)), () => (acknowledged += 1));
    await log.clock.advance(3_000);
    expect([acknowledged, log.store.isFull]).to.deep.equal([0, true]);
    log.disk.capacityBytes = Number.POSITIVE_INFINITY;
    await log.clock.advance(3_000);
    expect([acknowledged, log.store.isFull]).to.deep.equal([3, false]);
    log.disk.crash();
    expect(indices(await log.open())).to.deep.equal([1, 2, 3]);
  });

  it('starts after a snapshot that replaced the log, and lets go of what it replaced', async () => {
    const log = new LogHarness();
    await log.open();
    for (let i = 1; i <= 30; i += 1) await log.run(log.store.append(batchOf(entryOf(i, 1, 5_000))));
    const snapshot: SnapshotMeta = { index: 20 as LogIndex, term: 3 as Term, config: Buffer.from('c') };
    await log.run(log.store.append({ snapshot, entries: [entryOf(21, 3)], hardState: state }));
    await log.run(log.store.append(batchOf(entryOf(22, 3, SEGMENT_BYTES))));
    await log.run(log.store.append(batchOf(entryOf(23, 3, SEGMENT_BYTES))));
    await log.run(log.store.compact(20 as LogIndex));
    const names = await log.run(log.disk.directory('log').list());
    // What was written before counts for nothing, although its indices go beyond the snapshot's.
    expect(names.filter((name) => name.endsWith('.wal')).length).to.equal(3);
    log.disk.crash();
    expect(indices(await log.open())).to.deep.equal([21, 22, 23]);
  });

  it('answers closed after close, and close waits for what was appended', async () => {
    const log = new LogHarness();
    await log.open();
    const answers: (string | undefined)[] = [];
    log.store.write(batchOf(entryOf(1)), (error) => answers.push(error?.code));
    await log.run(log.store.close());
    log.store.write(batchOf(entryOf(2)), (error) => answers.push(error?.code));
    await log.clock.advance(1);
    expect(answers).to.deep.equal([undefined, 'CLOSED']);
  });

  it('takes a batch larger than a segment', async () => {
    const log = new LogHarness();
    await log.open();
    await log.run(log.store.append(batchOf(entryOf(1), entryOf(2, 1, 3 * SEGMENT_BYTES))));
    log.disk.crash();
    expect(indices(await log.open())).to.deep.equal([1, 2]);
  });
});

/** Rounds of appends (some overwriting a suffix) that end in a crash while some of them are under way. */
async function crashesLoseNothing(seed: number, rounds: readonly number[]): Promise<void> {
  const log = new LogHarness(seed);
  const random = log.random.fork('test');
  let acknowledged: LogBatch[] = [];
  let pending: LogBatch[] = [];
  let term = 1;
  let expected = replay([]);
  for (const round of rounds) {
    const stored = await log.open();
    expected = checkRecovered(stored.entries.map(keyOf), expected, acknowledged, pending);
    acknowledged = [];
    pending = [];
    let last = expected.length;
    for (let i = 0; i < round * 4; i += 1) {
      const back = random.chance(0.2) ? random.int(3) : 0;
      if (back > 0) term += 1;
      last = Math.max(0, last - back);
      const batch = batchOf(entryOf(last + 1, term, random.int(9_000)), entryOf(last + 2, term, 50));
      last += 2;
      pending.push(batch);
      log.store.write(batch, () => {
        acknowledged.push(batch);
        pending.splice(pending.indexOf(batch), 1);
      });
      if (random.chance(0.5)) await log.clock.advance(random.float());
    }
    log.disk.crash();
  }
}

function checkRecovered(
  found: string[],
  before: string[],
  acknowledged: readonly LogBatch[],
  pending: readonly LogBatch[],
): string[] {
  const durable = replay(acknowledged, before);
  const allowed = [durable];
  let log = durable;
  // Any number of the unacknowledged batches may be there, the last of them in part.
  for (const batch of pending) {
    const first = (batch.entries[0] as { index: number }).index;
    allowed.push(log.slice(0, first - 1));
    log = replay([batch], log);
    allowed.push(log.slice(0, first), log);
  }
  expect(allowed.map(String)).to.include(String(found));
  return found;
}

function replay(batches: readonly LogBatch[], onto: readonly string[] = []): string[] {
  const log = [...onto];
  for (const { entries } of batches) {
    for (const entry of entries) log.splice(entry.index - 1, log.length, keyOf(entry));
  }
  return log;
}

function keyOf(entry: { index: number; term: number; data: Uint8Array }): string {
  return `${entry.index}/${entry.term}/${entry.data.length}`;
}
