import { expect } from 'chai';
import { Prng } from '../../../src/base/index.js';
import type { DiskFile } from '../../../src/io/disk/index.js';
import { SimulatedClock, SimulatedDisk } from '../../../src/testing/index.js';

function setUp(seed: number | string = 1, latencyMs = 0) {
  const clock = new SimulatedClock();
  const disk = new SimulatedDisk({ clock, random: new Prng(seed), latencyMs: () => latencyMs });
  return { clock, disk };
}

async function run<T>(clock: SimulatedClock, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const settle = () => {
    isSettled = true;
  };
  promise.then(settle, settle);
  await clock.runUntil(() => isSettled, 10_000);
  return promise;
}

/** The outcome of a callback operation: `undefined` while it has none, else the error's code or `ok`. */
function outcomeOf(start: (done: (error: Error | undefined) => void) => void): { code: string | undefined } {
  const outcome: { code: string | undefined } = { code: undefined };
  start((error) => {
    outcome.code = error === undefined ? 'ok' : (error as NodeJS.ErrnoException).code;
  });
  return outcome;
}

async function durableFile(clock: SimulatedClock, disk: SimulatedDisk, name: string): Promise<DiskFile> {
  const files = disk.directory('d');
  const file = await run(clock, files.create(name));
  await run(clock, files.syncDirectory());
  return file;
}

