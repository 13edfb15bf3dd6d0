import { crc32 } from 'node:zlib';
import { expect } from 'chai';
import { type FlotillaError, Prng } from '../../../src/base/index.js';
import { type DiskFile, DiskSnapshotStore, type FileSystem } from '../../../src/io/disk/index.js';
import { systemClock } from '../../../src/io/system/index.js';
import { type LogIndex, type SnapshotMeta, silentLogger, type Term } from '../../../src/ports/index.js';
import { SimulatedDisk } from '../../../src/testing/index.js';

const FRAME = 64 * 1024;
/** The payload of what is written and read at a time. */
const BLOCK = 8 * FRAME;
const FILE_5 = '0000000000000005-1.snap';
const PART_5 = '0000000000000005-1.part';
const random = new Prng('snapshots');

function meta(index: number, term = 1): SnapshotMeta {
  return { index: index as LogIndex, term: term as Term, config: Buffer.from(`config of ${index}`) };
}

/** Without latency the simulated disk settles in timers of 0 ms, so the system clock serves as well. */
function setUp(group = 1) {
  const disk = new SimulatedDisk({ clock: systemClock, random: new Prng(7) });
  const open = (as = group) =>
    new DiskSnapshotStore({ files: disk.directory('snap'), group: as, logger: silentLogger });
  return { disk, open, store: open() };
}

async function* chunksOf(bytes: Uint8Array, size = 50_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Keeps the parts as they are until the end: they are the reader's own. */
async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

/** A snapshot file of group 1 as the format says, frame by frame. */
function fileOf({ index, term, config }: SnapshotMeta, payload: Uint8Array): Buffer {
  const head = Buffer.concat([Buffer.from('FLTLSNP\x01'), u32(1, config.length), f64(index, term), config]);
  const parts = [head, u32(crc32(head))];
  for (let at = 0; at < payload.length; at += FRAME) {
    const frame = payload.subarray(at, at + FRAME);
    parts.push(u32(frame.length, crc32(frame)), Buffer.from(frame));
  }
  const foot = Buffer.concat([u32(0xffff_ffff, crc32(payload)), f64(payload.length)]);
  return Buffer.concat([...parts, foot, u32(crc32(foot))]);
}

function u32(...values: number[]): Buffer {
  return Buffer.from(Uint32Array.from(values).buffer);
}

function f64(...values: number[]): Buffer {
  return Buffer.from(Float64Array.from(values).buffer);
}

async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(
    () => undefined,
    (error: unknown) => (error as FlotillaError).code,
  );
}

