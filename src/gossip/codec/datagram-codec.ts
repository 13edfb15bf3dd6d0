/**
 * Datagrams as bytes, before sealing:
 *
 * ```
 *   | version u8 = 1 | sender: length u8, ASCII | message | message | ...
 *   message: | type u8 | length of the rest, varint | fields |
 * ```
 *
 * A message of an unknown type is skipped, and so are bytes after the fields that are known, so that newer nodes may
 * add both. Anything else that is out of order refuses the whole datagram.
 */
import type { NodeId } from '../../base/index.js';
import { unreachable } from '../../base/index.js';
import { GOSSIP_BOUNDS } from '../bounds.js';
import type { Alive, Datagram, GossipMessage } from '../messages.js';
import { ByteReader, CodecFault } from './byte-reader.js';
import { ByteWriter, varintSize } from './byte-writer.js';
import { addressSize, idSize, readAddress, readId, readTags, tagsSize, writeAddress, writeTags } from './fields.js';

/** The bytes of a datagram; what {@link datagramHeaderSize} and {@link messageSize} add up to. */
export function encodeDatagram(sender: NodeId, messages: readonly GossipMessage[]): Uint8Array {
  writer.reset();
  writer.u8(VERSION);
  writer.text(sender);
  for (const message of messages) {
    writer.u8(TYPES[message.type]);
    writer.varint(fieldsSize(message));
    writeFields(writer, message);
  }
  return writer.take();
}

/** The datagram, or in one line what is wrong with the bytes. Never throws. */
export function decodeDatagram(bytes: Uint8Array): Datagram | string {
  try {
    const from = new ByteReader(bytes);
    if (from.u8() !== VERSION) return 'the datagram is of another version';
    const sender = readId(from);
    const messages: GossipMessage[] = [];
    for (let seen = 0; !from.isAtEnd; seen += 1) {
      if (seen === GOSSIP_BOUNDS.datagramMessagesMax) return 'the datagram has too many messages';
      const type = from.u8();
      const message = readFields(type, from.part(from.varint()));
      if (message !== undefined) messages.push(message);
    }
    return { sender, messages };
  } catch (error) {
    if (error instanceof CodecFault) return error.message;
    throw error;
  }
}

export function datagramHeaderSize(sender: NodeId): number {
  return 1 + idSize(sender);
}

/** Bytes that one message takes in a datagram. */
export function messageSize(message: GossipMessage): number {
  const size = fieldsSize(message);
  return 1 + varintSize(size) + size;
}

function fieldsSize(message: GossipMessage): number {
  switch (message.type) {
    case 'ping':
      return varintSize(message.seq) + idSize(message.target);
    case 'ack':
    case 'nack':
      return varintSize(message.seq);
    case 'pingRequest':
      return varintSize(message.seq) + 1 + idSize(message.target) + addressSize(message.address);
    case 'alive':
      return aliveSize(message);
    case 'suspect':
    case 'dead':
      return idSize(message.id) + varintSize(message.incarnation) + idSize(message.by);
    case 'left':
      return idSize(message.id) + varintSize(message.incarnation);
    default:
      return unreachable(message);
  }
}

function writeFields(to: ByteWriter, message: GossipMessage): void {
  switch (message.type) {
    case 'ping':
      to.varint(message.seq);
      to.text(message.target);
      return;
    case 'ack':
    case 'nack':
      to.varint(message.seq);
      return;
    case 'pingRequest':
      to.varint(message.seq);
      to.u8(message.wantsNack ? 1 : 0);
      to.text(message.target);
      writeAddress(to, message.address);
      return;
    case 'alive':
      writeAlive(to, message);
      return;
    case 'suspect':
    case 'dead':
      to.text(message.id);
      to.varint(message.incarnation);
      to.text(message.by);
      return;
    case 'left':
      to.text(message.id);
      to.varint(message.incarnation);
      return;
    default:
      unreachable(message);
  }
}

/** `undefined` for a type that this version does not know. */
function readFields(type: number, from: ByteReader): GossipMessage | undefined {
  switch (type) {
    case TYPES.ping:
      return { type: 'ping', seq: from.varint(), target: readId(from) };
    case TYPES.ack:
      return { type: 'ack', seq: from.varint() };
    case TYPES.nack:
      return { type: 'nack', seq: from.varint() };
    case TYPES.pingRequest:
      return readPingRequest(from);
    case TYPES.alive:
      return readAlive(from);
    case TYPES.suspect:
      return { type: 'suspect', id: readId(from), incarnation: from.varint(), by: readId(from) };
    case TYPES.dead:
      return { type: 'dead', id: readId(from), incarnation: from.varint(), by: readId(from) };
    case TYPES.left:
      return { type: 'left', id: readId(from), incarnation: from.varint() };
    default:
      return undefined;
  }
}

function readPingRequest(from: ByteReader): GossipMessage {
  const seq = from.varint();
  const wantsNack = from.u8() === 1;
  return { type: 'pingRequest', seq, wantsNack, target: readId(from), address: readAddress(from) };
}

export function writeAlive(to: ByteWriter, alive: Alive): void {
  to.text(alive.id);
  to.varint(alive.incarnation);
  writeAddress(to, alive.address);
  writeTags(to, alive.tags);
}

export function readAlive(from: ByteReader): Alive {
  return {
    type: 'alive',
    id: readId(from),
    incarnation: from.varint(),
    address: readAddress(from),
    tags: readTags(from),
  };
}

export function aliveSize(alive: Alive): number {
  return idSize(alive.id) + varintSize(alive.incarnation) + addressSize(alive.address) + tagsSize(alive.tags);
}

const VERSION = 1;
const TYPES = { ping: 1, ack: 2, pingRequest: 3, nack: 4, alive: 5, suspect: 6, dead: 7, left: 8 } as const;

/** Encoding is synchronous and its result a copy, so one is enough. */
const writer = new ByteWriter();
