import { Buffer } from 'node:buffer';
import { isIP } from 'node:net';
import { FlotillaError, identityUri, type NodeId, type NodeRole, serverNameOf } from '../base/index.js';

/** One subject alternative name, with the bytes that go into the certificate. */
export interface SubjectName {
  readonly type: 'dns' | 'uri' | 'ip';
  readonly bytes: Uint8Array;
}

/** What every node certificate carries: its identity URI and the TLS server name of its role, then the hosts. */
export function nodeNames(role: NodeRole, id: NodeId, hosts: readonly string[]): SubjectName[] {
  return [uriName(identityUri(role, id)), dnsName(serverNameOf(role)), ...hostNames(hosts)];
}

/**
 * DNS names (a leading `*.` is allowed) and IP address literals, doubles dropped.
 *
 * @throws FlotillaError `OPTION_INVALID` when one is neither.
 */
export function hostNames(hosts: readonly string[]): SubjectName[] {
  return normalizeHosts(hosts).map((host) =>
    isIP(host) === 0 ? dnsName(host) : { type: 'ip', bytes: addressBytes(host) },
  );
}

/** The form in which a certificate lists hosts: lower case, addresses written the shortest way, doubles dropped. */
export function normalizeHosts(hosts: readonly string[]): string[] {
  return [...new Set(hosts.map(normalizeHost))];
}

function normalizeHost(host: string): string {
  const text = host
    .trim()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/%.*$/, '')
    .toLowerCase();
  if (isIP(text) === 6) return new URL(`http://[${text}]`).hostname.slice(1, -1);
  if (isIP(text) === 4) return text;
  if (
    text.length <= 253 &&
    /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/.test(text)
  ) {
    return text;
  }
  throw new FlotillaError(
    'OPTION_INVALID',
    `hosts has ${JSON.stringify(host)}; allowed: DNS names and IP addresses, such as localhost,127.0.0.1`,
  );
}

function uriName(uri: string): SubjectName {
  return { type: 'uri', bytes: Buffer.from(uri, 'latin1') };
}

export function dnsName(name: string): SubjectName {
  return { type: 'dns', bytes: Buffer.from(name, 'latin1') };
}

/** 4 or 16 bytes of an address literal that `isIP` accepts, in its normal form. */
function addressBytes(address: string): Uint8Array {
  if (isIP(address) === 4) return Uint8Array.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::');
  const before = groups(head);
  const after = groups(tail ?? '');
  const zeros = new Array<number>(8 - before.length - after.length).fill(0);
  return Uint8Array.from([...before, ...zeros, ...after].flatMap((group) => [group >>> 8, group & 0xff]));
}

function groups(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}
