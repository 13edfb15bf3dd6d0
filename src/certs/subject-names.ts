import { isIP } from 'node:net';
import { FlotillaError, identityUri, type NodeId, type NodeRole, serverNameOf } from '../base/index.js';

/** One subject alternative name. */
export interface SubjectName {
  readonly type: 'dns' | 'uri' | 'ip';
  readonly value: string;
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
  return normalizeHosts(hosts).map((host) => (isIP(host) === 0 ? dnsName(host) : { type: 'ip', value: host }));
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
  return { type: 'uri', value: uri };
}

export function dnsName(name: string): SubjectName {
  return { type: 'dns', value: name };
}
