import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * Address validation tokens of Retry packets (RFC 9000, section 8.1.2), sealed with HMAC-SHA256 under a key of this
 * process:
 *
 * ```
 *   expiry (8, ms since the epoch) | original connection id (1 length + 0..20) | mac (32)
 * ```
 *
 * The MAC also covers the client's address and port and the connection id that the Retry assigned, so a token is of no
 * use from another address, for another connection, or after `RETRY_TOKEN_LIFE_MS`.
 */
export class RetryTokens {
  private readonly key: Uint8Array;

  /** @param key 32 random bytes */
  constructor(key: Uint8Array) {
    this.key = key;
  }

  mint(host: string, port: number, originalId: Uint8Array, assignedId: Uint8Array, nowMs: number): Buffer {
    const head = Buffer.allocUnsafe(9 + originalId.length);
    head.writeBigUInt64BE(BigInt(Math.floor(nowMs + RETRY_TOKEN_LIFE_MS)), 0);
    head[8] = originalId.length;
    head.set(originalId, 9);
    return Buffer.concat([head, this.mac(head, host, port, assignedId)]);
  }

  /** The connection id the client had chosen at first, or `undefined` when the token is not ours, not for it, or late. */
  open(token: Buffer, host: string, port: number, assignedId: Uint8Array, nowMs: number): Buffer | undefined {
    if (token.length < 9 + MAC_BYTES || token.length > 9 + 20 + MAC_BYTES) return undefined;
    const head = token.subarray(0, token.length - MAC_BYTES);
    const mac = token.subarray(token.length - MAC_BYTES);
    if (!timingSafeEqual(mac, this.mac(head, host, port, assignedId))) return undefined;
    if (Number(head.readBigUInt64BE(0)) < nowMs) return undefined;
    if (head[8] !== head.length - 9) return undefined;
    return head.subarray(9);
  }

  private mac(head: Buffer, host: string, port: number, assignedId: Uint8Array): Buffer {
    return createHmac('sha256', this.key).update(head).update(assignedId).update(`|${host}|${port}`).digest();
  }
}

/** A client answers a Retry within a round trip; the rest is for slow paths. */
export const RETRY_TOKEN_LIFE_MS = 10_000;
const MAC_BYTES = 32;
