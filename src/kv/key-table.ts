import { bytesAt, intsAt, NO_ROW, RowPages } from './row-pages.js';
import { compareKeys, SortedMap } from './sorted-map.js';

/**
 * The keys that have versions, each under a number: a row with its oldest and newest version.
 *
 * ```
 *   ints    0 newest version · 1 oldest version · 2 bytes of the key · 3 bytes of its name in the row, 0 for none
 *   bytes   16 ... 55 the name, if it is that short and in ASCII
 * ```
 */
export class KeyTable {
  private rows = new RowPages();
  private ordered = new SortedMap<string, number>(compareKeys);
  private readonly byName = new Map<string, number>();
  private readonly names: string[] = [];
  /** Keys by the hash of their bytes, as far as there is room: a put of one that is there needs no string. */
  private found = new FoundKeys(FOUND_MIN);

  /** `NO_ROW` for a key without versions. */
  find(name: string): number {
    return this.byName.get(name) ?? NO_ROW;
  }

  /** {@link find} for a key in ASCII that stands in `bytes` from `from` to `to`; `hash` is any function of its bytes. */
  findBytes(bytes: Buffer, from: number, to: number, hash: number): number {
    const found = this.found.get(hash);
    if (found !== NO_ROW && this.isName(found, bytes, from, to)) return found;
    const looked = this.find(bytes.toString('latin1', from, to));
    if (looked !== NO_ROW) this.found.add(hash, looked);
    return looked;
  }

  /** A new key; it must be given a version. */
  add(name: string): number {
    const key = this.rows.take();
    const { ints, bytes } = this.rows.own(key);
    const at = intsAt(key);
    const size = Buffer.byteLength(name);
    const isShort = size === name.length && size <= NAME_BYTES_MAX;
    ints[at + NEWEST] = NO_ROW;
    ints[at + OLDEST] = NO_ROW;
    ints[at + KEY_BYTES] = size;
    ints[at + NAME_BYTES] = isShort ? size : 0;
    if (isShort) for (let i = 0; i < size; i += 1) bytes[bytesAt(key) + NAME + i] = name.charCodeAt(i);
    this.names[key] = name;
    this.byName.set(name, key);
    this.ordered.set(name, key);
    const { places } = this.found;
    if (this.byName.size * FOUND_PER_KEY > places && places < FOUND_MAX) this.found = new FoundKeys(places * 2);
    return key;
  }

  delete(key: number): void {
    const name = this.nameOf(key);
    this.names[key] = '';
    this.rows.own(key).ints[intsAt(key) + NAME_BYTES] = 0;
    this.byName.delete(name);
    this.ordered.delete(name);
    this.rows.release(key);
  }

  /** Numbers of keys are below. */
  get numbersEnd(): number {
    return this.rows.end;
  }

  nameOf(key: number): string {
    return this.names[key] as string;
  }

  /** The first code unit of the name. */
  firstUnitOf(key: number): number {
    const { ints, bytes } = this.rows.page(key);
    const isShort = (ints[intsAt(key) + NAME_BYTES] as number) > 0;
    return isShort ? (bytes[bytesAt(key) + NAME] as number) : this.nameOf(key).charCodeAt(0);
  }

  /** What the key counts for, in bytes. */
  bytesOf(key: number): number {
    return this.rows.page(key).ints[intsAt(key) + KEY_BYTES] as number;
  }

  newestOf(key: number): number {
    return this.rows.page(key).ints[intsAt(key) + NEWEST] as number;
  }

  oldestOf(key: number): number {
    return this.rows.page(key).ints[intsAt(key) + OLDEST] as number;
  }

  setNewest(key: number, version: number): void {
    this.rows.own(key).ints[intsAt(key) + NEWEST] = version;
  }

  setOldest(key: number, version: number): void {
    this.rows.own(key).ints[intsAt(key) + OLDEST] = version;
  }

  /** Names and keys in order, from `from` on. */
  entries(from?: string): IterableIterator<[string, number]> {
    return this.ordered.entries(from);
  }

  /** A frozen copy, for {@link entries} and the versions and bytes of keys only. */
  copy(): KeyTable {
    const copy = new KeyTable();
    copy.rows = this.rows.copy();
    copy.ordered = this.ordered.copy();
    return copy;
  }

  /** Whether a key, or one that was deleted, has the name in ASCII that stands in `bytes` from `from` to `to`. */
  private isName(key: number, bytes: Buffer, from: number, to: number): boolean {
    const page = this.rows.page(key);
    const size = page.ints[intsAt(key) + NAME_BYTES] as number;
    if (size === 0) return isText(this.names[key] as string, bytes, from, to);
    if (size !== to - from) return false;
    // In the row, where the versions stand too: the name itself would be two more places of memory to wait for.
    const start = bytesAt(key) + NAME;
    for (let at = 0; at < size; at += 1) if (page.bytes[start + at] !== bytes[from + at]) return false;
    return true;
  }
}

/**
 * Keys by hash: one of as many as there are places, and the others in sets of eight that share a line of the processor's
 * cache. A set that is full forgets the key that came first.
 */
class FoundKeys {
  readonly places: number;
  /** Hash and key, place by place. */
  private readonly pairs: Int32Array;

  /** @param places a power of two, 8 at least */
  constructor(places: number) {
    this.places = places;
    this.pairs = new Int32Array(places * 2).fill(NO_ROW);
  }

  get(hash: number): number {
    const { pairs } = this;
    const start = this.setOf(hash);
    for (let at = start; at < start + SET_INTS; at += 2) if (pairs[at] === hash) return pairs[at + 1] as number;
    return NO_ROW;
  }

  add(hash: number, key: number): void {
    const start = this.setOf(hash);
    this.pairs.copyWithin(start + 2, start, start + SET_INTS - 2);
    this.pairs[start] = hash;
    this.pairs[start + 1] = key;
  }

  private setOf(hash: number): number {
    return (hash & (this.places / SET_PLACES - 1)) * SET_INTS;
  }
}

function isText(name: string, bytes: Buffer, from: number, to: number): boolean {
  if (name.length !== to - from) return false;
  for (let at = 0; at < name.length; at += 1) if (name.charCodeAt(at) !== bytes[from + at]) return false;
  return true;
}

const NEWEST = 0;
const OLDEST = 1;
const KEY_BYTES = 2;
const NAME_BYTES = 3;
/** Among the bytes of the row. */
const NAME = 16;
const NAME_BYTES_MAX = 40;
const SET_PLACES = 8;
const SET_INTS = 2 * SET_PLACES;
const FOUND_MIN = 1_024;
/** 8 MiB. */
const FOUND_MAX = 1 << 20;
/** Places for each key, at least, so that few sets are full. */
const FOUND_PER_KEY = 2;
