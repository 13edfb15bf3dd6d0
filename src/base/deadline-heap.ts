/** Something due at a time; the handle by which it is taken out again. */
export interface Deadline<T> {
  readonly deadlineMs: number;
  readonly value: T;
}

/**
 * Deadlines in order, as a binary heap in an array: the children of `i` are `2i + 1` and `2i + 2`, none is earlier
 * than its parent.
 *
 * ```
 *            0: 5 ms
 *          /         \
 *      1: 7 ms     2: 6 ms        removal from the middle: the last entry takes the place,
 *      /     \                    then moves up or down
 *   3: 9 ms  4: 8 ms
 * ```
 *
 * Every entry knows its index, so `remove` costs O(log n) instead of a search, and cancelled deadlines (most of a
 * call table's) leave no garbage behind. Equal deadlines come out in the order they were added: simulations replay.
 */
export class DeadlineHeap<T> {
  private readonly entries: Entry<T>[] = [];
  private added = 0;

  get size(): number {
    return this.entries.length;
  }

  /** The earliest deadline in milliseconds; `Infinity` when there is none. */
  nextMs(): number {
    return this.entries[0]?.deadlineMs ?? Number.POSITIVE_INFINITY;
  }

  /** O(log n). `deadlineMs` may be any number except NaN. */
  add(deadlineMs: number, value: T): Deadline<T> {
    const entry = new Entry(deadlineMs, value, this.added, this.entries.length);
    this.added += 1;
    this.entries.push(entry);
    this.moveUp(entry);
    return entry;
  }

  peek(): Deadline<T> | undefined {
    return this.entries[0];
  }

  /** Takes out the earliest; O(log n). */
  pop(): Deadline<T> | undefined {
    const first = this.entries[0];
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** Takes out one entry; false when it is not (any longer) in this heap. O(log n). */
  remove(handle: Deadline<T>): boolean {
    const entry = handle as Entry<T>;
    if (this.entries[entry.index] !== entry) return false;
    const last = this.entries.pop() as Entry<T>;
    if (last !== entry) {
      last.index = entry.index;
      this.entries[last.index] = last;
      this.moveUp(last);
      this.moveDown(last);
    }
    entry.index = -1;
    return true;
  }

  clear(): void {
    for (const entry of this.entries) entry.index = -1;
    this.entries.length = 0;
  }

  private moveUp(entry: Entry<T>): void {
    while (entry.index > 0) {
      const parent = this.entries[(entry.index - 1) >>> 1] as Entry<T>;
      if (!isBefore(entry, parent)) return;
      this.swap(entry, parent);
    }
  }

  private moveDown(entry: Entry<T>): void {
    for (;;) {
      const left = this.entries[2 * entry.index + 1];
      if (left === undefined) return;
      const right = this.entries[2 * entry.index + 2];
      const child = right !== undefined && isBefore(right, left) ? right : left;
      if (!isBefore(child, entry)) return;
      this.swap(entry, child);
    }
  }

  private swap(a: Entry<T>, b: Entry<T>): void {
    const index = a.index;
    a.index = b.index;
    b.index = index;
    this.entries[a.index] = a;
    this.entries[b.index] = b;
  }
}

class Entry<T> implements Deadline<T> {
  readonly deadlineMs: number;
  readonly value: T;
  readonly order: number;
  /** Its place in the array; -1 once taken out. */
  index: number;

  constructor(deadlineMs: number, value: T, order: number, index: number) {
    this.deadlineMs = deadlineMs;
    this.value = value;
    this.order = order;
    this.index = index;
  }
}

function isBefore<T>(a: Entry<T>, b: Entry<T>): boolean {
  return a.deadlineMs < b.deadlineMs || (a.deadlineMs === b.deadlineMs && a.order < b.order);
}