describe('testing: simulated disk', () => {
  it('keeps what was synced, whatever the crash', async () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const { clock, disk } = setUp(seed);
      const file = await durableFile(clock, disk, 'a');
      file.writeDurably(Buffer.alloc(3_000, 1), 0, () => undefined);
      await clock.advance(1);
      disk.crash();
      expect((await run(clock, disk.directory('d').read('a'))).equals(Buffer.alloc(3_000, 1))).to.equal(true);
    }
  });

  it('never brings back, with a crash, what a later durable write has replaced', async () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const { clock, disk } = setUp(seed);
      const file = await durableFile(clock, disk, 'a');
      file.write(Buffer.alloc(2_000, 1), 500, () => undefined);
      file.writeDurably(Buffer.alloc(1_000, 2), 0, () => undefined);
      await clock.advance(1);
      disk.crash();
      const content = await run(clock, disk.directory('d').read('a'));
      expect(content.subarray(0, 1_000).equals(Buffer.alloc(1_000, 2)), `seed ${seed}`).to.equal(true);
    }
  });

  it('shows all that was written when only the process was killed, and finishes nothing for it', async () => {
    const { clock, disk } = setUp(1, 1);
    const file = await durableFile(clock, disk, 'a');
    const written = outcomeOf((done) => file.write(Buffer.alloc(3_000, 1), 0, done));
    disk.kill();
    await clock.advance(10);
    expect(written.code).to.equal(undefined);
    expect((await run(clock, disk.directory('d').read('a'))).equals(Buffer.alloc(3_000, 1))).to.equal(true);
    expect(outcomeOf((done) => file.write(Buffer.alloc(1), 0, done)).code).to.equal(undefined);
  });

  it('keeps, loses or tears by sector what was not', async () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 60; seed += 1) {
      const { clock, disk } = setUp(seed);
      const file = await durableFile(clock, disk, 'a');
      file.writeDurably(Buffer.alloc(2_048, 1), 0, () => undefined);
      await clock.advance(1);
      file.write(Buffer.alloc(2_048, 2), 0, () => undefined);
      await clock.advance(1);
      disk.crash();
      const content = await run(clock, disk.directory('d').read('a'));
      for (let at = 0; at < 2_048; at += 512) expect(new Set(content.subarray(at, at + 512)).size).to.equal(1);
      const kinds = new Set(content);
      if (kinds.size === 2) seen.add('torn');
      else seen.add(kinds.has(2) ? 'kept' : 'lost');
    }
    expect([...seen].sort()).to.deep.equal(['kept', 'lost', 'torn']);
  });

  it('may lose names that no directory sync covered, and never mixes their order', async () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 40; seed += 1) {
      const { clock, disk } = setUp(seed);
      const files = disk.directory('d');
      await durableFile(clock, disk, 'a');
      await run(clock, files.rename('a', 'b'));
      await run(clock, files.create('c'));
      disk.crash();
      seen.add((await run(clock, disk.directory('d').list())).join());
    }
    expect([...seen].sort()).to.deep.equal(['a', 'b', 'b,c']);
  });

  it('ends operations in their order, each after its time', async () => {
    const { clock, disk } = setUp(1, 5);
    const file = await durableFile(clock, disk, 'a');
    const startMs = clock.nowMs();
    const ends: number[] = [];
    for (let i = 0; i < 3; i += 1) file.write(Buffer.alloc(1), i, () => ends.push(clock.nowMs() - startMs));
    await clock.advance(100);
    expect(ends).to.deep.equal([5, 10, 15]);
  });

  it('ends nothing while it is stalled, and then everything', async () => {
    const { clock, disk } = setUp();
    const file = await durableFile(clock, disk, 'a');
    disk.isStalled = true;
    const write = outcomeOf((done) => file.writeDurably(Buffer.alloc(1), 0, done));
    await clock.advance(10_000);
    expect(write.code).to.equal(undefined);
    disk.isStalled = false;
    expect(write.code).to.equal('ok');
  });

  it('loses with the crash what a failed sync should have written, though a later sync succeeds', async () => {
    const { clock, disk } = setUp();
    const file = await durableFile(clock, disk, 'a');
    file.write(Buffer.alloc(10, 1), 0, () => undefined);
    disk.isFailing = true;
    const failed = outcomeOf((done) => file.sync(done));
    await clock.advance(1);
    disk.isFailing = false;
    const later = outcomeOf((done) => file.sync(done));
    await clock.advance(1);
    expect([failed.code, later.code]).to.deep.equal(['EIO', 'ok']);
    disk.crash();
    expect((await run(clock, disk.directory('d').read('a'))).length).to.equal(0);
  });

  it('has no room beyond its capacity, but for what is there already', async () => {
    const { clock, disk } = setUp();
    const file = await durableFile(clock, disk, 'a');
    disk.capacityBytes = 100;
    const fits = outcomeOf((done) => file.write(Buffer.alloc(100), 0, done));
    const grows = outcomeOf((done) => file.write(Buffer.alloc(1), 100, done));
    const stays = outcomeOf((done) => file.write(Buffer.alloc(100, 1), 0, done));
    await clock.advance(1);
    expect([fits.code, grows.code, stays.code]).to.deep.equal(['ok', 'ENOSPC', 'ok']);
  });

  it('lets nothing of a dead process act or hear', async () => {
    const { clock, disk } = setUp(1, 5);
    const file = await durableFile(clock, disk, 'a');
    const files = disk.directory('d');
    const before = outcomeOf((done) => file.writeDurably(Buffer.alloc(1, 9), 0, done));
    disk.crash();
    const after = outcomeOf((done) => file.writeDurably(Buffer.alloc(4, 9), 0, done));
    void files.create('zombie');
    await clock.advance(100);
    expect([before.code, after.code]).to.deep.equal([undefined, undefined]);
    expect(await run(clock, disk.directory('d').list())).to.deep.equal(['a']);
    expect((await run(clock, disk.directory('d').read('a'))).length).to.be.below(4);
  });

  it('flips a bit for readers and across crashes', async () => {
    const { clock, disk } = setUp();
    const file = await durableFile(clock, disk, 'a');
    file.writeDurably(Buffer.alloc(4), 0, () => undefined);
    await clock.advance(1);
    disk.corrupt('d', 'a', 2, 3);
    expect(await run(clock, disk.directory('d').read('a'))).to.deep.equal(Buffer.from([0, 0, 8, 0]));
    disk.crash();
    expect(await run(clock, disk.directory('d').read('a'))).to.deep.equal(Buffer.from([0, 0, 8, 0]));
  });
});
