import type { Brand } from './brand.js';
import { FlotillaError } from './errors.js';

/** The name of one node (one process with one certificate): 1-64 characters of `A-Z a-z 0-9 . _ -`. */
export type NodeId = Brand<string, 'NodeId'>;

/** What a certificate entitles its holder to be. */
export type NodeRole = 'director' | 'worker' | 'client';

export const NODE_ROLES: readonly NodeRole[] = ['director', 'worker', 'client'];

/** Who is at the other end of a connection, as its certificate says; checked at the TLS handshake and again at the hello. */
export interface PeerIdentity {
  readonly id: NodeId;
  readonly role: NodeRole;
  /** End of the certificate's validity, milliseconds since the epoch. Live connections are closed when it passes. */
  readonly notAfterMs: number;
  /** SHA-256 of the DER certificate, lower-case hex without colons: what deny lists name. */
  readonly fingerprint: string;
}

const NODE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** @throws FlotillaError `ID_INVALID` */
export function nodeId(value: string): NodeId {
  if (!NODE_ID.test(value)) {
    throw new FlotillaError(
      'ID_INVALID',
      `node id ${JSON.stringify(value)} is not 1-64 characters of A-Z a-z 0-9 . _ - starting with a letter or digit`,
    );
  }
  return value as NodeId;
}

/** @throws FlotillaError `ID_INVALID` */
export function nodeRole(value: string): NodeRole {
  const role = NODE_ROLES.find((known) => known === value);
  if (role === undefined) {
    throw new FlotillaError('ID_INVALID', `role ${JSON.stringify(value)} is not one of ${NODE_ROLES.join(', ')}`);
  }
  return role;
}

/** The URI subject alternative name that carries a node's identity: `flotilla://worker/w1`. */
export function identityUri(role: NodeRole, id: NodeId): string {
  return `flotilla://${role}/${id}`;
}

/** The inverse of {@link identityUri}; `undefined` when the URI is not one of ours. */
export function parseIdentityUri(uri: string): { role: NodeRole; id: NodeId } | undefined {
  const match = /^flotilla:\/\/([a-z]+)\/(.+)$/.exec(uri);
  if (match === null) return undefined;
  const [, role, id] = match;
  if (role === undefined || id === undefined || !NODE_ID.test(id)) return undefined;
  const known = NODE_ROLES.find((candidate) => candidate === role);
  return known === undefined ? undefined : { role: known, id: id as NodeId };
}

/**
 * The DNS name a TLS client asks for (SNI) and verifies, by the role it expects to reach. A worker's certificate does
 * not carry the director's name, so a stolen worker key cannot impersonate a director.
 */
export function serverNameOf(role: NodeRole): string {
  return `${role}.flotilla.internal`;
}
