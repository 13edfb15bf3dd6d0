/** Fields that several messages share: ids, addresses and tags. */
import type { NodeId, SocketAddress } from '../../base/index.js';
import { GOSSIP_BOUNDS } from '../bounds.js';
import type { Tags } from '../messages.js';
import { type ByteReader, CodecFault } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';

const NODE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$/;

/** First byte of an address: an IPv4 address as four bytes, or any other host as text. */
const HOST_IPV4 = 4;
const HOST_TEXT = 0;

export function readId(from: ByteReader): NodeId {
  const text = from.text();
  if (!NODE_ID.test(text)) throw new CodecFault('a node id has other characters than ids have');
  return text as NodeId;
}

/** Node ids are ASCII. */
export function idSize(id: NodeId): number {
  return 1 + id.length;
}

export function writeAddress(to: ByteWriter, address: SocketAddress): void {
  if (IPV4.test(address.host)) {
    to.u8(HOST_IPV4);
    for (const part of address.host.split('.')) to.u8(Number(part));
  } else {
    to.u8(HOST_TEXT);
    to.text(address.host);
  }
  to.u16(address.port);
}

export function readAddress(from: ByteReader): SocketAddress {
  const host = readHost(from, from.u8());
  const port = from.u16();
  if (port === 0) throw new CodecFault('an address has port 0');
  return { host, port };
}

function readHost(from: ByteReader, kind: number): string {
  if (kind === HOST_IPV4) return `${from.u8()}.${from.u8()}.${from.u8()}.${from.u8()}`;
  if (kind !== HOST_TEXT) throw new CodecFault('an address is of an unknown kind');
  const host = from.text();
  // Visible ASCII only: it ends up in log lines and in the resolver.
  if (!/^[!-~]+$/.test(host)) throw new CodecFault('a host has characters that hosts do not have');
  if (IPV4.test(host)) throw new CodecFault('an IPv4 address is written as text');
  return host;
}

export function addressSize(address: SocketAddress): number {
  return IPV4.test(address.host) ? 7 : 4 + Buffer.byteLength(address.host);
}

export function writeTags(to: ByteWriter, tags: Tags): void {
  const names = Object.keys(tags);
  to.u8(names.length);
  for (const name of names) {
    to.text(name);
    to.text(tags[name] ?? '');
  }
}

export function readTags(from: ByteReader): Tags {
  const count = from.u8();
  if (count === 0) return NO_TAGS;
  if (count > GOSSIP_BOUNDS.tagsMax) throw new CodecFault('a member has too many tags');
  // No prototype: a tag named `__proto__` or `constructor` is a tag like any other.
  const tags: Record<string, string> = Object.create(null);
  for (let i = 0; i < count; i += 1) {
    const name = from.text();
    if (name in tags) throw new CodecFault('a tag is there twice');
    tags[name] = from.text();
  }
  if (tagsSize(tags) > GOSSIP_BOUNDS.tagsBytesMax) throw new CodecFault('the tags of a member are too long');
  return tags;
}

const NO_TAGS: Tags = Object.freeze(Object.create(null));

export function tagsSize(tags: Tags): number {
  let size = 1;
  for (const name of Object.keys(tags)) size += 2 + Buffer.byteLength(name) + Buffer.byteLength(tags[name] ?? '');
  return size;
}
