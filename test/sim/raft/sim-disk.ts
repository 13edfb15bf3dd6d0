import type { HardState, LogEntry, SnapshotMeta } from '../../../src/ports/index.js';
import { logIndex, type Persist, type Restored } from '../../../src/raft/index.js';

/** What a state machine is here: a hash over everything applied, in order. */
export interface SimState {
  readonly index: number;
  readonly hash: number;
}

/** The disk of one member: what is on it for good. Writes under way are the member's business. */
export class SimDisk {
  hardState: HardState;
  snapshot: SnapshotMeta | undefined;
  state: SimState = { index: 0, hash: 0 };
  entries: LogEntry[];

  constructor(restored: Restored) {
    this.hardState = restored.hardState;
    this.snapshot = restored.snapshot;
    this.entries = [...restored.entries];
    if (this.snapshot !== undefined) this.state = { index: this.snapshot.index, hash: 0 };
  }

  get restored(): Restored {
    return { hardState: this.hardState, snapshot: this.snapshot, entries: this.entries };
  }

  /** A write ends. `state` goes with its snapshot. */
  store({ snapshot, entries, hardState }: Persist, state: SimState | undefined): void {
    if (snapshot !== undefined) {
      this.entries = [];
      if (state !== undefined) this.save(snapshot, state);
    }
    this.append(entries);
    if (hardState !== undefined) this.hardState = hardState;
  }

  /** A crash came in the middle of a write: a prefix of its entries is there, its hard state is not. */
  storeTorn({ snapshot, entries }: Persist, count: number): void {
    if (snapshot === undefined) this.append(entries.slice(0, count));
  }

  save(meta: SnapshotMeta, state: SimState): void {
    if (meta.index <= (this.snapshot?.index ?? 0)) return;
    this.snapshot = meta;
    this.state = state;
  }

  compact(index: number): void {
    this.entries = this.entries.filter((entry) => entry.index > index);
  }

  private append(entries: readonly LogEntry[]): void {
    const first = entries[0]?.index ?? logIndex(0);
    if (entries.length === 0) return;
    while ((this.entries.at(-1)?.index ?? 0) >= first) this.entries.pop();
    this.entries.push(...entries);
  }
}
