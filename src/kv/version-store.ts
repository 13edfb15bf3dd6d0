import { assert, LIMITS } from '../base/index.js';
import { ChangeLog, type Changes, changesOf } from './change-log.js';
import type { RangeOp } from './command.js';
import { KeyHistory } from './key-history.js';
import { isSingleKey, type KeyRange } from './key-range.js';
import { type KeyValue, KeyVersion, NO_VALUE } from './key-version.js';
import { Refusal } from './refusal.js';
import type { RangeReply } from './reply.js';
import { compareKeys, SortedMap } from './sorted-map.js';
import { ValueArena } from './value-arena.js';

/**
 * Keys and their history since the last compaction.
 *
 * ```
 *   ordered   key -> its versions, in key order      ranges, snapshots
 *   byKey     the same by hash                       everything about one key
 *   changes   revision -> what it changed            watches, forgetting
 * ```
 *
 * All hold the same immutable versions. A revision is begun by the first `put` or `remove` and ended by `commit`; until
 * then reads of the latest state see it, but it is not `revision` yet.
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
  /** What each revision since `forgottenRevision` changed, in key order. */
  readonly changes = new ChangeLog();
  private ordered = new SortedMap<string, KeyHistory>(compareKeys);
  private readonly values = new ValueArena();
  private readonly byKey = new Map<string, KeyHistory>();
  /** Raised by `copy`: histories of earlier ones are shared with copies. */
  private epoch = 0;
  /** Of the revision that has begun: the first change, and all of them when there are more. */
  private firstChange: KeyVersion | undefined;
  private allChanges: KeyVersion[] | undefined;

  /** What a key is now. */
  get(key: string): KeyValue | undefined {
    return this.byKey.get(key)?.live?.toKeyValue();
  }

  /** The lease that a key ends with; 0 for none. */
  leaseOf(key: string): number {
    return this.byKey.get(key)?.live?.lease ?? 0;
  }

  /** A value is copied: it may be part of a larger buffer. Returns what the key was before. */
  put(name: string, value: Uint8Array, lease: number): KeyVersion | undefined {
    return this.putPart(name, value, 0, value.length, lease);
  }

  /** {@link put} for a value that stands in `bytes` from `from` to `to`. */
  putPart(name: string, bytes: Uint8Array, from: number, to: number, lease: number): KeyVersion | undefined {
    const history = this.own(name);
    const { key } = history;
    const before = history.live;
    const modRevision = this.revision + 1;
    const createRevision = before?.createRevision ?? modRevision;
    const version = (before?.version ?? 0) + 1;
    this.values.add(bytes, from, to);
    const { block, start } = this.values;
    const numbers = { createRevision, modRevision, version, lease };
    const put = new KeyVersion(key, numbers, block, start, to - from);
    if (before === undefined) {
      this.keyCount += 1;
      this.liveBytes += history.keyBytes;
    }
    this.liveBytes += put.size - (before?.size ?? 0);
    this.record(history, put);
    return before;
  }

  /** False when the key does not exist. */
  remove(key: string): boolean {
    const before = this.byKey.get(key)?.live;
    if (before === undefined) return false;
    const history = this.own(key);
    this.keyCount -= 1;
    this.liveBytes -= history.keyBytes + before.size;
    this.record(history, KeyVersion.end(key, this.revision + 1));
    return true;
  }

  /** Ends the revision, if there is a change; returns its changes. */
  commit(): Changes {
    const { firstChange } = this;
    if (firstChange === undefined) return NOTHING;
    const changed = this.allChanges?.sort(byKey) ?? firstChange;
    this.firstChange = undefined;
    this.allChanges = undefined;
    this.revision += 1;
    this.changes.push(this.revision, changed);
    return changed;
  }

  /** The newest version of a key at or before a revision, if it is a value and still known. */
  at(key: string, revision: number): KeyValue | undefined {
    return this.byKey.get(key)?.at(revision)?.toKeyValue();
  }

  /** Every key that has versions, in order. */
  *histories(): Generator<KeyHistory> {
    for (const [, history] of this.ordered.entries()) yield history;
  }

  /** Adds a version as it is, from a snapshot: in the order of {@link histories} and of their versions. */
  load(version: KeyVersion): void {
    const history = this.own(version.key);
    const before = history.live;
    if (before !== undefined) {
      this.keyCount -= 1;
      this.liveBytes -= history.keyBytes + before.size;
    }
    if (version.isLive) {
      this.keyCount += 1;
      this.liveBytes += history.keyBytes + version.size;
    }
    history.push(version);
    this.bytes += history.keyBytes + version.size;
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
      const size = ITEM_BYTES + item.key.length * 3 + (op.keysOnly ? 0 : item.size);
      const isFull = items.length > 0 && bytes + size > LIMITS.kvReplyBytesMax;
      if (isFull || (op.limit > 0 && items.length === op.limit)) {
        return { type: 'range', items, count: items.length, more: true };
      }
      items.push(op.keysOnly ? item.toKeyValue(NO_VALUE) : item.toKeyValue());
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
      const { oldest } = this.changes;
      if (oldest === undefined || oldest > this.compactRevision) {
        this.forgottenRevision = this.compactRevision;
        return;
      }
      const changes = changesOf(this.changes.at(oldest) ?? NOTHING);
      for (const change of changes) this.forgetBefore(change);
      this.changes.shift();
      this.forgottenRevision = oldest;
      left -= changes.length;
    }
  }

  /** A frozen copy, for {@link histories} and the numbers only: what a snapshot is written from. */
  copy(): VersionStore {
    assert(this.firstChange === undefined, 'a copy between two revisions');
    const copy = new VersionStore();
    copy.revision = this.revision;
    copy.compactRevision = this.compactRevision;
    copy.forgottenRevision = this.forgottenRevision;
    copy.bytes = this.bytes;
    copy.liveBytes = this.liveBytes;
    copy.keyCount = this.keyCount;
    copy.ordered = this.ordered.copy();
    this.epoch += 1;
    return copy;
  }

  /** The history of a key, made if need be, that no copy of the store shares. */
  private own(key: string): KeyHistory {
    const found = this.byKey.get(key);
    if (found?.epoch === this.epoch) return found;
    const own = found === undefined ? new KeyHistory(key, this.epoch) : found.copy(this.epoch);
    this.byKey.set(key, own);
    this.ordered.set(key, own);
    return own;
  }

  private record(history: KeyHistory, version: KeyVersion): void {
    history.push(version);
    if (this.firstChange === undefined) this.firstChange = version;
    else if (this.allChanges === undefined) this.allChanges = [this.firstChange, version];
    else this.allChanges.push(version);
    this.bytes += history.keyBytes + version.size;
  }

  /** The version before a change can be seen only in revisions before it; the end of a key is as good as no version. */
  private forgetBefore(change: KeyVersion): void {
    const history = this.own(change.key);
    const before = history.oldest;
    if (before !== undefined && before.modRevision < change.modRevision) this.forgetOldest(history, before);
    if (!change.isLive) this.forgetOldest(history, change);
    if (!history.isEmpty) return;
    this.byKey.delete(change.key);
    this.ordered.delete(change.key);
  }

  private forgetOldest(history: KeyHistory, version: KeyVersion): void {
    assert(history.oldest === version, 'versions that are forgotten in order');
    history.shift();
    this.bytes -= history.keyBytes + version.size;
  }

  private *live(range: KeyRange): Generator<KeyVersion> {
    if (isSingleKey(range)) {
      const item = this.byKey.get(range.from)?.live;
      if (item !== undefined) yield item;
      return;
    }
    for (const [key, { live }] of this.ordered.entries(range.from)) {
      if (range.to !== undefined && key >= range.to) return;
      if (live !== undefined) yield live;
    }
  }

  private *past(range: KeyRange, revision: number): Generator<KeyVersion> {
    for (const [key, history] of this.ordered.entries(range.from)) {
      if (range.to !== undefined && key >= range.to) return;
      const item = history.at(revision);
      if (item !== undefined) yield item;
    }
  }
}

function byKey(a: KeyVersion, b: KeyVersion): number {
  return compareKeys(a.key, b.key);
}

/** Bytes that a version counts for in `kvBytesMax`. */
export function sizeOf({ key, size }: KeyVersion): number {
  return Buffer.byteLength(key) + size;
}

function countOf(items: Iterable<unknown>): number {
  let count = 0;
  for (const _ of items) count += 1;
  return count;
}

const NOTHING: readonly KeyVersion[] = [];
/** Numbers and lengths of an encoded item, at most. */
const ITEM_BYTES = 48;
