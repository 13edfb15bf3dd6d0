import * as zlib from 'node:zlib';
import { expect } from 'chai';
import type { ChunkDeflate } from '../../../src/drivers/raft/index.js';
import { MemorySnapshotStore } from '../../../src/io/memory/index.js';
import type { LogIndex, MemberId, SnapshotMeta, Term } from '../../../src/ports/index.js';
import type { InstallSnapshot } from '../../../src/raft/index.js';
import { GROUP, heartbeat, type NetWorld, onBothTransports, say, type TestDirector } from './net-world.js';

const FROM = 1 as MemberId;

function meta(index = 100): SnapshotMeta {
  return { index: index as LogIndex, term: 3 as Term, config: Buffer.from('a configuration') };
}

function install(at: SnapshotMeta, term = 4): InstallSnapshot {
  return { type: 'installSnapshot', to: 2 as MemberId, term: term as Term, meta: at };
}

/** Bytes that compress to about half. */
function content(sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  let state = 12_345;
  for (let at = 0; at < sizeBytes; at += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = (at & 1) === 0 ? state >>> 24 : 7;
  }
  return bytes;
}

async function storeWith(bytes: Buffer, at = meta(), partBytes = 100_000): Promise<MemorySnapshotStore> {
  const store = new MemorySnapshotStore();
  await store.save(at, parts(bytes, partBytes));
  return store;
}

async function* parts(bytes: Buffer, partBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += partBytes) yield bytes.subarray(at, at + partBytes);
}

async function bytesOf(store: MemorySnapshotStore, at = meta()): Promise<Buffer> {
  const found: Uint8Array[] = [];
  for await (const part of store.read(at)) found.push(part);
  return Buffer.concat(found);
}

/** Works at once, so that it takes no virtual time. */
export const promptDeflate: ChunkDeflate = {
  deflate: (plain) => zlib.deflateRawSync(plain, { level: 1 }),
  inflate: (packed, bytesMax) => zlib.inflateRawSync(packed, { maxOutputLength: Math.max(1, bytesMax) }),
};

async function pair(world: NetWorld, options: Parameters<NetWorld['director']>[1] = {}) {
  const deflate = promptDeflate;
  const a = await world.director('d1', { deflate, ...options });
  const store = new MemorySnapshotStore();
  const b = await world.director('d2', { deflate, ...options, snapshots: store });
  return { a, b, store };
}

function cutBulk({ bulkEndpoint }: TestDirector): void {
  for (const connection of bulkEndpoint?.connections() ?? []) connection.close(0, 'cut by the test');
}

