import type { NodeRole, SocketAddress } from '../../base/index.js';
import { formatAddress } from '../../base/index.js';
import type { SessionStore } from '../../ports/index.js';

/**
 * The client's sessions by peer (`role@host:port`). Each value begins with the first 8 bytes of its owner, a digest of
 * our own certificate and of the authorities we trust: a session carries the identities of the handshake that made it,
 * so one made with an older certificate, or under an authority that has been withdrawn, is not offered any more.
 */
export class SessionBook {
  private readonly store: SessionStore;
  private owner: Buffer;

  constructor(store: SessionStore, owner: string) {
    this.store = store;
    this.owner = ownerOf(owner);
  }

  /** From now on sessions belong to this owner (hexadecimal). */
  setOwner(owner: string): void {
    this.owner = ownerOf(owner);
  }

  find(key: string): Uint8Array | undefined {
    const stored = this.store.get(key);
    if (stored === undefined) return undefined;
    if (stored.length > OWNER_BYTES && this.owner.equals(stored.subarray(0, OWNER_BYTES))) {
      return stored.subarray(OWNER_BYTES);
    }
    this.store.delete(key);
    return undefined;
  }

  save(key: string, session: Uint8Array): void {
    this.store.set(key, Buffer.concat([this.owner, session]));
  }

  delete(key: string): void {
    this.store.delete(key);
  }
}

export function sessionKey(role: NodeRole, address: SocketAddress): string {
  return `${role}@${formatAddress(address)}`;
}

function ownerOf(owner: string): Buffer {
  return Buffer.from(owner.slice(0, 2 * OWNER_BYTES), 'hex');
}

const OWNER_BYTES = 8;
