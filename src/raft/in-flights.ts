import type { LogIndex } from '../ports/index.js';

/**
 * The appends that were sent to one member and not yet acknowledged: a window in entries and in bytes. It is full
 * when either is used up; the message that fills it may exceed the byte limit.
 */
export class InFlights {
  private readonly entriesMax: number;
  private readonly bytesMax: number;
  private sent: Sent[] = [];
  private head = 0;
  private entries = 0;
  private bytes = 0;

  constructor(entriesMax: number, bytesMax: number) {
    this.entriesMax = entriesMax;
    this.bytesMax = bytesMax;
  }

  get isFull(): boolean {
    return this.entries >= this.entriesMax || this.bytes >= this.bytesMax;
  }

  /** Entries without an acknowledgement. */
  get count(): number {
    return this.entries;
  }

  add(lastIndex: LogIndex, entries: number, bytes: number): void {
    this.sent.push({ lastIndex, entries, bytes });
    this.entries += entries;
    this.bytes += bytes;
  }

  /** The member holds everything up to `index`. */
  freeTo(index: LogIndex): void {
    for (;;) {
      const oldest = this.sent[this.head];
      if (oldest === undefined || oldest.lastIndex > index) break;
      this.entries -= oldest.entries;
      this.bytes -= oldest.bytes;
      this.head += 1;
    }
    if (this.head < COMPACT_AT && this.head < this.sent.length) return;
    this.sent.splice(0, this.head);
    this.head = 0;
  }

  clear(): void {
    this.sent = [];
    this.head = 0;
    this.entries = 0;
    this.bytes = 0;
  }
}

interface Sent {
  readonly lastIndex: LogIndex;
  readonly entries: number;
  readonly bytes: number;
}

/** Freed places before the array is moved together. */
const COMPACT_AT = 256;
