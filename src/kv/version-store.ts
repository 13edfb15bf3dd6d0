import { assert, LIMITS } from '../base/index.js';
import type { ByteWriter } from './byte-writer.js';
import { ChangeLog } from './change-log.js';
import type { RangeOp } from './command.js';
import { isSingleKey, type KeyRange } from './key-range.js';
import { KeyTable } from './key-table.js';
import { type KeyValue, NO_VALUE } from './key-value.js';
import { Refusal } from './refusal.js';
import type { RangeReply } from './reply.js';
import { NO_ROW } from './row-pages.js';
import { compareKeys } from './sorted-map.js';
import { VersionTable } from './version-table.js';

/**
 * Keys and their history since the last compaction.
 *
 * ```
 *   keys      name -> key (a number), by hash and in order     key -> its newest and its oldest version
 *   versions  version (a number) -> revisions, value, key, the key's version before and after it
 *   changes   versions in the order of their revisions         watches, forgetting
 * ```
 *
 * A revision is begun by the first `put` or `remove` and ended by `commit`; until then reads of the latest state see it,
 * but it is not `revision` yet. Numbers of keys and versions are this member's own: no reply, snapshot or hash may
 * depend on them.
 */
export class VersionStore {
  /** The last complete revision; grows by one with every change. */
  revision = 0;
  /** The oldest state that can be read. */
  compactRevision = 0;
  /** What only states before this one need is forgotten; it follows `compactRevision` in parts. */
  forgottenRevision = 0;
  /** Keys and values, history included. */
  bytes = 0;
  /** Of `bytes`, those of the latest state. */
  liveBytes = 0;
  /** Of the latest state. */
  keyCount = 0;
  /** What the revisions since `forgottenRevision` have changed. */
  readonly changes: ChangeLog;
  private keys = new KeyTable();
  private versions = new VersionTable();
  /** Of the revision that has begun: the first change, and all of them when there are more. */
  private firstChange = NO_ROW;
  private allChanges: number[] | undefined;

  constructor(changes = new ChangeLog()) {
    this.changes = changes;
  }

  /** What a key is now. */
  get(name: string): KeyValue | undefined {
    const version = this.liveOf(this.keys.find(name));
    return version === NO_ROW ? undefined : this.item(name, version);
  }

  /** The lease that a key ends with; 0 for none. */
  leaseOf(name: string): number {
    const version = this.liveOf(this.keys.find(name));
    return version === NO_ROW ? 0 : this.versions.leaseOf(version);
  }

  /** The value is copied: it may be part of a larger buffer. Returns the lease that the key ended with before; 0 for none. */
  put(name: string, value: Uint8Array, lease: number): number {
    const found = this.keys.find(name);
    const key = found === NO_ROW ? this.keys.add(name) : found;
    return this.putPart(key, value, 0, value.length, lease);
  }

  /** {@link put} without a lease, for a put that stands in bytes. */
  putEncoded({ bytes, keyStart, keyEnd, keyHash, valueStart, valueEnd }: EncodedPut): number {
    const found = this.keys.findBytes(bytes, keyStart, keyEnd, keyHash);
    const key = found === NO_ROW ? this.keys.add(bytes.toString('latin1', keyStart, keyEnd)) : found;
    return this.putPart(key, bytes, valueStart, valueEnd, 0);
  }

  /** False when the key does not exist. */
  remove(name: string): boolean {
    const key = this.keys.find(name);
    const before = this.liveOf(key);
    if (before === NO_ROW) return false;
    this.keyCount -= 1;
    this.liveBytes -= this.keys.bytesOf(key) + this.versions.sizeOf(before);
    this.record(key, this.versions.add(key, before, this.revision + 1), 0);
    return true;
  }