describe('io/disk: snapshot store', () => {
  for (const size of [0, 1, FRAME - 1, FRAME, FRAME + 1, 200_000, BLOCK - 1, BLOCK, BLOCK + 1, 1_500_000]) {
    it(`gives back a snapshot of ${size} bytes, from any offset`, async () => {
      const { store } = setUp();
      const bytes = random.bytes(size);
      const stored = await store.save(meta(5), chunksOf(bytes));
      expect(stored).to.deep.equal({ meta: meta(5), sizeBytes: size, checksum: crc32(bytes) });
      expect(await store.latest()).to.deep.equal(stored);
      for (const from of [0, 1, FRAME - 1, FRAME, BLOCK - 1, 600_000, size].filter((at) => at <= size)) {
        expect((await collect(store.read(meta(5), from))).equals(bytes.subarray(from))).to.equal(true);
      }
    });
  }

  for (const size of [0, 1, FRAME, FRAME + 1, BLOCK, BLOCK + FRAME + 1, 3 * BLOCK]) {
    it(`makes of ${size} bytes the file that the format says, saved or received in chunks of any size`, async () => {
      const bytes = random.bytes(size);
      const file = fileOf(meta(5), bytes);
      for (const chunkBytes of [10_007, FRAME, 256 * 1024, 3 * BLOCK]) {
        const { disk, store } = setUp();
        await store.save(meta(5), chunksOf(bytes, chunkBytes));
        expect((await disk.directory('snap').read(FILE_5)).equals(file), `saved, ${chunkBytes}`).to.equal(true);
        await disk.directory('snap').remove(FILE_5);
        const draft = await store.draft(meta(5));
        for await (const chunk of chunksOf(bytes, chunkBytes)) await draft.write(chunk);
        await draft.finish(size, crc32(bytes));
        expect((await disk.directory('snap').read(FILE_5)).equals(file), `received, ${chunkBytes}`).to.equal(true);
      }
    });
  }

  it('takes a chunk that its owner writes over as soon as it is asked for the next one', async () => {
    const { store } = setUp();
    const bytes = random.bytes(BLOCK + 1_000);
    async function* reused(): AsyncGenerator<Uint8Array> {
      const buffer = Buffer.alloc(70_000);
      for await (const chunk of chunksOf(bytes, buffer.length)) {
        buffer.set(chunk);
        yield buffer.subarray(0, chunk.length);
      }
    }
    await store.save(meta(5), reused());
    expect((await collect(store.read(meta(5)))).equals(bytes)).to.equal(true);
  });

  it('finds none in a new directory', async () => {
    expect(await setUp().store.latest()).to.equal(undefined);
  });

  it('survives a crash once saved, and a crash while saving leaves the older one', async () => {
    const { disk, open, store } = setUp();
    const bytes = random.bytes(150_000);
    await store.save(meta(5), chunksOf(bytes));
    await new Promise<void>((resolve) => {
      async function* interrupted(): AsyncGenerator<Uint8Array> {
        yield random.bytes(BLOCK + 100_000);
        disk.crash();
        resolve();
        yield random.bytes(100_000);
      }
      void store.save(meta(9), interrupted());
    });
    expect((await open().latest())?.meta).to.deep.equal(meta(5));
    expect((await collect(open().read(meta(5)))).equals(bytes)).to.equal(true);
  });

  it('falls back to the older snapshot when the newest is damaged, and refuses when none is good', async () => {
    const { disk, store } = setUp();
    await store.save(meta(5), chunksOf(random.bytes(1_000)));
    await store.save(meta(9), chunksOf(random.bytes(100_000)));
    disk.corrupt('snap', '0000000000000009-1.snap', 70_000);
    expect((await store.latest())?.meta.index).to.equal(5);
    disk.corrupt('snap', '0000000000000005-1.snap', 500, 5);
    expect(await codeOf(store.latest())).to.equal('SNAPSHOT_CORRUPT');
  });

  it('notices any single flipped bit', async () => {
    for (let run = 0; run < 40; run += 1) {
      const { disk, store } = setUp();
      const bytes = random.bytes(300);
      await store.save(meta(5), chunksOf(bytes));
      const size = disk.usedBytes;
      disk.corrupt('snap', '0000000000000005-1.snap', random.int(size), random.int(8));
      expect(await codeOf(store.latest()), `run ${run}`).to.be.oneOf(['SNAPSHOT_CORRUPT', 'DATA_DIR_FOREIGN']);
    }
  });

  it('refuses a damaged frame while it is read', async () => {
    const { disk, store } = setUp();
    await store.save(meta(5), chunksOf(random.bytes(200_000)));
    disk.corrupt('snap', '0000000000000005-1.snap', 140_000);
    expect(await codeOf(collect(store.read(meta(5))))).to.equal('SNAPSHOT_CORRUPT');
  });

  it('gives what is good of a snapshot before it refuses the rest', async () => {
    for (const damagedFrame of [0, 1, 7, 8, 11]) {
      const { disk, store } = setUp();
      const bytes = random.bytes(12 * FRAME);
      await store.save(meta(5), chunksOf(bytes));
      disk.corrupt('snap', FILE_5, 100 + damagedFrame * (FRAME + 8));
      let given = 0;
      const reading = async () => {
        for await (const part of store.read(meta(5))) given += part.length;
      };
      expect(await codeOf(reading())).to.equal('SNAPSHOT_CORRUPT');
      expect(given).to.equal(damagedFrame * FRAME);
      expect(await codeOf(store.latest())).to.equal('SNAPSHOT_CORRUPT');
    }
  });

  it('refuses frames that are good, each for itself, and not those of the snapshot', async () => {
    const { disk, store } = setUp();
    const bytes = random.bytes(10 * FRAME + 5);
    await store.save(meta(5), chunksOf(bytes));
    const file = await disk.directory('snap').read(FILE_5);
    const stride = FRAME + 8;
    const start = file.length - 20 - 5 - 8 - 10 * stride;
    const third = Buffer.from(file.subarray(start + 2 * stride, start + 3 * stride));
    file.copyWithin(start + 2 * stride, start + 9 * stride, start + 10 * stride);
    file.set(third, start + 9 * stride);
    disk.overwrite('snap', FILE_5, 0, file);
    expect(await codeOf(store.latest())).to.equal('SNAPSHOT_CORRUPT');
  });

  it('refuses a snapshot of another group', async () => {
    const { open, store } = setUp();
    await store.save(meta(5), chunksOf(random.bytes(10)));
    expect(await codeOf(open(2).latest())).to.equal('DATA_DIR_FOREIGN');
  });

  it('goes on with a draft after a restart where its last whole frame ended', async () => {
    const { disk, open, store } = setUp();
    const bytes = random.bytes(300_000);
    const first = await store.draft(meta(8));
    await first.write(bytes.subarray(0, 200_000));
    expect(first.receivedBytes).to.equal(200_000);
    // The process ends, the system does not: nothing was synced, everything is still there.
    const second = await open().draft(meta(8));
    expect(second.receivedBytes).to.equal(3 * FRAME);
    expect(await store.latest()).to.equal(undefined);
    await second.write(bytes.subarray(second.receivedBytes));
    const stored = await second.finish(bytes.length, crc32(bytes));
    expect(stored.meta).to.deep.equal(meta(8));
    disk.crash();
    expect((await collect(open().read(meta(8)))).equals(bytes)).to.equal(true);
  });

  it('goes on with a draft of any length, also where its file was cut or damaged', async () => {
    const bytes = random.bytes(3 * BLOCK);
    for (const frames of [0, 1, 7, 8, 9, 16, 20]) {
      const { disk, open, store } = setUp();
      const first = await store.draft(meta(5));
      await first.write(bytes.subarray(0, 20 * FRAME + 10));
      if (frames < 20) disk.corrupt('snap', PART_5, 100 + frames * (FRAME + 8));
      const second = await open().draft(meta(5));
      expect(second.receivedBytes).to.equal(frames * FRAME);
      await second.write(bytes.subarray(second.receivedBytes));
      await second.finish(bytes.length, crc32(bytes));
      expect((await disk.directory('snap').read(FILE_5)).equals(fileOf(meta(5), bytes))).to.equal(true);
    }
  });

  it('goes on with a draft that the disk had no room for, from what it says it has received', async () => {
    for (const roomBytes of [0, 100_000, BLOCK + 100_000]) {
      const { disk, store } = setUp();
      const bytes = random.bytes(2 * BLOCK + 10);
      const draft = await store.draft(meta(5));
      disk.capacityBytes = disk.usedBytes + roomBytes;
      expect(await codeOf(draft.write(bytes))).to.equal('DISK_FULL');
      disk.capacityBytes = Number.POSITIVE_INFINITY;
      await draft.write(bytes.subarray(draft.receivedBytes));
      await draft.finish(bytes.length, crc32(bytes));
      expect((await collect(store.read(meta(5)))).equals(bytes)).to.equal(true);
    }
  });

  it('writes the frames of a draft again: a sync of them may have failed', async () => {
    const { disk, open, store } = setUp();
    const bytes = random.bytes(2 * FRAME + 10);
    const first = await store.draft(meta(8));
    await first.write(bytes);
    disk.isFailing = true;
    expect(await codeOf(first.finish(bytes.length, crc32(bytes)))).to.equal('DISK_FAILED');
    disk.isFailing = false;
    const second = await open().draft(meta(8));
    expect(second.receivedBytes).to.equal(2 * FRAME);
    await second.write(bytes.subarray(second.receivedBytes));
    await second.finish(bytes.length, crc32(bytes));
    disk.crash();
    expect((await collect(open().read(meta(8)))).equals(bytes)).to.equal(true);
  });

  it('throws away a draft whose bytes are not those that were sent', async () => {
    const { store } = setUp();
    const draft = await store.draft(meta(8));
    await draft.write(random.bytes(10));
    expect(await codeOf(draft.finish(10, 0))).to.equal('SNAPSHOT_CORRUPT');
    expect(await store.latest()).to.equal(undefined);
    expect((await store.draft(meta(8))).receivedBytes).to.equal(0);
  });

  it('does not go on with the draft of another configuration, and forgets a discarded one', async () => {
    const { store } = setUp();
    const draft = await store.draft(meta(8));
    await draft.write(random.bytes(FRAME));
    const other = await store.draft({ ...meta(8), config: Buffer.from('another') });
    expect(other.receivedBytes).to.equal(0);
    await other.write(random.bytes(FRAME));
    await other.discard();
    expect((await store.draft({ ...meta(8), config: Buffer.from('another') })).receivedBytes).to.equal(0);
  });

  it('reports a full disk and keeps what was there', async () => {
    const { disk, store } = setUp();
    await store.save(meta(5), chunksOf(random.bytes(1_000)));
    disk.capacityBytes = disk.usedBytes + 50_000;
    expect(await codeOf(store.save(meta(9), chunksOf(random.bytes(200_000))))).to.equal('DISK_FULL');
    expect((await store.latest())?.meta.index).to.equal(5);
    expect(disk.usedBytes).to.be.below(50_000);
    const draft = await store.draft(meta(9));
    expect(await codeOf(draft.write(random.bytes(200_000)))).to.equal('DISK_FULL');
  });

  it('leaves no file open when a draft cannot be begun or gone on with', async () => {
    const { disk } = setUp();
    const files = disk.directory('snap');
    let open = 0;
    const counted = async (opened: Promise<DiskFile>): Promise<DiskFile> => {
      const file = await opened;
      open += 1;
      const close = file.close.bind(file);
      file.close = async () => {
        open -= 1;
        await close();
      };
      return file;
    };
    const counting: FileSystem = Object.create(files, {
      open: { value: (name: string) => counted(files.open(name)) },
      create: { value: (name: string) => counted(files.create(name)) },
    });
    const store = new DiskSnapshotStore({ files: counting, group: 1, logger: silentLogger });
    disk.capacityBytes = disk.usedBytes + 10;
    expect(await codeOf(store.draft(meta(5)))).to.equal('DISK_FULL');
    expect(open).to.equal(0);
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    const draft = await store.draft(meta(5));
    await draft.write(random.bytes(2 * FRAME));
    await draft.close();
    disk.isFailing = true;
    expect(await codeOf(store.draft(meta(5)))).to.equal('DISK_FAILED');
    expect(open).to.equal(0);
  });

  it('prunes older snapshots and drafts, but never the newest', async () => {
    const { disk, store } = setUp();
    for (const index of [3, 5, 9]) await store.save(meta(index), chunksOf(random.bytes(10)));
    await store.draft(meta(4));
    await store.prune(5 as LogIndex);
    expect(await disk.directory('snap').list()).to.deep.equal(['0000000000000005-1.snap', '0000000000000009-1.snap']);
    await store.prune(100 as LogIndex);
    expect(await disk.directory('snap').list()).to.deep.equal(['0000000000000009-1.snap']);
  });
});
