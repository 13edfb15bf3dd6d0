import type { FlotillaError } from '../../base/index.js';
import type { HardState, LogBatch, LogEntry, LogIndex, LogStore, StoredLog } from '../../ports/index.js';

/**
 * A log for directors without a data directory: gone with the process. A director that was restarted with it must join
 * again under a new member id, since what its first life voted and acknowledged is forgotten.
 *
 * May be closed and opened again within the process, as a file could.
 */
export class MemoryLogStore implements LogStore {
  private hardState: HardState | undefined;
  private base = 0 as LogIndex;
  private entries: LogEntry[] = [];
  private done: ((error: FlotillaError | undefined) => void)[] = [];

  open(): Promise<StoredLog> {
    return Promise.resolve({ hardState: this.hardState, base: this.base, entries: [...this.entries] });
  }

  append(batch: LogBatch): Promise<void> {
    return new Promise((resolve) => this.write(batch, () => resolve()));
  }

  /** `append` without a promise; `done` comes in the order of the calls, never before this returns. */
  write({ snapshot, entries, hardState }: LogBatch, done: (error: FlotillaError | undefined) => void): void {
    if (snapshot !== undefined) {
      this.entries = [];
      this.base = snapshot.index;
    }
    const first = entries[0];
    if (first !== undefined) this.cutFrom(first.index);
    for (const entry of entries) this.entries.push(entry);
    if (hardState !== undefined) this.hardState = hardState;
    this.done.push(done);
    if (this.done.length === 1) queueMicrotask(this.answer);
  }

  compact(index: LogIndex): Promise<void> {
    const first = this.entries[0];
    if (first !== undefined && first.index <= index) {
      const { length } = this.entries.splice(0, index - first.index + 1);
      this.base = (first.index + length - 1) as LogIndex;
    }
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  private cutFrom(index: LogIndex): void {
    const first = this.entries[0];
    if (first !== undefined && index < first.index + this.entries.length)
      this.entries.length = Math.max(0, index - first.index);
  }

  private readonly answer = (): void => {
    const answered = this.done;
    this.done = [];
    for (const done of answered) done(undefined);
  };
}