  /** Ends the revision, if there is a change; returns the number of changes, which are the last ones of `changes`. */
  commit(): number {
    const { firstChange, allChanges } = this;
    if (firstChange === NO_ROW) return 0;
    this.firstChange = NO_ROW;
    this.allChanges = undefined;
    this.revision += 1;
    if (allChanges === undefined) {
      this.changes.push(firstChange);
      return 1;
    }
    allChanges.sort((a, b) => compareKeys(this.nameOf(a), this.nameOf(b)));
    for (const version of allChanges) this.changes.push(version);
    return allChanges.length;
  }

  /** The key of a version. */
  nameOf(version: number): string {
    return this.keys.nameOf(this.versions.keyOf(version));
  }

  /** The first code unit of that key. */
  firstUnitOf(version: number): number {
    return this.keys.firstUnitOf(this.versions.keyOf(version));
  }

  revisionOf(version: number): number {
    return this.versions.modRevisionOf(version);
  }

  /** Bytes that a version counts for. */
  bytesOf(version: number): number {
    return this.keys.bytesOf(this.versions.keyOf(version)) + this.versions.sizeOf(version);
  }

  /** A version for readers; `undefined` for the end of a key. */
  itemOf(version: number): KeyValue | undefined {
    return this.versions.isLive(version) ? this.item(this.nameOf(version), version) : undefined;
  }

  /** What a version's key was before it, if that is still known. */
  itemBefore(version: number): KeyValue | undefined {
    if (this.keys.oldestOf(this.versions.keyOf(version)) === version) return undefined;
    return this.itemOf(this.versions.olderThan(version));
  }

