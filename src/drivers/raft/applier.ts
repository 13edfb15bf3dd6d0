import { assert, byteListCount, decodeByteList, FlotillaError } from '../../base/index.js';
import type { LogEntry, LogIndex, SnapshotMeta, SnapshotStore, StateMachine, Term } from '../../ports/index.js';
import type { Apply } from '../../raft/index.js';
import type { BatchProposer } from './batch-proposer.js';
import type { GroupHost } from './host.js';
import type { Replies } from './pending-batch.js';

/** What the rest of the group wants to know of the application. */
export interface ApplyListener {
  /** The state machine has applied the entry. */
  entryApplied(entry: LogEntry): void;
  /** The state machine was restored from the snapshot. */
  restored(meta: SnapshotMeta): void;
}

/**
 * Shows committed entries to the state machine, in order and each once, and hands its replies to those who wait for
 * them. Long runs of entries are cut into slices, between which the event loop can do other work.
 */
export class Applier {
  /** What the state machine has applied, and the term of the last entry. */
  appliedIndex: LogIndex;
  appliedTerm: Term;
  private readonly host: GroupHost;
  private readonly machine: StateMachine;
  private readonly snapshots: SnapshotStore;
  private readonly proposer: BatchProposer;
  private readonly listener: ApplyListener;
  private entries: readonly LogEntry[] = [];
  private next = 0;
  /** To be restored before the entries. */
  private snapshot: SnapshotMeta | undefined;
  private restoring: Promise<void> | undefined;

  constructor(
    host: GroupHost,
    parts: { readonly machine: StateMachine; readonly snapshots: SnapshotStore },
    proposer: BatchProposer,
    listener: ApplyListener,
    applied: { readonly index: LogIndex; readonly term: Term },
  ) {
    this.host = host;
    this.machine = parts.machine;
    this.snapshots = parts.snapshots;
    this.proposer = proposer;
    this.listener = listener;
    this.appliedIndex = applied.index;
    this.appliedTerm = applied.term;
  }

  /** The state machine is being replaced: it must be left alone. */
  get isRestoring(): boolean {
    return this.restoring !== undefined;
  }

  /** Resolves when no restoration is under way. */
  async settled(): Promise<void> {
    await this.restoring;
  }

  add({ snapshot, entries }: Apply): void {
    if (snapshot !== undefined) {
      this.snapshot = snapshot;
      this.entries = [];
      this.next = 0;
    }
    if (entries.length === 0) return;
    this.entries = this.next < this.entries.length ? [...this.entries.slice(this.next), ...entries] : entries;
    this.next = 0;
  }

  /** Applies for one slice of time; true when it has applied all there was, so that there may be more. */
  run(): boolean {
    if (this.restoring !== undefined) return false;
    if (this.snapshot !== undefined) {
      this.restore(this.snapshot);
      return false;
    }
    if (this.next >= this.entries.length) return false;
    const { host } = this;
    const endMs = host.nowMs() + host.options.applySliceMs;
    while (this.next < this.entries.length) {
      const entry = this.entries[this.next] as LogEntry;
      this.next += 1;
      if (!this.apply(entry)) return false;
      if (host.nowMs() >= endMs) break;
    }
    host.core.applied(this.appliedIndex);
    if (this.next < this.entries.length) {
      host.wake();
      return false;
    }
    this.entries = [];
    this.next = 0;
    return true;
  }

  /** False when the state machine broke. */
  private apply(entry: LogEntry): boolean {
    const { counters } = this.host;
    const batch = this.proposer.take(entry);
    let replies: Replies = [];
    if (entry.type === 'commands') {
      const count = byteListCount(entry.data);
      if (count === undefined) {
        this.host.logger.error({ index: entry.index }, 'an entry cannot be read and is passed over');
      } else {
        counters.commandsApplied += count;
        counters.bytesApplied += entry.data.length;
        try {
          replies = this.replies(entry, count, batch !== undefined);
        } catch (error) {
          if (batch !== undefined) this.proposer.abandon(batch);
          this.broke(entry.index, error);
          return false;
        }
      }
    }
    counters.entries += 1;
    this.appliedIndex = entry.index;
    this.appliedTerm = entry.term;
    if (batch !== undefined) this.proposer.resolve(batch, replies);
    this.listener.entryApplied(entry);
    return true;
  }

  private replies({ index, data }: LogEntry, count: number, areWanted: boolean): Replies {
    const { machine } = this;
    if (machine.applyList !== undefined) {
      const list = machine.applyList(index, data, areWanted);
      assert(!areWanted || byteListCount(list) === count, 'one reply for each command');
      return list;
    }
    const replies = machine.apply(index, decodeByteList(data) ?? [], areWanted);
    assert(!areWanted || replies.length === count, 'one reply for each command');
    return replies;
  }

  private restore(meta: SnapshotMeta): void {
    this.snapshot = undefined;
    this.restoring = this.machine
      .restore(this.snapshots.read(meta))
      .then(
        () => {
          this.appliedIndex = meta.index;
          this.appliedTerm = meta.term;
          this.host.core.applied(meta.index);
          this.proposer.jumped(meta.index);
          this.listener.restored(meta);
        },
        (error: unknown) => this.broke(meta.index, error),
      )
      .finally(() => {
        this.restoring = undefined;
        this.host.wake();
      });
  }

  private broke(index: LogIndex, error: unknown): void {
    if (error instanceof FlotillaError) this.host.fail(error);
    else {
      const message = `the state machine threw at entry ${index}: ${String(error)}; it must answer instead`;
      this.host.fail(new FlotillaError('STATE_MACHINE_FAILED', message, { cause: error }));
    }
  }
}
