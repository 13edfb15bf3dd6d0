import { FlotillaError, type NodeId, RpcError } from '../../base/index.js';
import type { GroupId, LogIndex, MemberId, SnapshotMeta, SnapshotStore, StateMachine } from '../../ports/index.js';
import type { InstallSnapshot } from '../../raft/index.js';
import type { Applier } from './applier.js';
import type { GroupHost } from './host.js';
import type { GroupLogStore } from './log-store.js';
import type { RaftNetwork } from './network.js';

export interface SnapshotterParts {
  readonly id: GroupId;
  readonly member: MemberId;
  readonly store: GroupLogStore;
  readonly snapshots: SnapshotStore;
  readonly machine: StateMachine;
  readonly network: RaftNetwork;
}

/**
 * Takes snapshots when the log has grown by enough, sends them to members that need one, and lets go of what they
 * cover. Two are kept: should the newest one be found damaged after a restart, the log still reaches back to the other.
 */
export class Snapshotter {
  private readonly host: GroupHost;
  private readonly parts: SnapshotterParts;
  private readonly applier: Applier;
  /** The snapshots that are kept, oldest first. */
  private kept: SnapshotMeta[];
  /** Of the last one that was taken here. */
  private newestBytes = 0;
  private entriesSince = 0;
  private bytesSince = 0;
  /** Bytes applied in all, now and at some indices before: what finds the index that lies `keepBytes` back. */
  private bytes = 0;
  private marks: { readonly index: LogIndex; readonly bytes: number }[] = [];
  private taking: Promise<SnapshotMeta> | undefined;
  private cleaning: Promise<void> = Promise.resolve();
  private retryMs = 0;
  /** The last one could not be stored: the next is due, but for the pause. */
  private hasFailed = false;
  /** Snapshots that are being sent, by index: they stay. */
  private readonly sending = new Map<LogIndex, number>();

  constructor(host: GroupHost, parts: SnapshotterParts, applier: Applier, newest: SnapshotMeta | undefined) {
    this.host = host;
    this.parts = parts;
    this.applier = applier;
    this.kept = newest === undefined ? [] : [newest];
  }

  get newestIndex(): LogIndex {
    return this.kept.at(-1)?.index ?? (0 as LogIndex);
  }

  /** Resolves when none is being taken, and no file removed. */
  async settled(): Promise<void> {
    await this.taking?.catch(() => undefined);
    await this.cleaning;
  }

  entryApplied(index: LogIndex, bytes: number): void {
    const { keepBytes } = this.host.options.snapshot;
    this.entriesSince += 1;
    this.bytesSince += bytes;
    this.bytes += bytes;
    if (this.bytes - (this.marks.at(-1)?.bytes ?? 0) < keepBytes / MARKS) return;
    this.marks.push({ index, bytes: this.bytes });
    if (this.marks.length > 2 * MARKS) this.marks.splice(0, MARKS);
  }

  /** Takes a snapshot when one is due. */
  run(nowMs: number): void {
    if (!this.isDue()) return;
    if (this.taking !== undefined || this.applier.isRestoring || nowMs < this.retryMs) return;
    this.take().catch((error: unknown) => {
      this.retryMs = this.host.nowMs() + RETRY_MS;
      this.host.logger.warn({ group: this.parts.id, error: String(error) }, 'a snapshot could not be stored');
    });
  }

  private isDue(): boolean {
    // Whether or not more is applied: a disk that is full may need the log to be let go.
    if (this.hasFailed) return true;
    const { logBytes, logEntries } = this.host.options.snapshot;
    // Members that have applied the same are not to be busy with their disks at the same time.
    const bytes = this.bytesSince / (1 + (this.parts.member % STAGGERED) * STAGGER);
    if (bytes < logBytes && this.entriesSince < logEntries) return false;
    // Or a large state would be written over and over.
    return bytes >= SNAPSHOT_SHARE * this.newestBytes;
  }

  /** Takes one now, or joins the one being taken. @throws FlotillaError of the store; RpcError `NO_LEADER` */
  take(): Promise<SnapshotMeta> {
    this.taking ??= this.save().finally(() => {
      this.taking = undefined;
    });
    return this.taking;
  }