  /** Where in `changes` those of a revision and the ones after it begin. */
  changesFrom(revision: number): number {
    let [low, high] = [0, this.changes.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.revisionOf(this.changes.at(middle)) < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** All keys that have versions, in order, each with its number. */
  entries(): IterableIterator<[string, number]> {
    return this.keys.entries();
  }

  /** Numbers of keys are below. */
  get keyNumbersEnd(): number {
    return this.keys.numbersEnd;
  }

  keyOf(version: number): number {
    return this.versions.keyOf(version);
  }

  /** What a key was before the first of `changes`; `NO_ROW` when it was not. */
  baseOf(key: number): number {
    const oldest = this.keys.oldestOf(key);
    return this.revisionOf(oldest) <= this.forgottenRevision ? oldest : NO_ROW;
  }

  writeVersion(version: number, writer: ByteWriter): void {
    this.versions.write(version, writer);
  }

  /** A key of a snapshot: its number; `NO_ROW` when it is there already. It must be given a version. */
  loadKey(name: string): number {
    return this.keys.find(name) === NO_ROW ? this.keys.add(name) : NO_ROW;
  }

  /** Adds a version of a snapshot as it is, those of a key from the oldest on; `item` is `undefined` for an end. */
  load(key: number, modRevision: number, item: Omit<KeyValue, 'key' | 'modRevision'> | undefined): number {
    const before = this.liveOf(key);
    if (before !== NO_ROW) {
      this.keyCount -= 1;
      this.liveBytes -= this.keys.bytesOf(key) + this.versions.sizeOf(before);
    }
    const version = this.versions.add(key, this.keys.newestOf(key), modRevision);
    if (item !== undefined) {
      this.versions.setNumbers(version, item.createRevision, item.version, item.lease);
      this.versions.setBytes(version, item.value, 0, item.value.length);
      this.keyCount += 1;
      this.liveBytes += this.keys.bytesOf(key) + item.value.length;
    }
    this.link(key, version, item?.value.length ?? 0);
    return version;
  }

  /** @throws Refusal `KV_COMPACTED`, `KV_REVISION_FUTURE` */
  checkRevision(revision: number): void {
    if (revision > this.revision) {
      throw new Refusal('KV_REVISION_FUTURE', `revision ${revision} was asked for, the store is at ${this.revision}`);
    }
    if (revision > 0 && revision < this.compactRevision) {
      throw new Refusal(
        'KV_COMPACTED',
        `revision ${revision} was asked for, history begins at ${this.compactRevision}`,
      );
    }
  }

  /** The revision must have been checked. */
  range(op: RangeOp): RangeReply {
    const source = this.versionsIn(op.range, op.revision);
    if (op.countOnly) return { type: 'range', items: [], count: countOf(source), more: false };
    const items: KeyValue[] = [];
    let bytes = 0;
    for (const version of source) {
      const name = this.nameOf(version);
      const size = ITEM_BYTES + name.length * 3 + (op.keysOnly ? 0 : this.versions.sizeOf(version));
      const isFull = items.length > 0 && bytes + size > LIMITS.kvReplyBytesMax;
      if (isFull || (op.limit > 0 && items.length === op.limit)) {
        return { type: 'range', items, count: items.length, more: true };
      }
      items.push(this.item(name, version, op.keysOnly ? NO_VALUE : undefined));
      bytes += size;
    }
    return { type: 'range', items, count: items.length, more: false };
  }

  /** The keys of a range, up to one more than `max`. */
  names(range: KeyRange, max: number): string[] {
    const names: string[] = [];
    for (const version of this.versionsIn(range, 0)) {
      names.push(this.nameOf(version));
      if (names.length > max) break;
    }
    return names;
  }

  /** From now on states before `revision` cannot be read. What only they need is forgotten by {@link forgetSome}. */
  compact(revision: number): void {
    assert(revision >= this.compactRevision && revision <= this.revision, 'a compaction of what there is');
    this.compactRevision = revision;
  }

  /**
   * Forgets some of what compactions left behind: `changesMax` changes and the rest of their revision. In parts, and
   * part by part with the commands, so that no command takes long and all members have forgotten the same.
   */
  forgetSome(changesMax: number): void {
    if (this.forgottenRevision >= this.compactRevision) return;
    const { changes } = this;
    for (let left = changesMax; left > 0; ) {
      const revision = changes.length === 0 ? Number.POSITIVE_INFINITY : this.revisionOf(changes.at(0));
      if (revision > this.compactRevision) {
        this.forgottenRevision = this.compactRevision;
        return;
      }
      do {
        this.forgetBefore(changes.shift());
        left -= 1;
      } while (changes.length > 0 && this.revisionOf(changes.at(0)) === revision);
      this.forgottenRevision = revision;
      if (revision === this.compactRevision) return;
    }
  }

  /** A frozen copy, for what a snapshot is written from only: the entries, changes, versions and numbers. */
  copy(): VersionStore {
    assert(this.firstChange === NO_ROW, 'a copy between two revisions');
    const copy = new VersionStore(this.changes.copy());
    copy.revision = this.revision;
    copy.compactRevision = this.compactRevision;
    copy.forgottenRevision = this.forgottenRevision;
    copy.bytes = this.bytes;
    copy.liveBytes = this.liveBytes;
    copy.keyCount = this.keyCount;
    copy.keys = this.keys.copy();
    copy.versions = this.versions.copy();
    return copy;
  }

  private putPart(key: number, bytes: Uint8Array, from: number, to: number, lease: number): number {
    const { versions } = this;
    const before = this.keys.newestOf(key);
    const modRevision = this.revision + 1;
    const put = versions.add(key, before, modRevision);
    const size = to - from;
    let leaseBefore = 0;
    if (before !== NO_ROW && versions.isLive(before)) {
      leaseBefore = versions.leaseOf(before);
      versions.setNumbers(put, versions.createRevisionOf(before), versions.versionOf(before) + 1, lease);
      this.liveBytes += size - versions.sizeOf(before);
    } else {
      versions.setNumbers(put, modRevision, 1, lease);
      this.keyCount += 1;
      this.liveBytes += this.keys.bytesOf(key) + size;
    }
    versions.setBytes(put, bytes, from, to);
    this.record(key, put, size);
    return leaseBefore;
  }

  /** A key's newest version, if it is a value. */
  private liveOf(key: number): number {
    const newest = key === NO_ROW ? NO_ROW : this.keys.newestOf(key);
    return newest !== NO_ROW && this.versions.isLive(newest) ? newest : NO_ROW;
  }

  private record(key: number, version: number, size: number): void {
    this.link(key, version, size);
    if (this.firstChange === NO_ROW) this.firstChange = version;
    else if (this.allChanges === undefined) this.allChanges = [this.firstChange, version];
    else this.allChanges.push(version);
  }

  private link(key: number, version: number, size: number): void {
    this.keys.setNewest(key, version);
    if (this.keys.oldestOf(key) === NO_ROW) this.keys.setOldest(key, version);
    this.bytes += this.keys.bytesOf(key) + size;
  }

  /** The version before a change can be seen only in revisions before it; the end of a key is as good as no version. */
  private forgetBefore(change: number): void {
    const key = this.versions.keyOf(change);
    const before = this.keys.oldestOf(key);
    if (before !== change) this.forgetOldest(key, before);
    if (!this.versions.isLive(change)) this.forgetOldest(key, change);
    if (this.keys.oldestOf(key) === NO_ROW) this.keys.delete(key);
  }

  private forgetOldest(key: number, version: number): void {
    assert(this.keys.oldestOf(key) === version, 'versions that are forgotten in order');
    const oldest = this.versions.newerThan(version);
    this.keys.setOldest(key, oldest);
    if (oldest === NO_ROW) this.keys.setNewest(key, NO_ROW);
    this.bytes -= this.keys.bytesOf(key) + this.versions.sizeOf(version);
    this.versions.release(version);
  }

  /** The live versions of a range at a revision, 0 for now, in key order. */
  private *versionsIn(range: KeyRange, revision: number): Generator<number> {
    if (isSingleKey(range)) {
      const version = this.versionAt(this.keys.find(range.from), revision);
      if (version !== NO_ROW) yield version;
      return;
    }
    for (const [name, key] of this.keys.entries(range.from)) {
      if (range.to !== undefined && name >= range.to) return;
      const version = this.versionAt(key, revision);
      if (version !== NO_ROW) yield version;
    }
  }

  /** What a key was after a revision, 0 for now, if that is a value and still known. */
  private versionAt(key: number, revision: number): number {
    if (revision === 0 || key === NO_ROW) return this.liveOf(key);
    const { versions } = this;
    const [oldest, newest] = [this.keys.oldestOf(key), this.keys.newestOf(key)];
    const [first, last] = [versions.modRevisionOf(oldest), versions.modRevisionOf(newest)];
    if (first > revision) return NO_ROW;
    // A key has at most as many versions as there are revisions in the history: a walk from the end that is likely nearer.
    let version = newest;
    if (revision < last && revision - first < last - revision) {
      version = oldest;
      for (let next = version; versions.modRevisionOf(next) <= revision; next = versions.newerThan(next))
        version = next;
    } else while (versions.modRevisionOf(version) > revision) version = versions.olderThan(version);
    return versions.isLive(version) ? version : NO_ROW;
  }

  private item(key: string, version: number, value = this.versions.valueOf(version)): KeyValue {
    const { versions } = this;
    return {
      key,
      value,
      createRevision: versions.createRevisionOf(version),
      modRevision: versions.modRevisionOf(version),
      version: versions.versionOf(version),
      lease: versions.leaseOf(version),
    };
  }
}

/** Where a put of a key in ASCII, without a lease, stands in bytes. */
export interface EncodedPut {
  readonly bytes: Buffer;
  readonly keyStart: number;
  readonly keyEnd: number;
  /** A hash of the key's bytes. */
  readonly keyHash: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

function countOf(items: Iterable<unknown>): number {
  let count = 0;
  for (const _ of items) count += 1;
  return count;
}

/** Numbers and lengths of an encoded item, at most. */
const ITEM_BYTES = 48;
