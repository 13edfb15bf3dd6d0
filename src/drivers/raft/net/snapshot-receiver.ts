import { FlotillaError, type NodeId, RpcError } from '../../../base/index.js';
import type { GroupId, Logger, SnapshotDraft, SnapshotMeta } from '../../../ports/index.js';
import type { CallContext } from '../../../rpc/index.js';
import type { GroupInbox } from '../network.js';
import { type ChunkDeflate, unpackChunk } from './chunk-packer.js';
import type { PeerNetworkCounters } from './network-counters.js';
import type { SnapshotTransferOptions } from './peer-network-options.js';
import { callingDirector } from './raft-service.js';
import { decodeTransfer, encodeProgress, type TransferBegin, type TransferChunk } from './snapshot-frames.js';

export interface SnapshotReceiverHost {
  readonly logger: Logger;
  readonly counters: PeerNetworkCounters;
  readonly transfer: SnapshotTransferOptions;
  readonly zip: ChunkDeflate;
  /** @throws RpcError `CLUSTER_MISMATCH` */
  checkCluster(clusterId: string, context: CallContext): void;
  inboxOf(group: GroupId): GroupInbox | undefined;
}

/** A transfer that is under way. */
interface Running {
  readonly begin: TransferBegin;
  /** Makes it end soon. */
  stop(): void;
  readonly ended: Promise<void>;
}

/**
 * Takes snapshots into the groups' stores, one per group at a time. What has arrived of one outlives its connection:
 * the next attempt goes on there.
 */
export class SnapshotReceiver {
  private readonly host: SnapshotReceiverHost;
  private readonly running = new Map<GroupId, Running>();
  /** What broken transfers left. */
  private readonly drafts = new Map<GroupId, SnapshotDraft>();
  private isClosed = false;

  constructor(host: SnapshotReceiverHost) {
    this.host = host;
  }

  /** Serves one transfer; the frames that go back. */
  async *serve(frames: AsyncIterable<unknown>, context: CallContext): AsyncGenerator<Uint8Array, void, void> {
    const from = callingDirector(context);
    const incoming = frames[Symbol.asyncIterator]();
    const first = decodeTransfer((await incoming.next()).value);
    if (first?.type !== 'begin') throw RpcError.of('MESSAGE_UNDECODABLE', 'a snapshot transfer begins with its head');
    this.host.checkCluster(first.clusterId, context);
    const inbox = this.host.inboxOf(first.group);
    if (inbox === undefined) throw RpcError.of('GROUP_UNKNOWN', `no group ${first.group} runs here`);
    const leave = await this.enter(first, () => void incoming.return?.());
    try {
      yield* this.take(inbox, from, first, incoming);
    } catch (error) {
      throw asRpcError(error);
    } finally {
      leave();
      void incoming.return?.();
    }
  }

  /** Ends what is under way. */
  close(): void {
    this.isClosed = true;
    for (const transfer of this.running.values()) transfer.stop();
    // What came stays on the disk: the next life of this director goes on there.
    for (const draft of this.drafts.values()) void draft.close().catch(() => undefined);
    this.drafts.clear();
  }

  private async *take(
    inbox: GroupInbox,
    from: NodeId,
    begin: TransferBegin,
    incoming: AsyncIterator<unknown>,
  ): AsyncGenerator<Uint8Array, void, void> {
    const draft = await this.draftFor(inbox, begin.message.meta);
    yield encodeProgress(draft.receivedBytes);
    for (;;) {
      const { value, done } = await incoming.next();
      if (done === true || this.isClosed)
        throw RpcError.of('CONNECTION_LOST', 'the transfer ended before the snapshot');
      const frame = decodeTransfer(value);
      if (frame?.type === 'chunk') {
        await this.write(inbox, draft, frame);
        yield encodeProgress(draft.receivedBytes);
      } else if (frame?.type === 'end') {
        this.drafts.delete(inbox.id);
        await draft.finish(frame.sizeBytes, frame.checksum);
        this.host.counters.snapshotsReceived += 1;
        inbox.receive(from, begin.from, begin.message);
        yield encodeProgress(undefined);
        return;
      } else throw RpcError.of('MESSAGE_UNDECODABLE', 'a frame of a snapshot transfer that cannot be read');
    }
  }

  /** A bad chunk ends the transfer; what came before it stays good. */
  private async write(inbox: GroupInbox, draft: SnapshotDraft, chunk: TransferChunk): Promise<void> {
    if (chunk.offset !== draft.receivedBytes) {
      throw RpcError.of('PEER_VIOLATION', `a chunk at ${chunk.offset} where ${draft.receivedBytes} bytes are held`);
    }
    this.host.counters.snapshotBytesReceived += chunk.bytes.length;
    const plain = await unpackChunk(this.host.zip, chunk);
    try {
      await draft.write(plain);
    } catch (error) {
      // How much of it is there is not known.
      this.drafts.delete(inbox.id);
      await draft.discard().catch(() => undefined);
      throw error;
    }
  }

  /** What an earlier attempt left, when it was the same snapshot. */
  private async draftFor(inbox: GroupInbox, meta: SnapshotMeta): Promise<SnapshotDraft> {
    const left = this.drafts.get(inbox.id);
    if (left !== undefined && isSame(left.meta, meta)) return left;
    this.drafts.delete(inbox.id);
    await left?.discard().catch(() => undefined);
    const draft = await inbox.snapshots.draft(meta);
    this.drafts.set(inbox.id, draft);
    return draft;
  }

  /**
   * Waits for the group's transfer before this one, which is ended: its connection broke, or its leader has a newer
   * snapshot. Returns how to leave.
   */
  private async enter(begin: TransferBegin, stop: () => void): Promise<() => void> {
    const { group } = begin;
    for (let before = this.running.get(group); before !== undefined; before = this.running.get(group)) {
      if (before.begin.message.term > begin.message.term) {
        throw RpcError.of('OVERLOADED', 'the group receives a snapshot from a newer leader', { retryAfterMs: BUSY_MS });
      }
      before.stop();
      await before.ended;
    }
    if (this.isClosed) throw RpcError.of('CLOSED', 'the director is closing');
    if (this.running.size >= this.host.transfer.receiversMax) {
      const message = `${this.running.size} snapshots are being received already`;
      throw RpcError.of('OVERLOADED', message, { retryAfterMs: BUSY_MS });
    }
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.running.set(group, { begin, stop, ended });
    return () => {
      this.running.delete(group);
      end();
    };
  }
}

function isSame(a: SnapshotMeta, b: SnapshotMeta): boolean {
  return a.index === b.index && a.term === b.term && Buffer.compare(a.config, b.config) === 0;
}

/** What the sender may know of an error of our disk. */
function asRpcError(error: unknown): RpcError {
  if (!(error instanceof FlotillaError)) return RpcError.from(error);
  const reason = error.code === 'DISK_FULL' ? 'DISK_FULL' : 'HANDLER_FAILED';
  return RpcError.of(reason, `the snapshot cannot be stored: ${error.message}`, { cause: error });
}

const BUSY_MS = 500;
