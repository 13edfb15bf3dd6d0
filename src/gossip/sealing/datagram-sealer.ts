/**
 * Seals datagrams with NaCl's secretbox (XSalsa20-Poly1305) under a {@link Keyring}:
 *
 * ```
 *   | 0x05 | key hint u8 | session 16 bytes | counter u64 | box: tag 16 bytes, | receiver u32 | sent at, s u32 | payload |
 *                         '------- nonce: 24 bytes -------'
 * ```
 *
 * The first byte tells gossip from QUIC on one port: QUIC's fixed bit (0x40) and long-header bit (0x80) are clear, and
 * RFC 9443 leaves 4 to 15 to others. A nonce is never used twice: the session is random, per start of a node, and the
 * counter goes up. The receiver's id and the time are inside the box, so that a captured datagram opens at no other
 * node, and at the same one neither twice nor later than the tolerance.
 */
import nacl from 'tweetnacl';
import type { NodeId } from '../../base/index.js';
import { hashId } from '../id-table.js';
import type { Keyring } from './keyring.js';
import { ReplayGuard } from './replay-guard.js';

export interface DatagramSealerOptions {
  readonly keyring: Keyring;
  readonly self: NodeId;
  /** 16 bytes from the operating system's generator, new at each start. Nonces are unique only if they are. */
  readonly session: Uint8Array;
  /** How far the clocks of two nodes may differ, and how old a datagram may be. Default 120,000 ms. */
  readonly toleranceMs?: number;
  /** Senders remembered against replays, restarts within twice the tolerance included. Default 65,536, 150 bytes each. */
  readonly sessionsMax?: number;
}

/** Why a datagram was dropped; each is counted. */
export type SealFault = 'malformed' | 'unopened' | 'misdirected' | 'stale' | 'replayed';

/** Time is the wall clock's, an argument: two machines have to agree on it. */
export class DatagramSealer {
  readonly counters: Record<'sealed' | 'opened' | SealFault, number> = {
    sealed: 0,
    opened: 0,
    malformed: 0,
    unopened: 0,
    misdirected: 0,
    stale: 0,
    replayed: 0,
  };
  private readonly keyring: Keyring;
  private readonly selfHash: number;
  private readonly toleranceMs: number;
  private readonly guard: ReplayGuard;
  private readonly nonce = new Uint8Array(nacl.secretbox.nonceLength);
  private counter = 0;

  constructor(options: DatagramSealerOptions) {
    this.keyring = options.keyring;
    this.selfHash = hashId(options.self);
    this.toleranceMs = options.toleranceMs ?? 120_000;
    this.guard = new ReplayGuard(this.toleranceMs * 2, options.sessionsMax ?? 65_536);
    this.nonce.set(options.session.subarray(0, SESSION_BYTES));
  }

  /** `SEAL_OVERHEAD_BYTES` longer than `payload`, for the eyes of `receiver` alone. */
  seal(receiver: NodeId, payload: Uint8Array, wallMs: number): Uint8Array {
    this.counter += 1;
    const nonce = Buffer.from(this.nonce);
    nonce.writeUInt32BE(Math.floor(this.counter / 2 ** 32), SESSION_BYTES);
    nonce.writeUInt32BE(this.counter % 2 ** 32, SESSION_BYTES + 4);
    const plain = Buffer.allocUnsafe(INNER_BYTES + payload.length);
    plain.writeUInt32BE(hashId(receiver), 0);
    plain.writeUInt32BE(Math.floor(wallMs / 1_000) % 2 ** 32, 4);
    plain.set(payload, INNER_BYTES);
    const { secret, hint } = this.keyring.primary;
    const box = nacl.secretbox(plain, nonce, secret);
    const sealed = new Uint8Array(OUTER_BYTES + box.length);
    sealed[0] = GOSSIP_FIRST_BYTE;
    sealed[1] = hint;
    sealed.set(nonce, 2);
    sealed.set(box, OUTER_BYTES);
    this.counters.sealed += 1;
    return sealed;
  }

  /** The payload, or why there is none. Never throws, whatever the bytes. */
  open(sealed: Uint8Array, wallMs: number): Uint8Array | SealFault {
    const opened = this.tryOpen(sealed, wallMs);
    this.counters[typeof opened === 'string' ? opened : 'opened'] += 1;
    return opened;
  }

  private tryOpen(sealed: Uint8Array, wallMs: number): Uint8Array | SealFault {
    if (sealed.length < SEAL_OVERHEAD_BYTES || sealed[0] !== GOSSIP_FIRST_BYTE) return 'malformed';
    const nonce = sealed.subarray(2, OUTER_BYTES);
    const plain = this.keyring.open(sealed.subarray(OUTER_BYTES), nonce, sealed[1] as number);
    if (plain === undefined) return 'unopened';
    const view = new DataView(plain.buffer, plain.byteOffset, plain.byteLength);
    if (view.getUint32(0) !== this.selfHash) return 'misdirected';
    const ageMs = wallMs - view.getUint32(4) * 1_000;
    // Whole seconds on the wire: up to one second of age is only the rounding.
    if (ageMs > this.toleranceMs + 1_000 || ageMs < -this.toleranceMs) return 'stale';
    const numbers = new DataView(nonce.buffer, nonce.byteOffset, nonce.byteLength);
    const counter = numbers.getUint32(SESSION_BYTES) * 2 ** 32 + numbers.getUint32(SESSION_BYTES + 4);
    const session = Buffer.from(nonce.subarray(0, SESSION_BYTES)).toString('latin1');
    return this.guard.accept(session, counter, wallMs) ? plain.subarray(INNER_BYTES) : 'replayed';
  }
}

/** What a datagram of gossip starts with; a datagram of QUIC never does. */
export const GOSSIP_FIRST_BYTE = 0x05;

const SESSION_BYTES = 16;
const OUTER_BYTES = 2 + nacl.secretbox.nonceLength;
const INNER_BYTES = 8;
/** Sealed length less payload length: 50. */
export const SEAL_OVERHEAD_BYTES = OUTER_BYTES + nacl.secretbox.overheadLength + INNER_BYTES;