onBothTransports('snapshots between directors', (current) => {
  it('arrive whole, and only then is the group told', async () => {
    const world = current();
    const { a, b, store } = await pair(world);
    const bytes = content(3_000_000);
    let latest: Promise<unknown> | undefined;
    b.group.onReceive = () => {
      latest = store.latest();
    };
    const source = await storeWith(bytes);
    await world.run(a.network.sendSnapshot(b.id, GROUP, FROM, install(meta()), source));
    expect(b.group.received).to.deep.equal([{ node: a.id, from: FROM, message: install(meta()) }]);
    expect(await latest).to.not.equal(undefined);
    expect(Buffer.compare(await bytesOf(store), bytes)).to.equal(0);
    const { snapshotBytes, snapshotBytesSent } = a.network.counters;
    expect(snapshotBytes).to.equal(bytes.length);
    expect(snapshotBytesSent).to.be.lessThan(0.8 * bytes.length);
  });

  it('of 24 MB go on where they were cut', async function () {
    this.timeout(60_000);
    const world = current();
    const { a, b, store } = await pair(world);
    const bytes = content(24 * 1024 * 1024);
    const sending = a.network.sendSnapshot(b.id, GROUP, FROM, install(meta()), await storeWith(bytes));
    for (const share of [0.2, 0.6]) {
      await world.until('a part of it', () => b.network.counters.snapshotBytesReceived > share * 0.6 * bytes.length);
      cutBulk(a);
    }
    await world.run(sending);
    expect(Buffer.compare(await bytesOf(store), bytes)).to.equal(0);
    const { snapshotRetries, snapshotsResumed, snapshotBytes } = a.network.counters;
    expect(snapshotRetries).to.equal(2);
    expect(snapshotsResumed).to.equal(2);
    // What was under way when it broke is sent again, nothing else.
    expect(snapshotBytes).to.be.lessThan(1.7 * bytes.length);
    expect(b.group.count('installSnapshot')).to.equal(1);
  });

  it('leave room for heartbeats while they are moved', async function () {
    this.timeout(60_000);
    const world = current();
    const { a, b } = await pair(world, { options: { snapshot: { compressAboveBytes: Number.POSITIVE_INFINITY } } });
    say(a, b, heartbeat(0));
    await world.until('the link', () => b.group.rounds.length === 1);
    let done = false;
    const sending = a.network.sendSnapshot(b.id, GROUP, FROM, install(meta()), await storeWith(content(30_000_000)));
    const over = sending.finally(() => {
      done = true;
    });
    let beside = 0;
    for (let round = 1; !done; round += 1) {
      say(a, b, heartbeat(round));
      await world.until('the heartbeat', () => b.group.rounds.includes(round));
      if (!done) beside += 1;
      await world.pass(1);
    }
    await over;
    expect(beside).to.be.greaterThan(5);
    expect(b.group.lost).to.deep.equal([]);
  });

  it('are refused from one that belongs to another cluster', async () => {
    const world = current();
    const a = await world.director('d1', { deflate: promptDeflate });
    const b = await world.director('d2', { clusterId: 'another', snapshots: new MemorySnapshotStore() });
    const source = await storeWith(content(1_000));
    const sending = a.network.sendSnapshot(b.id, GROUP, FROM, install(meta()), source);
    const failure = await world.run(sending.catch((error: Error) => error));
    expect(failure).to.have.property('reason', 'CLUSTER_MISMATCH');
    expect(b.group.received).to.deep.equal([]);
  });

  it('are empty where a state machine is', async () => {
    const world = current();
    const { a, b, store } = await pair(world);
    const source = await storeWith(Buffer.alloc(0));
    await world.run(a.network.sendSnapshot(b.id, GROUP, FROM, install(meta()), source));
    expect((await store.latest())?.sizeBytes).to.equal(0);
  });
});

onBothTransports('a snapshot sender', (current) => {
  it('delivers the newer message when the leader says it again, to both who asked', async () => {
    const world = current();
    const { a, b, store } = await pair(world);
    const source = await storeWith(content(2_000_000));
    const first = a.network.sendSnapshot(b.id, GROUP, FROM, install(meta(), 4), source);
    await world.until('a part of it', () => b.network.counters.snapshotBytesReceived > 0);
    await source.save(meta(200), parts(content(500_000), 50_000));
    const second = a.network.sendSnapshot(b.id, GROUP, FROM, install(meta(200), 5), source);
    await world.run(Promise.all([first, second]));
    expect(b.group.received.map(({ message }) => message)).to.deep.equal([install(meta(200), 5)]);
    expect((await store.latest())?.meta.index).to.equal(200);
  });

  it('sends the newest snapshot that there is', async () => {
    const world = current();
    const { a, b } = await pair(world);
    const source = await storeWith(content(1_000), meta(300));
    await world.run(a.network.sendSnapshot(b.id, GROUP, FROM, install(meta(100)), source));
    expect(b.group.received.map(({ message }) => message)).to.deep.equal([install(meta(300))]);
  });

  it('gives up when the snapshot is not there any more', async () => {
    const world = current();
    const { a, b } = await pair(world);
    const sending = a.network.sendSnapshot(b.id, GROUP, FROM, install(meta()), new MemorySnapshotStore());
    expect(await world.run(sending.catch((error: Error) => error))).to.have.property('reason', 'INPUT_INVALID');
    expect(a.network.counters.snapshotRetries).to.equal(0);
  });

  it('gives up when the receiver stays away', async () => {
    const world = current();
    const { a, b } = await pair(world, { options: { snapshot: { attemptsMax: 3 } } });
    const { id } = b;
    const source = await storeWith(content(1_000));
    await world.crash(b);
    const failure = await world.run(
      a.network.sendSnapshot(id, GROUP, FROM, install(meta()), source).catch((error: Error) => error),
    );
    expect(failure).to.be.instanceOf(Error);
    expect(a.network.counters.snapshotRetries).to.equal(2);
  });
});
