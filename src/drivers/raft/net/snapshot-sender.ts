import { type NodeId, RpcError, type RpcReason } from '../../../base/index.js';
import type { Clock, GroupId, Logger, MemberId, Random, SnapshotStore, StoredSnapshot } from '../../../ports/index.js';
import type { InstallSnapshot } from '../../../raft/index.js';
import { backoffMs } from '../../../rpc/index.js';
import { type ChunkDeflate, ChunkPacker } from './chunk-packer.js';
import type { PeerNetworkCounters } from './network-counters.js';
import type { PeerChannel } from './peer.js';
import type { SnapshotTransferOptions } from './peer-network-options.js';
import { raftMethod } from './raft-service.js';
import { inChunks } from './snapshot-chunks.js';
import { decodeProgress, encodeBegin, encodeChunk, encodeEnd } from './snapshot-frames.js';
import type { Throttle } from './throttle.js';

export interface SnapshotSenderHost {
  readonly clusterId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly counters: PeerNetworkCounters;
  readonly transfer: SnapshotTransferOptions;
  readonly zip: ChunkDeflate;
  readonly throttle: Throttle;
  /** `undefined`: its address is not known. */
  channelTo(node: NodeId): PeerChannel | undefined;
}

/** What is sent to whom. */
export interface SnapshotJob {
  readonly to: NodeId;
  readonly group: GroupId;
  readonly from: MemberId;
  readonly message: InstallSnapshot;
  readonly store: SnapshotStore;
}

/** One snapshot on its way to one member, over as many connections as it takes. */
export class SnapshotSender {
  private readonly host: SnapshotSenderHost;
  private job: SnapshotJob;
  private readonly ending = new AbortController();
  /** Ends the present attempt, for a newer message. */
  private renewal = new AbortController();
  /** Bytes that the receiver has said it holds. */
  private heldBytes = 0;
  /** When something moved last. */
  private movedMs = 0;
  /** Why our own store cannot give the snapshot. */
  private unreadable: unknown;

  constructor(host: SnapshotSenderHost, job: SnapshotJob) {
    this.host = host;
    this.job = job;
  }

  /**
   * Resolves when the receiver has the snapshot and was told to install it.
   *
   * @throws RpcError that of the last attempt; FlotillaError of the snapshot store
   */
  async run(): Promise<void> {
    const { host } = this;
    let failures = 0;
    for (;;) {
      const heldBefore = this.heldBytes;
      this.renewal = new AbortController();
      try {
        return await this.attempt(await this.stored());
      } catch (error) {
        if (this.unreadable !== undefined) throw this.unreadable;
        if (this.renewal.signal.aborted && !this.ending.signal.aborted) continue;
        failures = this.heldBytes > heldBefore ? 1 : failures + 1;
        if (failures >= host.transfer.attemptsMax || !this.isWorthRepeating(error)) throw error;
        host.counters.snapshotRetries += 1;
        host.logger.debug(
          { peer: this.job.to, heldBytes: this.heldBytes, error: error.message },
          'snapshot transfer broke',
        );
        await this.sleep(error.retryAfterMs ?? backoffMs(RETRY, failures - 1, host.random.float()));
      }
    }
  }

  /** The leader says it again, perhaps in a newer term or with a newer snapshot: then that is what is delivered. */
  renew(job: SnapshotJob): void {
    const { term, meta } = this.job.message;
    if (job.message.term <= term && job.message.meta.index <= meta.index) return;
    this.job = job;
    this.renewal.abort(RpcError.of('CANCELLED_BY_CALLER', 'a newer snapshot is sent instead'));
  }

  /** Gives the transfer up. */
  stop(error: RpcError): void {
    this.ending.abort(error);
  }

  private async stored(): Promise<StoredSnapshot> {
    const { store, message } = this.job;
    const stored = await store.latest();
    if (stored !== undefined && stored.meta.index >= message.meta.index) return stored;
    throw RpcError.of('INPUT_INVALID', `snapshot ${message.meta.index} is not in the store any more`);
  }

  private isWorthRepeating(error: unknown): error is RpcError {
    return error instanceof RpcError && !FINAL.has(error.reason) && !this.ending.signal.aborted;
  }

