import { nodeId, nodeRole, type PeerIdentity } from '../../base/index.js';
import type { ConnectTarget } from '../../ports/index.js';
import { addressKey } from './address-key.js';

/** What a session ticket remembers of the handshake it was made in. */
export interface Ticket {
  /** The key that sealed it, in hex; a server with another key does not take it. */
  readonly key: string;
  readonly client: PeerIdentity;
  readonly server: PeerIdentity;
}

/** Not sealed: nobody listens inside one process. */
export function encodeTicket(ticket: Ticket): Uint8Array {
  return Buffer.from(JSON.stringify(ticket));
}

/** `undefined` for anything that {@link encodeTicket} did not make; a session store may hold what it likes. */
export function decodeTicket(bytes: Uint8Array): Ticket | undefined {
  try {
    const value = JSON.parse(Buffer.from(bytes).toString()) as Ticket;
    return { key: String(value.key), client: checked(value.client), server: checked(value.server) };
  } catch {
    return undefined;
  }
}

/** Sessions are kept per role and address, as the QUIC transport keeps them. */
export function sessionKey(target: ConnectTarget): string {
  return `${target.role}@${addressKey(target.address)}`;
}

function checked(identity: PeerIdentity): PeerIdentity {
  // JSON has no Infinity: a certificate without an end comes back as null.
  const notAfterMs = identity.notAfterMs ?? Number.POSITIVE_INFINITY;
  return {
    id: nodeId(identity.id),
    role: nodeRole(identity.role),
    notAfterMs,
    fingerprint: String(identity.fingerprint),
  };
}
