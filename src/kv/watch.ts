import { contains, isSingleKey, type KeyRange } from './key-range.js';
import type { KeyValue } from './key-value.js';
import type { VersionStore } from './version-store.js';

export interface WatchOptions {
  readonly range: KeyRange;
  /** The first revision to be told; one more than that of a read makes a copy that misses nothing. */
  readonly fromRevision: number;
  /** Give the value that was there before. Default false. */
  readonly withPrevious?: boolean;
}

export interface WatchEvent {
  readonly type: 'put' | 'delete';
  readonly key: string;
  readonly revision: number;
  /** The new value; `undefined` for a delete. */
  readonly item: KeyValue | undefined;
  /** The value before, when it was asked for and there was one. */
  readonly previous: KeyValue | undefined;
}

export type WatchAnswer =
  | {
      readonly type: 'events';
      /** In order; a revision is never split. */
      readonly events: readonly WatchEvent[];
      /** Everything up to here is told. */
      readonly revision: number;
      /** The call stopped at its bounds: call again, `wake` will not. There may be no event in this answer. */
      readonly more: boolean;
    }
  /** The history no longer reaches back: read the state and watch from its revision. */
  | { readonly type: 'compacted'; readonly oldestRevision: number };

/**
 * One watch of one member. It holds no events, only how far it has been told: a slow watcher costs nothing until it
 * asks, and is told `compacted` if it asks too late.
 */
export class KvWatch {
  readonly range: KeyRange;
  private readonly hub: WatchHub;
  private readonly withPrevious: boolean;
  private readonly wake: () => void;
  /** The first code units that a key of the range can begin with. */
  private readonly firstUnit: number;
  readonly lastUnit: number;
  private next: number;
  private isAwake = false;
  /** Everything has been told, and nothing that concerns it has happened since. */
  private isCurrent = false;

  constructor(hub: WatchHub, options: WatchOptions, wake: () => void) {
    this.hub = hub;
    this.range = options.range;
    this.withPrevious = options.withPrevious ?? false;
    this.wake = wake;
    const { from, to } = options.range;
    this.firstUnit = from === '' ? 0 : from.charCodeAt(0);
    this.lastUnit = to === undefined ? UNIT_MAX : to.charCodeAt(0);
    this.next = options.fromRevision;
  }

  /** Whether the key lies in the range. Most keys lie elsewhere from their first code unit on. */
  concerns(key: string): boolean {
    const unit = key.charCodeAt(0);
    return unit >= this.firstUnit && unit <= this.lastUnit && contains(this.range, key);
  }

  /**
   * What happened since the last call, up to the end of the revision with which `eventsMax` or `bytesMax` is reached.
   * Never looks at more than some thousand changes at once, whether they concern it or not. Once everything is told
   * (`more` false), `wake` is called when there is something new.
   */
  poll(eventsMax: number, bytesMax = Number.POSITIVE_INFINITY): WatchAnswer {
    const { store } = this.hub;
    this.isAwake = false;
    // However much of the history that concerns others has been let go of meanwhile.
    if (this.isCurrent) this.next = Math.max(this.next, store.revision + 1);
    if (this.next <= store.compactRevision) return { type: 'compacted', oldestRevision: store.compactRevision + 1 };
    const { changes } = store;
    const events: WatchEvent[] = [];
    let bytes = 0;
    const first = store.changesFrom(this.next);
    for (let at = first; at < changes.length; ) {
      const revision = store.revisionOf(changes.at(at));
      for (; at < changes.length && store.revisionOf(changes.at(at)) === revision; at += 1) {
        const change = changes.at(at);
        const key = store.nameOf(change);
        if (!this.concerns(key)) continue;
        const event = this.eventOf(key, revision, change);
        const keyBytes = event.previous === undefined ? 0 : Buffer.byteLength(key);
        bytes += store.bytesOf(change) + keyBytes + (event.previous?.value.length ?? 0);
        events.push(event);
      }
      this.next = revision + 1;
      if (events.length < eventsMax && bytes < bytesMax && at - first < CHANGES_PER_POLL) continue;
      return { type: 'events', events, revision, more: revision < store.revision };
    }
    this.next = Math.max(this.next, store.revision + 1);
    this.isCurrent = true;
    return { type: 'events', events, revision: store.revision, more: false };
  }

