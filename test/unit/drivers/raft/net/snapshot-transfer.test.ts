import * as zlib from 'node:zlib';
import { expect } from 'chai';
import { FlotillaError, type NodeId, type NodeRole, Prng, RpcError } from '../../../../../src/base/index.js';
import type { GroupInbox, SnapshotTransferOptions } from '../../../../../src/drivers/raft/index.js';
import type { ChunkDeflate } from '../../../../../src/drivers/raft/net/chunk-packer.js';
import { newPeerNetworkCounters } from '../../../../../src/drivers/raft/net/network-counters.js';
import type { PeerChannel } from '../../../../../src/drivers/raft/net/peer.js';
import { peerNetworkOptions } from '../../../../../src/drivers/raft/net/peer-network-options.js';
import { encodeBegin, encodeChunk, encodeEnd } from '../../../../../src/drivers/raft/net/snapshot-frames.js';
import { SnapshotReceiver } from '../../../../../src/drivers/raft/net/snapshot-receiver.js';
import { SnapshotSender } from '../../../../../src/drivers/raft/net/snapshot-sender.js';
import { Throttle } from '../../../../../src/drivers/raft/net/throttle.js';
import { MemorySnapshotStore } from '../../../../../src/io/memory/index.js';
import {
  type GroupId,
  type LogIndex,
  type MemberId,
  type SnapshotMeta,
  type SnapshotStore,
  silentLogger,
  type Term,
} from '../../../../../src/ports/index.js';
import type { InstallSnapshot } from '../../../../../src/raft/index.js';
import type { CallContext, CallOptions } from '../../../../../src/rpc/index.js';
import { SimulatedClock } from '../../../../../src/testing/index.js';

const META: SnapshotMeta = { index: 100 as LogIndex, term: 3 as Term, config: Buffer.from('config') };
const FROM = 1 as MemberId;

function install(term = 4, meta = META): InstallSnapshot {
  return { type: 'installSnapshot', to: 2 as MemberId, term: term as Term, meta };
}

const zip: ChunkDeflate = {
  deflate: (plain) => zlib.deflateRawSync(plain, { level: 1 }),
  inflate: (packed, bytesMax) => zlib.inflateRawSync(packed, { maxOutputLength: Math.max(1, bytesMax) }),
};

function caller(id: string, role: NodeRole = 'director'): CallContext {
  return { peer: { id: id as NodeId, role } } as CallContext;
}

function noise(sizeBytes: number): Buffer {
  return Buffer.from(new Prng('noise').bytes(sizeBytes));
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** What passes between a sender and a receiver; a test may change or end it. */
type Line = (frames: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;

class TransferWorld {
  readonly clock = new SimulatedClock();
  readonly counters = newPeerNetworkCounters();
  readonly received: InstallSnapshot[] = [];
  readonly source = new MemorySnapshotStore();
  store: SnapshotStore = new MemorySnapshotStore();
  receiver: SnapshotReceiver;
  /** One per attempt; the last one for all further attempts. */
  lines: Line[] = [(frames) => frames];
  attempts = 0;
  private readonly transfer: SnapshotTransferOptions;

  constructor(options: Partial<SnapshotTransferOptions> = {}) {
    this.transfer = peerNetworkOptions({ snapshot: { chunkBytes: 10_000, ...options } }).snapshot;
    this.receiver = this.newReceiver();
  }

  newReceiver(): SnapshotReceiver {
    const { counters, transfer } = this;
    const inboxOf = (group: GroupId): GroupInbox =>
      ({
        id: group,
        snapshots: this.store,
        receive: (_node: NodeId, _from: MemberId, message: InstallSnapshot) => void this.received.push(message),
      }) as unknown as GroupInbox;
    return new SnapshotReceiver({
      logger: silentLogger,
      counters,
      transfer,
      zip,
      checkCluster: () => undefined,
      inboxOf,
    });
  }

  sender(message = install(), store: SnapshotStore = this.source): SnapshotSender {
    const { clock, counters, transfer } = this;
    const host = {
      ...{ clusterId: 'c', clock, random: new Prng(1), logger: silentLogger, counters, transfer, zip },
      throttle: new Throttle(clock, transfer.bytesPerSecond),
      channelTo: () => this.channel(),
    };
    return new SnapshotSender(host, { to: 'd2' as NodeId, group: 0 as GroupId, from: FROM, message, store });
  }

  /** The sender's calls go straight to the receiver, and end when their signal says so. */
  private channel(): PeerChannel {
    const bidiStream = (_method: unknown, frames: AsyncIterable<Uint8Array>, options?: CallOptions) => {
      const line = this.lines[Math.min(this.attempts, this.lines.length - 1)] as Line;
      this.attempts += 1;
      return abortable(this.receiver.serve(asBuffers(line(frames)), caller('d1')), options?.signal);
    };
    return { hello: {}, bidiStream } as unknown as PeerChannel;
  }

  async run<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const settled = work.finally(() => {
      done = true;
    });
    settled.catch(() => undefined);
    expect(await this.clock.runUntil(() => done, 3_600_000)).to.equal(true);
    return settled;
  }

  async bytes(): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for await (const part of this.store.read(META)) parts.push(part);
    return Buffer.concat(parts);
  }
}

