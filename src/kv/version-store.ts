import { assert, LIMITS } from '../base/index.js';
import type { RangeOp } from './command.js';
import type { KeyRange } from './key-range.js';
import { isLive, type KeyValue, type KeyVersion } from './key-version.js';
import { Refusal } from './refusal.js';
import type { RangeReply } from './reply.js';
import { compareKeys, compareNumbers, SortedMap } from './sorted-map.js';

/** A place among the versions: of a key, after a revision. */
export type VersionId = Pick<KeyVersion, 'key' | 'modRevision'>;

/**
 * Keys and their history since the last compaction.
 *
 * ```
 *   current   key -> its value                             what most reads want
 *   versions  (key, revision) in order, ends included      reads of the past, previous values
 *   changes   revision -> what it changed, in key order    watches
 * ```
 *
 * All three hold the same immutable versions. A revision is begun by the first `put` or `remove` and ended by `commit`;
 * until then it can be seen in `current` but is not `revision` yet.
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
  current = new SortedMap<string, KeyValue>(compareKeys);
  versions = new SortedMap<VersionId, KeyVersion>(compareVersions);
  changes = new SortedMap<number, readonly KeyVersion[]>(compareNumbers);
  private uncommitted: KeyVersion[] = [];

  /** A value is copied: it may be part of a larger buffer. */
  put(key: string, value: Uint8Array, lease: number): void {
    const before = this.current.get(key);
    const modRevision = this.revision + 1;
    const createRevision = before?.createRevision ?? modRevision;
    const version = (before?.version ?? 0) + 1;
    const kept = Uint8Array.prototype.slice.call(value);
    const put: KeyValue = { key, value: kept, createRevision, modRevision, version, lease };
    this.current.set(key, put);
    this.liveBytes += sizeOf(put) - (before === undefined ? 0 : sizeOf(before));
    this.record(put);
  }

  /** False when the key does not exist. */
  remove(key: string): boolean {
    const before = this.current.get(key);
    if (before === undefined) return false;
    this.current.delete(key);
    this.liveBytes -= sizeOf(before);
    const modRevision = this.revision + 1;
    this.record({ key, value: undefined, createRevision: 0, modRevision, version: 0, lease: 0 });
    return true;
  }

  /** Ends the revision, if there is a change; returns its changes in key order. */
  commit(): readonly KeyVersion[] {
    if (this.uncommitted.length === 0) return NOTHING;
    const changed = this.uncommitted.sort(compareVersions);
    this.uncommitted = [];
    this.revision += 1;
    this.changes.set(this.revision, changed);
    return changed;
  }

  /** The newest version of a key at or before a revision, if it is a value and still known. */
  at(key: string, revision: number): KeyValue | undefined {
    const found = this.versions.atOrBefore({ key, modRevision: revision })?.[0] as KeyVersion | undefined;
    return found?.key === key && isLive(found) ? found : undefined;
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
    const source = op.revision === 0 ? this.live(op.range) : this.past(op.range, op.revision);
    if (op.countOnly) return { type: 'range', items: [], count: countOf(source), more: false };
    const items: KeyValue[] = [];
    let bytes = 0;
    for (const item of source) {
      const size = ITEM_BYTES + item.key.length * 3 + (op.keysOnly ? 0 : item.value.length);
      const isFull = items.length > 0 && bytes + size > LIMITS.kvReplyBytesMax;
      if (isFull || (op.limit > 0 && items.length === op.limit)) {
        return { type: 'range', items, count: items.length, more: true };
      }
      items.push(op.keysOnly ? { ...item, value: NO_VALUE } : item);
      bytes += size;
    }
    return { type: 'range', items, count: items.length, more: false };
  }

  /** The keys of a range, up to one more than `max`. */
  keys(range: KeyRange, max: number): string[] {
    const keys: string[] = [];
    for (const { key } of this.live(range)) {
      keys.push(key);
      if (keys.length > max) break;
    }
    return keys;
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
    let left = changesMax;
    while (left > 0 && this.forgottenRevision < this.compactRevision) {
      const first = this.changes.first();
      if (first === undefined || first[0] > this.compactRevision) {
        this.forgottenRevision = this.compactRevision;
        return;
      }
      const [revision, changes] = first;
      for (const change of changes) this.forgetBefore(change);
      this.changes.delete(revision);
      this.forgottenRevision = revision;
      left -= changes.length;
    }
  }

  /** A frozen copy. */
  copy(): VersionStore {
    assert(this.uncommitted.length === 0, 'a copy between two revisions');
    const copy = new VersionStore();
    copy.revision = this.revision;
    copy.compactRevision = this.compactRevision;
    copy.forgottenRevision = this.forgottenRevision;
    copy.bytes = this.bytes;
    copy.liveBytes = this.liveBytes;
    copy.current = this.current.copy();
    copy.versions = this.versions.copy();
    copy.changes = this.changes.copy();
    return copy;
  }

  private record(version: KeyVersion): void {
    this.versions.set(version, version);
    this.uncommitted.push(version);
    this.bytes += sizeOf(version);
  }

  /** The version before a change can be seen only in revisions before it; the end of a key is as good as no version. */
  private forgetBefore(change: KeyVersion): void {
    const before = this.versions.atOrBefore({ key: change.key, modRevision: change.modRevision - 1 })?.[1];
    if (before?.key === change.key) this.forget(before);
    if (!isLive(change)) this.forget(change);
  }

  private forget(version: KeyVersion): void {
    if (this.versions.delete(version)) this.bytes -= sizeOf(version);
  }

  private *live(range: KeyRange): Generator<KeyValue> {
    for (const [key, item] of this.current.entries(range.from)) {
      if (range.to !== undefined && key >= range.to) return;
      yield item;
    }
  }

  private *past(range: KeyRange, revision: number): Generator<KeyValue> {
    let newest: KeyVersion | undefined;
    for (const [, version] of this.versions.entries({ key: range.from, modRevision: 0 })) {
      if (range.to !== undefined && version.key >= range.to) break;
      if (version.key !== newest?.key && isLive(newest)) yield newest;
      if (version.key !== newest?.key) newest = undefined;
      if (version.modRevision <= revision) newest = version;
    }
    if (isLive(newest)) yield newest;
  }
}

export function compareVersions(a: VersionId, b: VersionId): number {
  return compareKeys(a.key, b.key) || a.modRevision - b.modRevision;
}

/** Bytes that a version counts for in `kvBytesMax`. */
export function sizeOf({ key, value }: KeyVersion): number {
  return Buffer.byteLength(key) + (value?.length ?? 0);
}

function countOf(items: Iterable<unknown>): number {
  let count = 0;
  for (const _ of items) count += 1;
  return count;
}

const NOTHING: readonly KeyVersion[] = [];
const NO_VALUE = new Uint8Array(0);
/** Numbers and lengths of an encoded item, at most. */
const ITEM_BYTES = 48;