  /** The state machine was restored from a snapshot of the leader. */
  restored(meta: SnapshotMeta): void {
    this.host.counters.snapshotsInstalled += 1;
    this.marks = [];
    this.keep(meta);
    this.cleanUp(meta.index);
  }

  /** The core wants a member to get a snapshot. */
  send(to: NodeId | undefined, message: InstallSnapshot): void {
    const { id, member, snapshots, network } = this.parts;
    const { index } = message.meta;
    if (to === undefined) return;
    this.sending.set(index, (this.sending.get(index) ?? 0) + 1);
    network.sendSnapshot(to, id, member, message, snapshots).then(
      () => this.sent(message, true),
      (error: unknown) => {
        this.host.logger.warn({ group: id, to, error: String(error) }, 'a snapshot could not be sent');
        this.sent(message, false);
      },
    );
  }

  private sent({ to, meta }: InstallSnapshot, isDelivered: boolean): void {
    const others = (this.sending.get(meta.index) ?? 1) - 1;
    if (others > 0) this.sending.set(meta.index, others);
    else this.sending.delete(meta.index);
    if (isDelivered) this.host.counters.snapshotsSent += 1;
    this.host.core.snapshotSent(to, isDelivered, this.host.nowMs());
    this.host.wake();
  }

  private async save(): Promise<SnapshotMeta> {
    const { host, parts, applier } = this;
    const index = applier.appliedIndex;
    const last = this.kept.at(-1);
    if (last?.index === index) return last;
    const meta = applier.isRestoring ? undefined : host.core.snapshotMeta(index);
    if (meta === undefined) throw RpcError.of('NO_LEADER', 'a snapshot from the leader is being restored');
    this.entriesSince = 0;
    this.bytesSince = 0;
    try {
      const { sizeBytes } = await parts.snapshots.save(meta, parts.machine.snapshot());
      this.newestBytes = sizeBytes;
      this.hasFailed = false;
    } catch (error) {
      if (error instanceof FlotillaError && error.code === 'DISK_FAILED') host.fail(error);
      if (error instanceof FlotillaError && error.code === 'DISK_FULL') await parts.store.freeSpace?.();
      this.hasFailed = true;
      throw error;
    }
    host.counters.snapshotsTaken += 1;
    host.core.snapshotSaved(meta);
    this.keep(meta);
    this.cleanUp(this.behind(meta));
    return meta;
  }

  private keep(meta: SnapshotMeta): void {
    this.kept = [...this.kept.filter(({ index }) => index < meta.index).slice(-1), meta];
  }

  /** The first index that need not be kept in memory behind a snapshot. */
  private behind({ index }: SnapshotMeta): number {
    const { keepEntries, keepBytes } = this.host.options.snapshot;
    const mark = this.marks.findLast(({ bytes }) => this.bytes - bytes >= keepBytes);
    return Math.max(0, index - keepEntries, mark?.index ?? 0);
  }

  /** Memory forgets entries up to `memoryIndex`, the disk those that the older snapshot covers. */
  private cleanUp(memoryIndex: number): void {
    const { host, parts } = this;
    host.core.compact(memoryIndex as LogIndex);
    const oldest = this.kept[0]?.index ?? (0 as LogIndex);
    const needed = Math.min(oldest, ...this.sending.keys()) as LogIndex;
    const failed = (error: unknown) =>
      host.logger.warn({ group: parts.id, error: String(error) }, 'old log or snapshot files could not be removed');
    this.cleaning = Promise.all([this.cleaning, parts.store.compact(oldest)])
      .then(() => parts.snapshots.prune(needed))
      .catch(failed);
  }
}

/** Log bytes for each byte of a snapshot before the next one. Larger: fewer snapshots, a longer log, a longer restart. */
const SNAPSHOT_SHARE = 2;
/** By how much of the bytes the snapshots of members with ids that follow each other lie apart. */
const STAGGER = 0.15;
const STAGGERED = 3;
/** How finely the bytes kept in memory are counted. */
const MARKS = 16;
/** After a snapshot that could not be stored (a full disk, say). */
const RETRY_MS = 5_000;
