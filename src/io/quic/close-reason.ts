import { CLOSE_CODES, type Reason } from '../../base/index.js';
import type { CloseReason } from '../../ports/index.js';
import type { NativeConnection, NativeConnectionError } from './native.js';

/**
 * Turns what quiche reports about the end of a connection into the reason that handlers get. `errorCode` is an
 * application code (`isApp`), a QUIC transport error (RFC 9000, section 20.1), or 0x100 plus a TLS alert (section 4.8
 * of RFC 9001).
 */
export function closeReasonOf(error: NativeConnectionError, by: 'local' | 'peer', wasOpen: boolean): CloseReason {
  const code = error.errorCode;
  const text = printable(error.reason);
  const fallback: Reason = wasOpen ? 'CONNECTION_LOST' : 'CONNECT_FAILED';
  if (error.isApp) {
    return {
      by,
      code,
      message: text === '' ? `closed by ${by === 'peer' ? 'the peer' : 'this node'} with code ${code}` : text,
      reason: APPLICATION_REASONS[code] ?? fallback,
      wasOpen,
    };
  }
  const alert = code >= 0x100 && code <= 0x1ff ? code - 0x100 : undefined;
  const side = by === 'peer' ? 'the peer refused' : 'this node refused';
  if (alert !== undefined) {
    const known = TLS_ALERTS[alert];
    return {
      by: 'transport',
      code,
      message: `${side}: ${known?.[1] ?? `TLS alert ${alert}`}`,
      reason: known?.[0] ?? fallback,
      wasOpen,
    };
  }
  const name = TRANSPORT_ERRORS[code] ?? `error ${code}`;
  return {
    by: 'transport',
    code,
    message: `QUIC ${name}${by === 'peer' ? ' reported by the peer' : ''}${text === '' ? '' : `: ${text}`}`,
    reason: fallback,
    wasOpen,
  };
}

/** A close that this node decided, with an application code. */
export function closedHere(by: CloseReason['by'], code: number, message: string, wasOpen: boolean): CloseReason {
  return { by, code, message, reason: wasOpen ? 'CONNECTION_LOST' : 'CONNECT_FAILED', wasOpen };
}

/** Why a connection that is draining was ended by its peer. */
export function peerCloseReason(native: NativeConnection, wasOpen: boolean): CloseReason {
  const error = native.peerError();
  if (error !== null) return closeReasonOf(error, 'peer', wasOpen);
  return closedHere('transport', 0, 'the connection is draining', wasOpen);
}

/** Why quiche holds a connection for closed. */
export function nativeEndReason(native: NativeConnection, wasOpen: boolean, idleTimeoutMs: number): CloseReason {
  if (native.isTimedOut()) {
    return closedHere('timeout', 0, `nothing heard from the peer for ${idleTimeoutMs} ms`, wasOpen);
  }
  const error = native.localError();
  if (error !== null) return closeReasonOf(error, 'local', wasOpen);
  return closedHere('transport', 0, 'the connection ended without a word', wasOpen);
}

export function certificateRefused(message: string, wasOpen: boolean): CloseReason {
  return { by: 'local', code: CLOSE_CODES.UNAUTHENTICATED, message, reason: 'UNAUTHENTICATED', wasOpen };
}

/** The reason as the peer gets it: short enough for one datagram, or the frame would not leave at all. */
export function peerText(message: string): Buffer {
  return Buffer.from(message).subarray(0, CLOSE_REASON_BYTES_MAX);
}

const CLOSE_REASON_BYTES_MAX = 256;

const APPLICATION_REASONS: Partial<Record<number, Reason>> = {
  [CLOSE_CODES.UNAUTHENTICATED]: 'UNAUTHENTICATED',
  [CLOSE_CODES.EXCESSIVE_LOAD]: 'OVERLOADED',
  [CLOSE_CODES.PROTOCOL_VIOLATION]: 'PEER_VIOLATION',
  [CLOSE_CODES.VERSION_UNSUPPORTED]: 'PEER_VIOLATION',
};

/** RFC 8446, section 6.2; the alerts that a wrong set-up brings, in words. */
const TLS_ALERTS: Partial<Record<number, readonly [Reason, string]>> = {
  40: ['CONNECT_FAILED', 'no common TLS parameters (handshake_failure)'],
  42: ['UNAUTHENTICATED', 'the certificate is not acceptable (bad_certificate)'],
  43: ['UNAUTHENTICATED', 'the certificate is of a wrong kind (unsupported_certificate)'],
  44: ['UNAUTHENTICATED', 'the certificate is revoked (certificate_revoked)'],
  45: ['UNAUTHENTICATED', 'the certificate has expired or is not valid yet (certificate_expired)'],
  46: ['UNAUTHENTICATED', 'the certificate is not for this name or role (certificate_unknown)'],
  48: ['UNAUTHENTICATED', 'the certificate is not signed by a known authority (unknown_ca)'],
  49: ['UNAUTHENTICATED', 'access denied (access_denied)'],
  51: ['UNAUTHENTICATED', 'the certificate’s signature does not verify (decrypt_error)'],
  116: ['UNAUTHENTICATED', 'a certificate is required (certificate_required)'],
  120: ['CONNECT_FAILED', 'the peer does not speak flotilla/1 (no_application_protocol)'],
};

const TRANSPORT_ERRORS: Partial<Record<number, string>> = {
  0: 'closed without an error',
  1: 'internal error',
  2: 'connection refused',
  3: 'flow control error',
  4: 'stream limit error',
  5: 'stream state error',
  6: 'final size error',
  7: 'frame encoding error',
  8: 'transport parameter error',
  9: 'connection id limit error',
  10: 'protocol violation',
  11: 'invalid token',
  12: 'application error before the handshake was done',
  13: 'crypto buffer exceeded',
  14: 'key update error',
  15: 'AEAD limit reached',
  16: 'no viable path',
};

/** A peer's text, made safe to log: one line, 200 characters. */
function printable(reason: Uint8Array): string {
  return Buffer.from(reason)
    .toString('utf8', 0, 400)
    .replaceAll(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
    .slice(0, 200);
}
