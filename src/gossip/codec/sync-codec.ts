/**
 * The three messages of a push-pull exchange as bytes, for a call over a control lane:
 *
 * ```
 *   request: | version u8 | alive | buckets u16 | digest u32 each |
 *   reply:   | version u8 | sender | buckets u16 | bucket u16 each | entries u32 | entry each |
 *   push:    | version u8 | sender | entries u32 | entry each |
 *   entry:   | state u8 | alive |
 * ```
 */
import { GOSSIP_BOUNDS } from '../bounds.js';
import { DIGEST_BUCKETS } from '../member-table.js';
import type { MemberState, StateEntry, SyncPush, SyncReply, SyncRequest } from '../messages.js';
import { ByteReader, CodecFault } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { readAlive, writeAlive } from './datagram-codec.js';
import { readId } from './fields.js';

export function encodeSyncRequest(request: SyncRequest): Uint8Array {
  begin();
  writeAlive(writer, request.self);
  writer.u16(request.digest.length);
  for (const word of request.digest) writer.u32(word);
  return writer.take();
}

/** The request, or in one line what is wrong with the bytes. Never throws. */
export function decodeSyncRequest(bytes: Uint8Array): SyncRequest | string {
  return decode(bytes, (from) => {
    const self = readAlive(from);
    if (from.u16() !== DIGEST_BUCKETS) throw new CodecFault('the digest is of another size');
    const digest = new Uint32Array(DIGEST_BUCKETS);
    for (let i = 0; i < DIGEST_BUCKETS; i += 1) digest[i] = from.u32();
    return { self, digest };
  });
}

export function encodeSyncReply(reply: SyncReply): Uint8Array {
  begin();
  writer.text(reply.sender);
  writer.u16(reply.buckets.length);
  for (const bucket of reply.buckets) writer.u16(bucket);
  writeEntries(reply.entries);
  return writer.take();
}

/** The reply, or in one line what is wrong with the bytes. Never throws. */
export function decodeSyncReply(bytes: Uint8Array): SyncReply | string {
  return decode(bytes, (from) => {
    const sender = readId(from);
    return { sender, buckets: readBuckets(from), entries: readEntries(from) };
  });
}

export function encodeSyncPush(push: SyncPush): Uint8Array {
  begin();
  writer.text(push.sender);
  writeEntries(push.entries);
  return writer.take();
}

/** The push, or in one line what is wrong with the bytes. Never throws. */
export function decodeSyncPush(bytes: Uint8Array): SyncPush | string {
  return decode(bytes, (from) => ({ sender: readId(from), entries: readEntries(from) }));
}

function begin(): void {
  writer.reset();
  writer.u8(VERSION);
}

function decode<T>(bytes: Uint8Array, read: (from: ByteReader) => T): T | string {
  try {
    const from = new ByteReader(bytes);
    if (from.u8() !== VERSION) return 'the state is of another version';
    return read(from);
  } catch (error) {
    if (error instanceof CodecFault) return error.message;
    throw error;
  }
}

function readBuckets(from: ByteReader): number[] {
  const count = from.u16();
  if (count > DIGEST_BUCKETS) throw new CodecFault('there are too many buckets');
  const buckets: number[] = [];
  for (let i = 0, previous = -1; i < count; i += 1) {
    const bucket = from.u16();
    if (bucket >= DIGEST_BUCKETS || bucket <= previous) throw new CodecFault('the buckets are not in order');
    buckets.push(bucket);
    previous = bucket;
  }
  return buckets;
}

function writeEntries(entries: readonly StateEntry[]): void {
  writer.u32(entries.length);
  for (const entry of entries) {
    writer.u8(STATES.indexOf(entry.state));
    writeAlive(writer, entry.fact);
  }
}

function readEntries(from: ByteReader): StateEntry[] {
  const count = from.u32();
  if (count > GOSSIP_BOUNDS.membersMax) throw new CodecFault('there are too many members');
  const entries: StateEntry[] = [];
  for (let i = 0; i < count; i += 1) {
    const state = STATES[from.u8()];
    if (state === undefined) throw new CodecFault('a member is in an unknown state');
    entries.push({ state, fact: readAlive(from) });
  }
  return entries;
}

const VERSION = 1;
const STATES: readonly MemberState[] = ['alive', 'suspect', 'dead', 'left'];
const writer = new ByteWriter();
