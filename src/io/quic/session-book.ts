import type { NodeRole, SocketAddress } from '../../base/index.js';
import { formatAddress } from '../../base/index.js';
import type { SessionStore } from '../../ports/index.js';

/**
 * The client's sessions by peer (`role@host:port`). Each value begins with the first 8 bytes of our own certificate's
 * fingerprint: a session carries the identity of the handshake that made it, so one made with an older certificate is
 * not offered any more.
 */
export class SessionBook {
  private readonly store: SessionStore;
  private owner: Buffer;

  constructor(store: SessionStore, fingerprint: string) {
    this.store = store;
    this.owner = ownerOf(fingerprint);
  }

  /** From now on sessions belong to this certificate. */
  setOwner(fingerprint: string): void {
    this.owner = ownerOf(fingerprint);
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

function ownerOf(fingerprint: string): Buffer {
  return Buffer.from(fingerprint.slice(0, 2 * OWNER_BYTES), 'hex');
}

const OWNER_BYTES = 8;