async function* asBuffers(frames: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const frame of frames) yield Buffer.from(frame);
}

async function* abortable(replies: AsyncIterator<Uint8Array>, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const aborted = new Promise<never>((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason));
  });
  aborted.catch(() => undefined);
  for (;;) {
    const { value, done } = await Promise.race([replies.next(), aborted]);
    if (done === true) return;
    yield value;
  }
}

/** Lets the head and so many chunks through, then breaks. */
function cutAfter(chunks: number): Line {
  return async function* (frames) {
    let count = 0;
    for await (const frame of frames) {
      yield frame;
      count += 1;
      if (count > chunks) throw RpcError.of('CONNECTION_LOST', 'cut by the test');
    }
  };
}

/** Changes one byte of one frame. */
function flip(frameNumber: number, at: number): Line {
  return async function* (frames) {
    let count = 0;
    for await (const frame of frames) {
      const bytes = Buffer.from(frame);
      if (count === frameNumber) bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ 1;
      count += 1;
      yield bytes;
    }
  };
}

describe('a snapshot transfer', () => {
  it('goes on behind the last good chunk after every break', async () => {
    const world = new TransferWorld({ attemptsMax: 2 });
    const bytes = noise(95_000);
    await world.source.save(META, once(bytes));
    world.lines = [cutAfter(3), cutAfter(2), cutAfter(4), (frames) => frames];
    await world.run(world.sender().run());
    expect(Buffer.compare(await world.bytes(), bytes)).to.equal(0);
    expect(world.received).to.deep.equal([install()]);
    expect(world.counters.snapshotRetries).to.equal(3);
    expect(world.counters.snapshotsResumed).to.equal(3);
    // At most one chunk per break had been made and not received.
    expect(world.counters.snapshotBytes).to.be.within(95_000, 95_000 + 3 * 10_000);
  });

  it('goes on with what a process before the present one has received', async () => {
    const world = new TransferWorld();
    const bytes = noise(50_000);
    await world.source.save(META, once(bytes));
    const draft = await world.store.draft(META);
    await draft.write(bytes.subarray(0, 30_000));
    await world.run(world.sender().run());
    expect(Buffer.compare(await world.bytes(), bytes)).to.equal(0);
    expect(world.counters.snapshotBytes).to.equal(20_000);
  });

  it('refuses a chunk in which one bit changed, and asks for it again', async () => {
    const world = new TransferWorld();
    const bytes = noise(50_000);
    await world.source.save(META, once(bytes));
    world.lines = [flip(3, 5_000), flip(2, 200), (frames) => frames];
    await world.run(world.sender().run());
    expect(Buffer.compare(await world.bytes(), bytes)).to.equal(0);
    expect(world.counters.snapshotRetries).to.equal(2);
    expect(world.received).to.have.length(1);
  });

  it('installs nothing whose checksum as a whole is not that of the sender, and begins again', async () => {
    const world = new TransferWorld({ attemptsMax: 3 });
    const bytes = noise(50_000);
    await world.source.save(META, once(bytes));
    const draft = await world.store.draft(META);
    await draft.write(noise(30_000).fill(7));
    await world.run(world.sender().run());
    expect(Buffer.compare(await world.bytes(), bytes)).to.equal(0);
    expect(world.counters.snapshotRetries).to.equal(1);
    expect(world.received).to.have.length(1);
  });

  it('stays at the rate that it is given', async () => {
    const world = new TransferWorld({ bytesPerSecond: 20_000 });
    await world.source.save(META, once(noise(200_000)));
    const startMs = world.clock.nowMs();
    await world.run(world.sender().run());
    expect(world.clock.nowMs() - startMs).to.be.within(9_000, 11_000);
    expect(world.counters.snapshotRetries).to.equal(0);
  });

  it('is not taken for stalled by a low rate', async () => {
    const world = new TransferWorld({ bytesPerSecond: 1_000, stallMs: 6_000, chunkBytes: 200_000 });
    await world.source.save(META, once(noise(60_000)));
    await world.run(world.sender().run());
    expect(world.counters.snapshotRetries).to.equal(0);
  });

  it('is begun again when nothing moves, and given up when that does not help', async () => {
    const world = new TransferWorld({ stallMs: 5_000, attemptsMax: 3 });
    await world.source.save(META, once(noise(50_000)));
    world.lines = [
      async function* (frames) {
        for await (const frame of frames) {
          yield frame;
          await new Promise(() => undefined);
        }
      },
    ];
    const failure = await world.run(
      world
        .sender()
        .run()
        .catch((error: Error) => error),
    );
    expect(failure).to.have.property('reason', 'CONNECTION_LOST');
    expect(world.attempts).to.equal(3);
    expect(world.clock.nowMs()).to.be.within(15_000, 20_000);
  });

  it('ends when it is stopped', async () => {
    const world = new TransferWorld({ bytesPerSecond: 1_000 });
    await world.source.save(META, once(noise(500_000)));
    const sender = world.sender();
    const running = sender.run().catch((error: Error) => error);
    await world.clock.advance(2_000);
    sender.stop(RpcError.of('CLOSED', 'the director is closing'));
    expect(await world.run(running)).to.have.property('reason', 'CLOSED');
  });

  it('passes on that the snapshot itself is damaged here, at once', async () => {
    const world = new TransferWorld();
    await world.source.save(META, once(noise(50_000)));
    const latest = world.source.latest.bind(world.source);
    const broken = {
      latest,
      async *read() {
        yield noise(1_000);
        throw new FlotillaError('SNAPSHOT_CORRUPT', 'a frame is damaged');
      },
    } as unknown as SnapshotStore;
    const failure = await world.run(
      world
        .sender(install(), broken)
        .run()
        .catch((error: Error) => error),
    );
    expect(failure).to.have.property('code', 'SNAPSHOT_CORRUPT');
    expect(world.attempts).to.equal(1);
    expect(world.received).to.deep.equal([]);
  });
});

