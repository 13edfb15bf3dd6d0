import { ByteReader, MalformedBytes } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';
import type { KeyValue } from './key-value.js';
import { KvState } from './kv-state.js';
import type { Lease } from './lease-table.js';
import { encodePutReply } from './reply-codec.js';
import { REPLY_FORGOTTEN, type Remembered } from './reply-window.js';
import type { VersionTable } from './version-table.js';

/**
 * The state as a sequence of records, each a code and its fields: head, versions in order, leases, sessions, replies,
 * end. Equal states have equal records, so equal bytes and equal hashes.
 *
 * ```
 *   head     "FKV" · version (1) · revision · compact revision · forgotten revision · clock · next lease
 *   version  key · revision · flag · [create revision · version · lease · value]
 *   lease    id · time to live · end · flag    session  id · floor
 *   reply    session · sequence · flag · [reply]
 *   end      number of records before
 * ```
 *
 * Yields after a record that fills the writer to `fullBytes` or beyond: it is to be emptied there.
 */
export function* writeRecords(state: KvState, writer: ByteWriter, fullBytes: number): Generator<void> {
  const { store, leases, sessions } = state;
  writeHead(writer, state);
  let count = 1 + (yield* store.write(writer, fullBytes, writeVersion));
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

function writeVersion(writer: ByteWriter, name: Uint8Array, versions: VersionTable, version: number): void {
  writer.byte(RECORD.version);
  writer.data(name);
  writer.uint(versions.modRevisionOf(version));
  writer.byte(versions.isLive(version) ? 1 : 0);
  if (!versions.isLive(version)) return;
  writer.uint(versions.createRevisionOf(version));
  writer.uint(versions.versionOf(version));
  writer.uint(versions.leaseOf(version));
  versions.writeValue(version, writer);
}

/** Puts a state together from its records. Methods throw `MalformedBytes`. */
export class RecordLoader {
  private readonly state = new KvState();
  /** Versions that are changes since what was forgotten, in key order. */
  private readonly changes: number[] = [];
  /** Of the last version. */
  private key = '';
  private lease = 0;
  private count = 0;
  private isComplete = false;

  /** `bytes` hold whole records. */
  load(bytes: Uint8Array): void {
    const reader = new ByteReader(bytes);
    while (!reader.isAtEnd) this.loadRecord(reader);
  }

  finish(): KvState {
    if (!this.isComplete) throw new MalformedBytes('the end is missing');
    this.endKey();
    const { store } = this.state;
    // The order of a revision's changes, which is that of their keys, stays.
    const changes = this.changes.sort((a, b) => store.revisionOf(a) - store.revisionOf(b));
    let revision = store.forgottenRevision;
    for (const change of changes) {
      const next = store.revisionOf(change);
      if (next > revision + 1) throw new MalformedBytes('the changes of a revision are missing');
      revision = next;
      store.changes.push(change);
    }
    if (revision !== store.revision) throw new MalformedBytes('the changes of the last revisions are missing');
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
      case RECORD.version:
        this.loadVersion(reader);
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
    leases.clockMs = reader.uint();
    leases.nextId = reader.uint();
  }

  private loadVersion(reader: ByteReader): void {
    const { store } = this.state;
    const key = reader.text();
    const modRevision = reader.uint();
    const item = reader.byte() === 1 ? readValue(reader) : undefined;
    if (this.key !== key) this.endKey();
    this.key = key;
    this.lease = item?.lease ?? 0;
    const version = store.load(key, modRevision, item);
    if (modRevision > store.forgottenRevision) this.changes.push(version);
  }

  /** The last version of a key is what it is now. */
  private endKey(): void {
    this.state.leases.attach(this.lease, this.key);
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

function readValue(reader: ByteReader): Omit<KeyValue, 'key' | 'modRevision'> {
  const [createRevision, version, lease] = [reader.uint(), reader.uint(), reader.uint()];
  return { createRevision, version, lease, value: reader.data() };
}

const RECORD = { head: 1, version: 2, lease: 3, session: 4, reply: 5, end: 6 } as const;
const MAGIC = 'FKV';
const VERSION = 1;
