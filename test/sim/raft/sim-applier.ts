import { FlotillaError } from '../../../src/base/index.js';
import type { LogIndex, MemberId, SnapshotMeta } from '../../../src/ports/index.js';
import { type Effects, logIndex, type RaftCore } from '../../../src/raft/index.js';
import type { SimHost } from './sim-host.js';
import type { SimKv } from './sim-kv.js';
import type { SimStorage } from './sim-storage.js';

/** One life of a member, as far as its state machine is concerned. */
export interface Applied {
  readonly id: MemberId;
  readonly core: RaftCore;
  readonly kv: SimKv;
  readonly storage: SimStorage;
  /** The process has not ended. */
  isAlive(): boolean;
  pump(): void;
}

type Apply = Effects['apply'];

/** Hashing the whole state costs: every so many entries, and with every snapshot. */
const HASH_EVERY = 64;

/** Applies what is committed, restores and saves snapshots, and lets go of the log that they cover. */
export class SimApplier {
  private readonly member: Applied;
  private readonly host: SimHost;
  private queue: Apply[] = [];
  private isRestoring = false;
  private isSaving = false;

  constructor(member: Applied, host: SimHost) {
    this.member = member;
    this.host = host;
  }

  add(apply: Apply): void {
    if (apply.snapshot !== undefined || apply.entries.length > 0) this.queue.push(apply);
    this.applyNext();
  }

  /** Takes a snapshot of the state as it is; memory keeps some entries more than the disk needs to. */
  snapshot(keep: number): void {
    if (!this.isSaving && !this.isRestoring) this.host.events.track(this.save(keep));
  }

  private applyNext(): void {
    while (!this.isRestoring) {
      const next = this.queue.shift();
      if (next === undefined) return;
      if (next.snapshot === undefined) this.applyEntries(next);
      else this.host.events.track(this.restore(next, next.snapshot));
    }
  }

  private applyEntries({ entries }: Apply): void {
    const { id, kv, core } = this.member;
    for (const entry of entries) {
      kv.apply(entry);
      this.host.checks.applied(id, entry);
      if (entry.index % HASH_EVERY === 0) this.checkState(entry.index);
    }
    const last = entries.at(-1);
    if (last !== undefined) core.applied(last.index);
  }

  private async restore(apply: Apply, meta: SnapshotMeta): Promise<void> {
    const { kv, core, storage } = this.member;
    this.isRestoring = true;
    await kv.machine.restore(storage.snapshots.read(meta));
    if (!this.member.isAlive()) return;
    this.isRestoring = false;
    kv.restored(meta.index);
    this.checkState(meta.index);
    storage.noteSnapshot(meta.index);
    core.applied(meta.index);
    this.applyEntries(apply);
    this.applyNext();
    this.member.pump();
  }

  private async save(keep: number): Promise<void> {
    const { core, kv, storage } = this.member;
    const meta = core.snapshotMeta(logIndex(kv.index));
    if (meta === undefined || meta.index <= storage.newestSnapshot) return;
    this.isSaving = true;
    this.checkState(meta.index);
    const saved = await storage.snapshots.save(meta, kv.machine.snapshot()).catch(onlyOfDisk);
    if (!this.member.isAlive()) return;
    this.isSaving = false;
    if (saved === undefined) return;
    this.host.counts.snapshotsSaved += 1;
    core.snapshotSaved(meta);
    const older = storage.noteSnapshot(meta.index);
    await storage.snapshots.prune(logIndex(older)).catch(onlyOfDisk);
    if (this.member.isAlive()) await this.compact(logIndex(older), keep);
  }

  /** The older snapshot must be able to take the newer one's place, so the log reaches back to it. */
  private async compact(older: LogIndex, keep: number): Promise<void> {
    const { core, storage } = this.member;
    if (older > 0) this.host.counts.compactions += 1;
    core.compact(logIndex(Math.max(0, older - keep)));
    await storage.log.compact(older).catch(onlyOfDisk);
  }

  private checkState(index: number): void {
    const { id, kv } = this.member;
    this.host.checks.state(id, index, kv.machine.stateHash());
  }
}

/** What the disk refuses is no snapshot; anything else is a mistake. */
function onlyOfDisk(error: unknown): undefined {
  const isOfDisk = error instanceof FlotillaError && /^DISK_/.test(error.code);
  const isEio = error instanceof Error && /^(EIO|ENOSPC)/.test(error.message);
  if (!isOfDisk && !isEio) throw error;
}