describe('a snapshot receiver', () => {
  /** A transfer that a test feeds by hand. */
  function feed(world: TransferWorld, group = 0, term = 4, from = 'd1') {
    const waiting: ((result: IteratorResult<unknown>) => void)[] = [];
    const frames: unknown[] = [];
    let isOver = false;
    const incoming: AsyncIterableIterator<unknown> = {
      next: () =>
        frames.length > 0 || isOver
          ? Promise.resolve({ value: frames.shift(), done: frames.length === 0 && isOver } as IteratorResult<unknown>)
          : new Promise((resolve) => waiting.push(resolve)),
      return: async () => {
        isOver = true;
        for (const wake of waiting.splice(0)) wake({ value: undefined, done: true });
        return { value: undefined, done: true };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
    const push = (frame: unknown) => {
      const wake = waiting.shift();
      if (wake === undefined) frames.push(frame);
      else wake({ value: frame, done: false });
    };
    push(encodeBegin({ clusterId: 'c', group: group as GroupId, from: FROM, message: install(term) }));
    return { push, replies: world.receiver.serve(incoming, caller(from)), isOver: () => isOver };
  }

  function chunk(bytes: Buffer, offset: number) {
    const crc = (zlib as { crc32?: (bytes: Uint8Array) => number }).crc32;
    const checksum = crc === undefined ? 0 : crc(bytes);
    return encodeChunk({ isCompressed: false, checksum, plainBytes: bytes.length, offset, bytes });
  }

  const failureOf = (work: Promise<unknown>) => work.catch((error: Error) => error);

  it('takes one transfer of a group at a time: a new one ends the old one and goes on there', async () => {
    const world = new TransferWorld();
    const first = feed(world);
    await first.replies.next();
    first.push(chunk(Buffer.alloc(100, 1), 0));
    await first.replies.next();
    const ended = failureOf(first.replies.next());
    const second = feed(world);
    const begun = await second.replies.next();
    expect(Buffer.from(begun.value as Uint8Array).readDoubleLE(1)).to.equal(100);
    expect(await ended).to.have.property('reason', 'CONNECTION_LOST');
    expect(first.isOver()).to.equal(true);
  });

  it('lets no older leader end the transfer of a newer one', async () => {
    const world = new TransferWorld();
    const newer = feed(world, 0, 9);
    await newer.replies.next();
    const older = feed(world, 0, 8, 'd3');
    expect(await failureOf(older.replies.next())).to.have.property('reason', 'OVERLOADED');
    newer.push(chunk(Buffer.alloc(10, 1), 0));
    expect((await newer.replies.next()).done).to.equal(false);
  });

  it('takes so many at once as it is told, and more when one has ended', async () => {
    const world = new TransferWorld({ receiversMax: 2 });
    const running = [feed(world, 1), feed(world, 2)];
    for (const { replies } of running) await replies.next();
    const refused = (await failureOf(feed(world, 3).replies.next())) as RpcError;
    expect(refused.reason).to.equal('OVERLOADED');
    expect(refused.retryAfterMs).to.be.greaterThan(0);
    await running[0]?.replies.return();
    expect((await feed(world, 3).replies.next()).done).to.equal(false);
  });

  it('refuses a chunk that is not the next one', async () => {
    for (const offset of [50, 150]) {
      const world = new TransferWorld();
      const transfer = feed(world);
      await transfer.replies.next();
      transfer.push(chunk(Buffer.alloc(100, 1), 0));
      await transfer.replies.next();
      transfer.push(chunk(Buffer.alloc(100, 1), offset));
      expect(await failureOf(transfer.replies.next())).to.have.property('reason', 'PEER_VIOLATION');
    }
  });

  it('refuses what is no frame, at the beginning and later', async () => {
    const world = new TransferWorld();
    const garbage = world.receiver.serve(once(Buffer.from('garbage')), caller('d1'));
    expect(await failureOf(garbage.next())).to.have.property('reason', 'MESSAGE_UNDECODABLE');
    const transfer = feed(world);
    await transfer.replies.next();
    transfer.push(Buffer.of(99, 1, 2));
    expect(await failureOf(transfer.replies.next())).to.have.property('reason', 'MESSAGE_UNDECODABLE');
    expect(world.received).to.deep.equal([]);
  });

  it('refuses the end of a snapshot of which a part is missing', async () => {
    const world = new TransferWorld();
    const transfer = feed(world);
    await transfer.replies.next();
    transfer.push(chunk(Buffer.alloc(100, 1), 0));
    await transfer.replies.next();
    transfer.push(encodeEnd({ sizeBytes: 200, checksum: 5 }));
    expect(await failureOf(transfer.replies.next())).to.be.instanceOf(RpcError);
    expect(world.received).to.deep.equal([]);
    expect(await world.store.latest()).to.equal(undefined);
  });

  it('tells the sender when its disk is full, and forgets the draft whose end it does not know', async () => {
    const world = new TransferWorld();
    let discarded = 0;
    world.store = {
      draft: async (meta: SnapshotMeta) => ({
        meta,
        receivedBytes: 0,
        write: async () => {
          throw new FlotillaError('DISK_FULL', 'no room');
        },
        discard: async () => {
          discarded += 1;
        },
      }),
    } as unknown as SnapshotStore;
    world.receiver = world.newReceiver();
    const transfer = feed(world);
    await transfer.replies.next();
    transfer.push(chunk(Buffer.alloc(100, 1), 0));
    expect(await failureOf(transfer.replies.next())).to.have.property('reason', 'DISK_FULL');
    expect(discarded).to.equal(1);
  });

  it('refuses a caller that is no director', async () => {
    const world = new TransferWorld();
    const replies = world.receiver.serve(once(Buffer.of(1)), caller('w1', 'worker'));
    expect(await failureOf(replies.next())).to.have.property('reason', 'FORBIDDEN');
  });

  it('ends what is under way when it is closed, and takes nothing more', async () => {
    const world = new TransferWorld();
    const transfer = feed(world);
    await transfer.replies.next();
    const ended = failureOf(transfer.replies.next());
    world.receiver.close();
    expect(await ended).to.have.property('reason', 'CONNECTION_LOST');
    expect(await failureOf(feed(world).replies.next())).to.have.property('reason', 'CLOSED');
  });
});
