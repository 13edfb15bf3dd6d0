/** The parts of a QUIC long header that routing needs (RFC 8999, section 5.1; RFC 9000, section 17.2). */
export interface LongHeader {
  readonly version: number;
  readonly type: LongHeaderType;
  readonly dcid: Buffer;
  readonly scid: Buffer;
  /** Initial packets only; empty otherwise. */
  readonly token: Buffer;
}

export type LongHeaderType = 'initial' | 'zeroRtt' | 'handshake' | 'retry' | 'versionNegotiation';

export const QUIC_VERSION_1 = 1;
/** Longest connection id of version 1. */
const CONNECTION_ID_BYTES_MAX = 20;
const EMPTY = Buffer.alloc(0);

/**
 * Reads the header of a datagram's first packet without copying; `undefined` when it is not well formed. Written here
 * because the binding's `Header.fromSlice` throws on garbage and costs a native call per hostile datagram. The ids of
 * an unknown version may be longer than 20 bytes: they are returned as they are, for the version negotiation answer.
 */
export function parseLongHeader(datagram: Buffer): LongHeader | undefined {
  if (datagram.length < 7) return undefined;
  const first = datagram[0] ?? 0;
  if ((first & 0x80) === 0) return undefined;
  const version = datagram.readUInt32BE(1);
  let at = 5;
  const dcidLength = datagram[at] ?? 0;
  at += 1;
  if (at + dcidLength + 1 > datagram.length) return undefined;
  const dcid = datagram.subarray(at, at + dcidLength);
  at += dcidLength;
  const scidLength = datagram[at] ?? 0;
  at += 1;
  if (at + scidLength > datagram.length) return undefined;
  const scid = datagram.subarray(at, at + scidLength);
  at += scidLength;
  if (version === 0) return { version, type: 'versionNegotiation', dcid, scid, token: EMPTY };
  if (version !== QUIC_VERSION_1) return { version, type: 'initial', dcid, scid, token: EMPTY };
  if ((first & 0x40) === 0) return undefined;
  if (dcidLength > CONNECTION_ID_BYTES_MAX || scidLength > CONNECTION_ID_BYTES_MAX) return undefined;
  const type = TYPES[(first >> 4) & 3] ?? 'initial';
  if (type !== 'initial') return { version, type, dcid, scid, token: EMPTY };
  const token = readToken(datagram, at);
  return token === undefined ? undefined : { version, type, dcid, scid, token };
}

const TYPES: readonly LongHeaderType[] = ['initial', 'zeroRtt', 'handshake', 'retry'];

/** A token is preceded by its length as a variable-length integer (RFC 9000, section 16). */
function readToken(datagram: Buffer, at: number): Buffer | undefined {
  const first = datagram[at];
  if (first === undefined) return undefined;
  const lengthBytes = 1 << (first >> 6);
  if (lengthBytes > 4 || at + lengthBytes > datagram.length) return undefined;
  let length = first & 0x3f;
  for (let i = 1; i < lengthBytes; i += 1) length = length * 256 + (datagram[at + i] ?? 0);
  const start = at + lengthBytes;
  return start + length > datagram.length ? undefined : datagram.subarray(start, start + length);
}