  cancel(): void {
    this.hub.remove(this);
  }

  /** For the hub: something happened at `revision` or, without one, to everything. */
  notify(revision = Number.POSITIVE_INFINITY): void {
    if (this.isAwake || revision < this.next) return;
    this.isAwake = true;
    this.isCurrent = false;
    this.wake();
  }

  private eventOf(key: string, revision: number, change: number): WatchEvent {
    const { store } = this.hub;
    const item = store.itemOf(change);
    const previous = this.withPrevious ? store.itemBefore(change) : undefined;
    return { type: item === undefined ? 'delete' : 'put', key, revision, item, previous };
  }
}

/** The watches of one member, found by what changed: those of one key by the key, the others one after the other. */
export class WatchHub {
  store: VersionStore;
  private readonly byKey = new Map<string, Set<KvWatch>>();
  private readonly byRange = new Set<KvWatch>();
  /** No watch of a range wants a key that begins with a higher code unit, and none of one key. */
  private lastUnit = -1;
  private lastKeyUnit = -1;
  private changed: { readonly key: string; readonly revision: number }[] = [];

  constructor(store: VersionStore) {
    this.store = store;
  }

  get size(): number {
    let size = this.byRange.size;
    for (const watches of this.byKey.values()) size += watches.size;
    return size;
  }

  add(options: WatchOptions, wake: () => void): KvWatch {
    const watch = new KvWatch(this, options, wake);
    if (!isSingleKey(options.range)) {
      this.byRange.add(watch);
      if (watch.lastUnit > this.lastUnit) this.lastUnit = watch.lastUnit;
    } else {
      const watches = this.byKey.get(options.range.from) ?? new Set();
      watches.add(watch);
      this.byKey.set(options.range.from, watches);
      if (watch.lastUnit > this.lastKeyUnit) this.lastKeyUnit = watch.lastUnit;
    }
    return watch;
  }

  remove(watch: KvWatch): void {
    if (this.byRange.delete(watch)) {
      this.lastUnit = -1;
      for (const { lastUnit } of this.byRange) if (lastUnit > this.lastUnit) this.lastUnit = lastUnit;
    }
    const watches = this.byKey.get(watch.range.from);
    if (watches?.delete(watch) === true && watches.size === 0) this.byKey.delete(watch.range.from);
    if (this.byKey.size === 0) this.lastKeyUnit = -1;
  }

  /** `count` changes were committed. */
  note(count: number): void {
    if (this.byKey.size === 0 && this.byRange.size === 0) return;
    const { changes, revision } = this.store;
    for (let at = changes.length - count; at < changes.length; at += 1) {
      const change = changes.at(at);
      // A director watches its own records, whose keys begin with 0: what users write does not concern it.
      const unit = this.store.firstUnitOf(change);
      if (unit > this.lastUnit && unit > this.lastKeyUnit) continue;
      const key = this.store.nameOf(change);
      if (unit <= this.lastUnit || this.byKey.has(key)) this.changed.push({ key, revision });
    }
  }

  /** Wakes those whom the noted changes concern, after the whole entry was applied. */
  flush(): void {
    if (this.changed.length === 0) return;
    const changed = this.changed;
    this.changed = [];
    for (const { key, revision } of changed) {
      for (const watch of this.byKey.get(key) ?? []) watch.notify(revision);
      for (const watch of this.byRange) if (watch.concerns(key)) watch.notify(revision);
    }
  }

  /** The whole state is another one. */
  replaced(store: VersionStore): void {
    this.store = store;
    this.changed = [];
    for (const watch of this.byRange) watch.notify();
    for (const watches of this.byKey.values()) for (const watch of watches) watch.notify();
  }
}

const UNIT_MAX = 0xffff;
/** A few milliseconds' worth. */
const CHANGES_PER_POLL = 5_000;