  private async attempt(stored: StoredSnapshot): Promise<void> {
    const { host, job, ending } = this;
    if (ending.signal.aborted) throw ending.signal.reason;
    const channel = host.channelTo(job.to);
    if (channel === undefined) throw RpcError.of('NOT_CONNECTED', `the address of ${job.to} is not known`);
    await this.meet(channel);
    const stalled = new AbortController();
    const signal = AbortSignal.any([ending.signal, this.renewal.signal, stalled.signal]);
    const start = new Start();
    const frames = this.frames(stored, start);
    const watch = this.watchStall(stalled);
    try {
      const options = { priority: 'bulk', timeoutMs: 0, signal } as const;
      for await (const frame of channel.bidiStream(SNAPSHOT, frames, options)) {
        const progress = decodeProgress(frame);
        if (progress === undefined)
          throw RpcError.of('PEER_VIOLATION', `${job.to} answered a chunk with something else`);
        if (progress.receivedBytes === undefined) {
          host.counters.snapshotsSent += 1;
          return;
        }
        this.moved();
        this.heldBytes = progress.receivedBytes;
        start.at(progress.receivedBytes);
      }
      throw RpcError.of('CONNECTION_LOST', `${job.to} ended the transfer of a snapshot`);
    } finally {
      watch.cancel();
      start.never();
    }
  }

  /** Waits for the peer's hello, which names its bulk port: without it the transfer would share the main connection. */
  private async meet(channel: PeerChannel): Promise<void> {
    const { clock, transfer } = this.host;
    const endMs = clock.nowMs() + transfer.stallMs;
    if (channel.hello !== undefined) return;
    await channel.ready(transfer.stallMs);
    while (channel.hello === undefined && clock.nowMs() < endMs && !this.ending.signal.aborted) {
      await this.sleep(HELLO_POLL_MS);
    }
  }

  private async *frames(stored: StoredSnapshot, start: Start): AsyncGenerator<Uint8Array, void, void> {
    const { host, job } = this;
    const message: InstallSnapshot = { ...job.message, meta: stored.meta };
    yield encodeBegin({ clusterId: host.clusterId, group: job.group, from: job.from, message });
    let offset = await start.offset;
    if (offset === undefined) return;
    if (offset > 0) host.counters.snapshotsResumed += 1;
    const packer = new ChunkPacker(host.zip, host.transfer.compressAboveBytes);
    // A chunk that alone would take seconds at the rate would look like a stall.
    const chunkBytes = Math.max(CHUNK_BYTES_MIN, Math.min(host.transfer.chunkBytes, host.transfer.bytesPerSecond / 4));
    for await (const plain of inChunks(this.read(stored, offset), Math.floor(chunkBytes))) {
      const chunk = await packer.pack(plain, offset);
      offset += plain.length;
      host.counters.snapshotBytes += plain.length;
      host.counters.snapshotBytesSent += chunk.bytes.length;
      yield encodeChunk(chunk);
      this.moved();
      const waitMs = host.throttle.take(chunk.bytes.length);
      if (waitMs >= 1) await this.sleep(waitMs);
      this.moved();
    }
    yield encodeEnd({ sizeBytes: stored.sizeBytes, checksum: stored.checksum });
  }

  private async *read(stored: StoredSnapshot, offset: number): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* this.job.store.read(stored.meta, offset);
    } catch (error) {
      this.unreadable = error;
      throw error;
    }
  }

  private moved(): void {
    this.movedMs = this.host.clock.nowMs();
  }

  /** Aborts `stalled` when nothing has moved for too long; QUIC's own idle timeout is for connections, not for peers. */
  private watchStall(stalled: AbortController): { cancel(): void } {
    const { clock, transfer } = this.host;
    this.moved();
    let timer = clock.setTimer(transfer.stallMs, () => check(), { unref: true });
    const check = (): void => {
      const leftMs = this.movedMs + transfer.stallMs - clock.nowMs();
      if (leftMs > 0) timer = clock.setTimer(leftMs, check, { unref: true });
      else stalled.abort(RpcError.of('CONNECTION_LOST', `nothing moved for ${transfer.stallMs} ms`));
    };
    return { cancel: () => timer.cancel() };
  }

  private sleep(ms: number): Promise<void> {
    const { signal } = this.ending;
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = this.host.clock.setTimer(ms, done, { unref: true });
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

/** Where the receiver wants the bytes from; `undefined` when it will never say. */
class Start {
  readonly offset: Promise<number | undefined>;
  private settle: (offset: number | undefined) => void = () => undefined;

  constructor() {
    this.offset = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  at(offset: number): void {
    this.settle(offset);
  }

  never(): void {
    this.settle(undefined);
  }
}

const SNAPSHOT = raftMethod('snapshot');
const HELLO_POLL_MS = 5;
const CHUNK_BYTES_MIN = 4_096;
const RETRY = { baseMs: 50, maxMs: 2_000 };
/** Another attempt would end the same way. */
const FINAL: ReadonlySet<RpcReason> = new Set<RpcReason>([
  'CLUSTER_MISMATCH',
  'FORBIDDEN',
  'METHOD_UNKNOWN',
  'UNAUTHENTICATED',
  'INPUT_INVALID',
]);
