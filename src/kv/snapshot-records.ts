import { ByteReader, MalformedBytes } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';
import type { KeyValue } from './key-value.js';
import { KvState } from './kv-state.js';
import type { Lease } from './lease-table.js';
import { encodePutReply } from './reply-codec.js';
import { REPLY_FORGOTTEN, type Remembered } from './reply-window.js';
import { NO_ROW } from './row-pages.js';
import type { VersionStore } from './version-store.js';

/**
 * The state as a sequence of records, each a code and its fields: head, keys in order, changes in theirs, leases,
 * sessions, replies, end. Equal states have equal records, so equal bytes and equal hashes.
 *
 * ```
 *   head     "FKV" · version (2) · revision · compact revision · forgotten revision · clock · next lease
 *   key      key · revision · version       what it was before the changes; revision 0 and no version when it was not
 *   change   number of the key, the first one is 0 · revision · version
 *   version  flag · [create revision · version · lease · value]
 *   lease    id · time to live · end · flag    session  id · floor
 *   reply    session · sequence · flag · [reply]
 *   end      number of records before
 * ```
 *
 * Changes are in the order in which they were made, so that memory is read as it was written. Yields after a record that
 * fills the writer to `fullBytes` or beyond: it is to be emptied there.
 */
export function* writeRecords(state: KvState, writer: ByteWriter, fullBytes: number): Generator<void> {
  const { store, leases, sessions } = state;
  writeHead(writer, state);
  let count = 1 + (yield* writeStore(store, writer, fullBytes));
  for (const [, lease] of leases.leases.entries()) {
    writeLease(writer, lease);
    count += 1;
    if (writer.length >= fullBytes) yield;
  }
  for (const { id, replies } of sessions.sessions()) {
    writer.byte(RECORD.session);
    writer.uint(id);
    writer.uint(replies.floor);
    count += 1;
    if (writer.length >= fullBytes) yield;
  }
  for (const { id, replies } of sessions.sessions()) {
    for (const sequence of replies.sequences()) {
      writeReply(writer, id, sequence, replies.get(sequence) ?? REPLY_FORGOTTEN);
      count += 1;
      if (writer.length >= fullBytes) yield;
    }
  }
  writer.byte(RECORD.end);
  writer.uint(count);
}

function writeHead(writer: ByteWriter, { store, leases }: KvState): void {
  writer.byte(RECORD.head);
  writer.text(MAGIC);
  writer.uint(VERSION);
  for (const revision of [store.revision, store.compactRevision, store.forgottenRevision]) writer.uint(revision);
  writer.uint(leases.clockMs);
  writer.uint(leases.nextId);
}

function writeLease(writer: ByteWriter, { id, ttlMs, expiresAtMs, isReserved }: Lease): void {
  writer.byte(RECORD.lease);
  for (const value of [id, ttlMs, expiresAtMs]) writer.uint(value);
  writer.byte(isReserved ? 1 : 0);
}

function writeReply(writer: ByteWriter, session: number, sequence: number, reply: Remembered): void {
  writer.byte(RECORD.reply);
  writer.uint(session);
  writer.uint(sequence);
  writer.byte(reply === REPLY_FORGOTTEN ? 0 : 1);
  if (reply !== REPLY_FORGOTTEN) writer.data(typeof reply === 'number' ? encodePutReply(reply) : reply);
}

/** Returns the number of records. */
function* writeStore(store: VersionStore, writer: ByteWriter, fullBytes: number): Generator<void, number> {
  const { changes } = store;
  const numbers = new Int32Array(store.keyNumbersEnd);
  let count = 0;
  for (const [name, key] of store.entries()) {
    numbers[key] = count;
    writer.byte(RECORD.key);
    writer.text(name);
    const base = store.baseOf(key);
    writer.uint(base === NO_ROW ? 0 : store.revisionOf(base));
    if (base !== NO_ROW) store.writeVersion(base, writer);
    count += 1;
    if (writer.length >= fullBytes) yield;
  }
  for (let place = 0; place < changes.length; place += 1) {
    const change = changes.at(place);
    writer.byte(RECORD.change);
    writer.uint(numbers[store.keyOf(change)] as number);
    writer.uint(store.revisionOf(change));
    store.writeVersion(change, writer);
    if (writer.length >= fullBytes) yield;
  }
  return count + changes.length;
}

/** Puts a state together from its records. Methods throw `MalformedBytes`. */
export class RecordLoader {
  private readonly state = new KvState();
  /** The keys in order, their numbers in the store, and the lease of the last version of each. */
  private readonly names: string[] = [];
  private readonly keys: number[] = [];
  private readonly leases: number[] = [];
  /** Of the last change, or what was forgotten. */
  private revision = 0;
  /** The number of its key. */
  private changed = -1;
  private count = 0;
  private isComplete = false;

  /** `bytes` hold whole records. */
  load(bytes: Uint8Array): void {
    const reader = new ByteReader(bytes);
    while (!reader.isAtEnd) this.loadRecord(reader);
  }

