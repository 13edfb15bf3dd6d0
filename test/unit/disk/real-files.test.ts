import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, open, readdir, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { FlotillaError } from '../../../src/base/index.js';
import { DiskLogStore, DiskSnapshotStore, NodeFileSystem } from '../../../src/io/disk/index.js';
import { ReadOnlyDirectory } from '../../../src/io/disk/read-only-directory.js';
import { systemClock, systemRandom } from '../../../src/io/system/index.js';
import { type LogIndex, silentLogger, type Term } from '../../../src/ports/index.js';
import { batchOf, entryOf, indices } from './log-harness.js';

/** `.ts` when the tests run without a build. */
const WRITER = fileURLToPath(new URL(`./log-writer-process${import.meta.url.slice(-3)}`, import.meta.url));

describe('io/disk: real files', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'flotilla-disk-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  async function makeStore(segmentBytes = 64 * 1024): Promise<DiskLogStore> {
    const files = await NodeFileSystem.at(directory);
    const options = { files, group: 1, clock: systemClock, random: systemRandom, logger: silentLogger };
    return new DiskLogStore({ ...options, segmentBytes });
  }

  async function reopen(): Promise<number[] | string> {
    const store = await makeStore();
    try {
      return indices(await store.open());
    } catch (error) {
      return (error as FlotillaError).code;
    } finally {
      await store.close();
    }
  }

  /** Three segments and some; entry 40 is the last. */
  async function written(): Promise<string[]> {
    const store = await makeStore();
    await store.open();
    for (let i = 1; i <= 40; i += 1) await store.append(batchOf(entryOf(i, 1, 5_000)));
    await store.close();
    return (await readdir(directory)).filter((name) => name.endsWith('.wal')).sort();
  }

  it('hold a log over many segments, preallocated', async () => {
    const names = await written();
    expect(names.length).to.be.above(3);
    for (const name of names) expect((await stat(join(directory, name))).size).to.equal(64 * 1024);
    expect(await reopen()).to.have.length(40);
    expect(await reopen(), 'a second time').to.have.length(40);
  });

  it('lose no acknowledged entry when the writer is killed, time after time', async function () {
    this.timeout(60_000);
    let durable = 0;
    for (let round = 0; round < 5; round += 1) {
      const outcome = await writeUntilKilled(directory, durable + 40 + round * 17);
      expect(outcome.opened, `round ${round}`).to.be.at.least(durable);
      durable = outcome.durable;
    }
    const found = await reopen();
    expect(found).to.be.an('array');
    expect((found as number[]).length).to.be.at.least(durable);
    expect(found).to.deep.equal(Array.from({ length: found.length }, (_, i) => i + 1));
  });

  it('are refused when one is shorter, flipped or missing', async () => {
    const [first, second] = await written();
    const path = join(directory, first!);
    await flip(path, 10_000);
    expect(await reopen()).to.equal('LOG_CORRUPT');
    await flip(path, 10_000);
    expect(await reopen()).to.have.length(40);
    await rm(join(directory, second!));
    expect(await reopen()).to.equal('LOG_CORRUPT');
  });

  it('are refused when an older one was cut short', async () => {
    const [first] = await written();
    await truncate(join(directory, first!), 30_000);
    expect(await reopen()).to.equal('LOG_CORRUPT');
  });

  it('are cut when only the last write is damaged', async () => {
    const store = await makeStore();
    await store.open();
    for (let i = 1; i <= 5; i += 1) await store.append(batchOf(entryOf(i, 1, 1_000)));
    const names = (await readdir(directory)).filter((name) => name.endsWith('.wal'));
    // No clean shutdown: nothing says that the last write was durable.
    const at = 64 + 4 * (24 + 24 + 1_000) + 500;
    await flip(join(directory, names[0]!), at);
    const again = await makeStore();
    expect(indices(await again.open())).to.deep.equal([1, 2, 3, 4]);
    await again.append(batchOf(entryOf(5, 2, 10)));
    await again.close();
    expect(await reopen()).to.deep.equal([1, 2, 3, 4, 5]);
    await store.close();
  });

  it('fill a buffer from any place, and less of it only at their end', async () => {
    const files = await NodeFileSystem.at(directory);
    const file = await files.create('a');
    const bytes = systemRandom.bytes(10_000);
    await new Promise<void>((resolve) => file.write(bytes, 0, () => resolve()));
    const readOnly = await new ReadOnlyDirectory(directory).open('a');
    for (const reader of [file, readOnly]) {
      for (const [position, size] of [
        [0, 10_000],
        [0, 4_000],
        [9_000, 1_000],
        [9_000, 5_000],
        [10_000, 10],
      ] as const) {
        const expected = bytes.subarray(position, position + size);
        const buffer = Buffer.alloc(size, 1);
        expect(await reader.readInto(buffer, position)).to.equal(expected.length);
        expect(buffer.subarray(0, expected.length).equals(expected)).to.equal(true);
        expect((await reader.read(position, size)).equals(expected)).to.equal(true);
      }
      await reader.close();
    }
  });

  it('hold snapshots', async () => {
    const files = await NodeFileSystem.at(directory);
    const store = new DiskSnapshotStore({ files, group: 1, logger: silentLogger });
    const meta = { index: 3 as LogIndex, term: 1 as Term, config: Buffer.from('c') };
    const bytes = systemRandom.bytes(1_200_000);
    async function* chunks(): AsyncGenerator<Uint8Array> {
      yield bytes;
    }
    await store.save(meta, chunks());
    const parts: Uint8Array[] = [];
    for await (const part of store.read(meta, 100_000)) parts.push(part);
    expect(Buffer.concat(parts).equals(bytes.subarray(100_000))).to.equal(true);
    expect((await store.latest())?.sizeBytes).to.equal(1_200_000);
    expect(await readdir(directory)).to.deep.equal(['0000000000000003-1.snap']);
  });
});

/** Kills the writer as soon as it has said that `killAfter` is durable. */
async function writeUntilKilled(directory: string, killAfter: number): Promise<{ opened: number; durable: number }> {
  const child: ChildProcess = spawn(process.execPath, [...process.execArgv, WRITER, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const outcome = { opened: -1, durable: 0 };
  const ended = new Promise((resolve) => child.once('exit', resolve));
  for await (const line of createInterface({ input: child.stdout! })) {
    const [what, index] = line.split(' ');
    if (what === 'opened') outcome.opened = Number(index);
    if (what === 'durable') outcome.durable = Number(index);
    if (outcome.durable >= killAfter) child.kill('SIGKILL');
  }
  await ended;
  return outcome;
}

async function flip(path: string, offset: number): Promise<void> {
  const file = await open(path, 'r+');
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, offset);
  await file.write(Buffer.from([buffer[0]! ^ 4]), 0, 1, offset);
  await file.close();
}
