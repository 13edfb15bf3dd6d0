import { RpcError } from '../base/index.js';
import { ByteReader, MalformedBytes } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import type { KeyValue } from './key-value.js';
import { readItem, readList, writeItems } from './reply-codec.js';
import type { WatchEvent } from './watch.js';

/** What a watch over a network consists of. */
export type WatchMessage =
  /** The first: what comes after `revision` is told. The next message comes within `heartbeatMs`, if only to say so. */
  | { readonly type: 'started'; readonly revision: number; readonly heartbeatMs: number }
  | {
      readonly type: 'events';
      readonly events: readonly WatchEvent[];
      /** Everything up to here is told with this message; what it holds beyond is the beginning of the next. */
      readonly revision: number;
      /** The last revision among the events goes on in the next message. */
      readonly isPartial: boolean;
    }
  /** The last: the history no longer reaches back. */
  | { readonly type: 'compacted'; readonly oldestRevision: number };

/**
 * `version (1) · code · fields`. Several `events` messages where one would be longer than `bytesMax` and an event.
 */
export function encodeWatchMessage(message: WatchMessage, bytesMax = Number.POSITIVE_INFINITY): Uint8Array[] {
  writer.clear();
  switch (message.type) {
    case 'started':
      head(CODE.started);
      writer.uint(message.revision);
      writer.uint(message.heartbeatMs);
      return [writer.take()];
    case 'compacted':
      head(CODE.compacted);
      writer.uint(message.oldestRevision);
      return [writer.take()];
    default:
      return encodeEvents(message.events, message.revision, bytesMax);
  }
}

/** Values refer to `bytes`. @throws RpcError `MESSAGE_UNDECODABLE` */
export function decodeWatchMessage(bytes: Uint8Array): WatchMessage {
  try {
    const reader = new ByteReader(bytes);
    if (reader.byte() !== VERSION) throw new MalformedBytes('their version is unknown');
    const message = readMessage(reader);
    reader.end();
    return message;
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
    throw RpcError.of('MESSAGE_UNDECODABLE', `the bytes are no message of a watch: ${error.message}`);
  }
}

/** Each message's events stand in front of their number, so that it can end where it is long enough. */
function encodeEvents(events: readonly WatchEvent[], revision: number, bytesMax: number): Uint8Array[] {
  const messages: Uint8Array[] = [];
  head(CODE.events);
  for (const [at, event] of events.entries()) {
    writeEvent(event);
    const next = events[at + 1];
    if (writer.length < bytesMax || next === undefined) continue;
    const isPartial = next.revision === event.revision;
    finishEvents(isPartial ? event.revision - 1 : event.revision, isPartial);
    messages.push(writer.take());
    head(CODE.events);
  }
  finishEvents(revision, false);
  messages.push(writer.take());
  return messages;
}

function finishEvents(revision: number, isPartial: boolean): void {
  writer.byte(EVENT.none);
  writer.uint(revision);
  writer.byte(isPartial ? 1 : 0);
}

function writeEvent({ type, key, revision, item, previous }: WatchEvent): void {
  writer.byte((type === 'put' ? EVENT.put : EVENT.delete) | (previous === undefined ? 0 : EVENT.previous));
  if (item === undefined) {
    writer.text(key);
    writer.uint(revision);
  } else writeItems(writer, [item]);
  if (previous !== undefined) writeItems(writer, [previous]);
}

function readMessage(reader: ByteReader): WatchMessage {
  switch (reader.byte()) {
    case CODE.started:
      return { type: 'started', revision: reader.uint(), heartbeatMs: reader.uint() };
    case CODE.compacted:
      return { type: 'compacted', oldestRevision: reader.uint() };
    case CODE.events: {
      const events: WatchEvent[] = [];
      for (let flags = reader.byte(); flags !== EVENT.none; flags = reader.byte())
        events.push(readEvent(reader, flags));
      return { type: 'events', events, revision: reader.uint(), isPartial: reader.byte() === 1 };
    }
    default:
      throw new MalformedBytes('the message is unknown');
  }
}

function readEvent(reader: ByteReader, flags: number): WatchEvent {
  const type = (flags & ~EVENT.previous) === EVENT.put ? 'put' : 'delete';
  if (type === 'delete' && (flags & ~EVENT.previous) !== EVENT.delete) throw new MalformedBytes('the event is unknown');
  const item = type === 'put' ? oneItem(reader) : undefined;
  const key = item?.key ?? reader.text();
  const revision = item?.modRevision ?? reader.uint();
  return { type, key, revision, item, previous: (flags & EVENT.previous) === 0 ? undefined : oneItem(reader) };
}

function oneItem(reader: ByteReader): KeyValue {
  const [item] = readList(reader, readItem);
  if (item === undefined) throw new MalformedBytes('an item is missing');
  return item;
}

function head(code: number): void {
  writer.byte(VERSION);
  writer.byte(code);
}

const VERSION = 1;
const writer = new ByteWriter(4_096);
const CODE = { started: 1, events: 2, compacted: 3 } as const;
const EVENT = { none: 0, put: 1, delete: 2, previous: 4 } as const;
