import type { ByteWriter } from './byte-writer.js';
import { cellsAt, intsAt, NO_ROW, RowPages } from './row-pages.js';
import { NO_PLACE, ValueArena, type ValueOwner } from './value-arena.js';

/**
 * What revisions made of keys: each version is a value, or the end of its key (`isLive` false; its numbers but for the
 * revision are 0). A version is a row and never changes, but for its links: those of a key are chained.
 *
 * ```
 *   cells   0 create revision · 1 revision · 2 version · 3 lease · 4 place of the value
 *   ints    10 key · 11 size of the value · 12 older version · 13 newer version
 * ```
 */
export class VersionTable implements ValueOwner {
  private rows = new RowPages();
  private values = new ValueArena(this);

  /** Adds what `modRevision` made of `key`: its end, until it gets a value. `older` is the key's version before, if any. */
  add(key: number, older: number, modRevision: number): number {
    const row = this.rows.take();
    const { cells, ints } = this.rows.own(row);
    const cell = cellsAt(row);
    cells[cell + CREATED] = 0;
    cells[cell + MODIFIED] = modRevision;
    cells[cell + VERSION] = 0;
    cells[cell + LEASE] = 0;
    cells[cell + PLACE] = NO_PLACE;
    const int = intsAt(row);
    ints[int + KEY] = key;
    ints[int + SIZE] = 0;
    ints[int + OLDER] = older;
    ints[int + NEWER] = NO_ROW;
    if (older !== NO_ROW) this.rows.own(older).ints[intsAt(older) + NEWER] = row;
    return row;
  }

  /** What a new version is that is not an end; {@link setBytes} gives it its value. */
  setNumbers(row: number, createRevision: number, version: number, lease: number): void {
    const { cells } = this.rows.own(row);
    const cell = cellsAt(row);
    cells[cell + CREATED] = createRevision;
    cells[cell + VERSION] = version;
    cells[cell + LEASE] = lease;
  }

  /** The value of a new version stands in `bytes` from `from` to `to`; it is copied. */
  setBytes(row: number, bytes: Uint8Array, from: number, to: number): void {
    const place = this.values.add(row, bytes, from, to);
    const { cells, ints } = this.rows.own(row);
    cells[cellsAt(row) + PLACE] = place;
    ints[intsAt(row) + SIZE] = to - from;
  }

  release(row: number): void {
    const place = this.placeOf(row);
    const size = this.sizeOf(row);
    this.rows.own(row).cells[cellsAt(row) + PLACE] = NO_PLACE;
    this.rows.release(row);
    if (place !== NO_PLACE) this.values.release(place, size);
  }

  isLive(row: number): boolean {
    return this.placeOf(row) !== NO_PLACE;
  }

  createRevisionOf(row: number): number {
    return this.rows.page(row).cells[cellsAt(row) + CREATED] as number;
  }

  modRevisionOf(row: number): number {
    return this.rows.page(row).cells[cellsAt(row) + MODIFIED] as number;
  }

  versionOf(row: number): number {
    return this.rows.page(row).cells[cellsAt(row) + VERSION] as number;
  }

  leaseOf(row: number): number {
    return this.rows.page(row).cells[cellsAt(row) + LEASE] as number;
  }

  keyOf(row: number): number {
    return this.rows.page(row).ints[intsAt(row) + KEY] as number;
  }

  /** Bytes of the value. */
  sizeOf(row: number): number {
    return this.rows.page(row).ints[intsAt(row) + SIZE] as number;
  }

  /** Of the key's oldest version: undefined. */
  olderThan(row: number): number {
    return this.rows.page(row).ints[intsAt(row) + OLDER] as number;
  }

  /** Of the key's newest version: `NO_ROW`, but undefined in a copy. */
  newerThan(row: number): number {
    return this.rows.page(row).ints[intsAt(row) + NEWER] as number;
  }

  /** A copy of the value, or what never changes. */
  valueOf(row: number): Uint8Array {
    return this.values.read(this.placeOf(row), this.sizeOf(row));
  }

  /** A flag, 0 for the end of a key; behind a 1 create revision, version, lease and value. */
  write(row: number, writer: ByteWriter): void {
    const { cells, ints } = this.rows.page(row);
    const cell = cellsAt(row);
    const place = cells[cell + PLACE] as number;
    writer.byte(place === NO_PLACE ? 0 : 1);
    if (place === NO_PLACE) return;
    writer.uint(cells[cell + CREATED] as number);
    writer.uint(cells[cell + VERSION] as number);
    writer.uint(cells[cell + LEASE] as number);
    writer.data(this.values.view(place, ints[intsAt(row) + SIZE] as number));
  }

  /** A frozen copy, to read only. */
  copy(): VersionTable {
    const copy = new VersionTable();
    copy.rows = this.rows.copy();
    copy.values = this.values.copy();
    return copy;
  }

  private placeOf(row: number): number {
    return this.rows.page(row).cells[cellsAt(row) + PLACE] as number;
  }

  moved(row: number, place: number): void {
    this.rows.own(row).cells[cellsAt(row) + PLACE] = place;
  }
}

const CREATED = 0;
const MODIFIED = 1;
const VERSION = 2;
const LEASE = 3;
const PLACE = 4;
const KEY = 10;
const SIZE = 11;
const OLDER = 12;
const NEWER = 13;