  finish(): KvState {
    if (!this.isComplete) throw new MalformedBytes('the end is missing');
    const { store, leases } = this.state;
    if (this.revision !== store.revision) throw new MalformedBytes('the changes of the last revisions are missing');
    this.leases.forEach((lease, at) => {
      if (lease === NO_VERSION) throw new MalformedBytes('the versions of a key are missing');
      leases.attach(lease, this.names[at] as string);
    });
    return this.state;
  }

  private loadRecord(reader: ByteReader): void {
    const type = reader.byte();
    const isFirst = this.count === 0;
    if (this.isComplete || isFirst !== (type === RECORD.head)) throw new MalformedBytes('a record is out of place');
    switch (type) {
      case RECORD.head:
        this.loadHead(reader);
        break;
      case RECORD.key:
        this.loadKey(reader);
        break;
      case RECORD.change:
        this.loadChange(reader);
        break;
      case RECORD.lease:
        this.loadLease(reader);
        break;
      case RECORD.session:
        this.loadSession(reader);
        break;
      case RECORD.reply:
        this.loadReply(reader);
        break;
      case RECORD.end:
        if (reader.uint() !== this.count) throw new MalformedBytes('records are missing');
        this.isComplete = true;
        break;
      default:
        throw new MalformedBytes('a record is unknown');
    }
    this.count += 1;
  }

  private loadHead(reader: ByteReader): void {
    const { store, leases } = this.state;
    if (reader.text() !== MAGIC) throw new MalformedBytes('they are no state of the metadata store');
    const version = reader.uint();
    if (version !== VERSION) throw new MalformedBytes(`their version is ${version}, not ${VERSION}`);
    store.revision = reader.uint();
    store.compactRevision = reader.uint();
    store.forgottenRevision = reader.uint();
    if (store.forgottenRevision > store.compactRevision || store.compactRevision > store.revision)
      throw new MalformedBytes('the revisions of their head are out of order');
    this.revision = store.forgottenRevision;
    leases.clockMs = reader.uint();
    leases.nextId = reader.uint();
  }

  private loadKey(reader: ByteReader): void {
    const { store } = this.state;
    const name = reader.text();
    const key = store.loadKey(name);
    if (key === NO_ROW) throw new MalformedBytes('a key comes twice');
    if (name < (this.names.at(-1) ?? '')) throw new MalformedBytes('a key is out of order');
    this.names.push(name);
    this.keys.push(key);
    this.leases.push(NO_VERSION);
    const revision = reader.uint();
    if (revision > store.forgottenRevision) throw new MalformedBytes('a key has a revision of the changes');
    if (revision === 0) return;
    const item = readVersion(reader);
    // What was forgotten with the change that ended it would be there again.
    if (item === undefined) throw new MalformedBytes('a key had ended before the changes');
    store.load(key, revision, item);
    this.leases[this.leases.length - 1] = item.lease;
  }

  private loadChange(reader: ByteReader): void {
    const { store } = this.state;
    const number = reader.uint();
    const revision = reader.uint();
    const key = this.keys[number];
    if (key === undefined) throw new MalformedBytes('the key of a change is missing');
    const isNext = revision === this.revision + 1;
    const isSame = revision === this.revision && number > this.changed && store.changes.length > 0;
    if (!isNext && !isSame) throw new MalformedBytes('the changes of a revision are missing or out of order');
    this.revision = revision;
    this.changed = number;
    const item = readVersion(reader);
    store.changes.push(store.load(key, revision, item));
    this.leases[number] = item?.lease ?? 0;
  }

  private loadLease(reader: ByteReader): void {
    const [id, ttlMs, expiresAtMs] = [reader.uint(), reader.uint(), reader.uint()];
    this.state.leases.add({ id, ttlMs, expiresAtMs, isReserved: reader.byte() === 1 });
  }

  private loadSession(reader: ByteReader): void {
    this.state.sessions.load(reader.uint(), reader.uint());
  }

  private loadReply(reader: ByteReader): void {
    const [id, sequence] = [reader.uint(), reader.uint()];
    const reply = reader.byte() === 1 ? Uint8Array.prototype.slice.call(reader.data()) : REPLY_FORGOTTEN;
    if (!this.state.sessions.loadReply(id, sequence, reply)) throw new MalformedBytes('a reply has no session');
  }
}

/** `undefined` for the end of a key. */
function readVersion(reader: ByteReader): Omit<KeyValue, 'key' | 'modRevision'> | undefined {
  if (reader.byte() === 0) return undefined;
  const [createRevision, version, lease] = [reader.uint(), reader.uint(), reader.uint()];
  return { createRevision, version, lease, value: reader.data() };
}

/** In the place of a lease: the key has no version yet. */
const NO_VERSION = -1;
const RECORD = { head: 1, key: 2, change: 3, lease: 4, session: 5, reply: 6, end: 7 } as const;
const MAGIC = 'FKV';
const VERSION = 2;
