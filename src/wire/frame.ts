/**
 * Frames: what lanes and call streams are made of (book: wire protocol, "Frames"). All integers are big-endian.
 *
 * ```
 *  0        4     5      6          10
 *  | length | type | flags | call id | body ...
 * ```
 *
 * `length` counts everything after itself (so it is at least 6); `call id` is 0 in frames that belong to no call.
 */
import { LIMITS, type SendBuffer } from '../base/index.js';

/** Bytes before the body. */
export const FRAME_HEADER_BYTES = 10;
/** Bytes of the length field, which it does not count itself. */
export const LENGTH_FIELD_BYTES = 4;

export const FRAME = {
  /** Client to server, first on the control lane. */
  HELLO: 0x01,
  /** The server's answer, first on the control lane. */
  HELLO_ACK: 0x02,
  /** The sender takes no new calls on this connection; those in progress are finished. */
  GOING_AWAY: 0x03,
  REQUEST: 0x10,
  REPLY: 0x11,
  ERROR: 0x12,
  CANCEL: 0x13,
  /** Head of a call stream: the same body as REQUEST without a payload. */
  OPEN: 0x20,
  /** One message on a call stream. */
  MESSAGE: 0x21,
  /** The call on this stream succeeded; nothing follows. */
  END: 0x22,
  /** Reply headers of a call stream, at most once and before its first message. */
  HEADERS: 0x23,
} as const;

export type FrameType = (typeof FRAME)[keyof typeof FRAME];

export const FLAG = {
  /** REQUEST, OPEN: the method is given by name instead of by number. */
  NAMED: 0x01,
  /** REQUEST, OPEN, REPLY: headers precede the payload. */
  HEADERS: 0x02,
  /** REQUEST, REPLY, MESSAGE: the payload is compressed. */
  COMPRESSED: 0x04,
  /** REQUEST, OPEN: the caller declares that repeating the call is harmless. */
  IDEMPOTENT: 0x08,
} as const;

/** The first byte of every stream says what the stream is; the second its traffic class. */
export const STREAM_KIND = {
  /** The control lane: exactly one, stream 0, opened by the client. */
  CONTROL_LANE: 0x01,
  /** A lane for requests and replies; the client opens as many as it likes. */
  DATA_LANE: 0x02,
  /** One call: OPEN, then messages. */
  CALL: 0x03,
  /** Unidirectional, from the server: one REPLY that is too long for its lane. */
  REPLY: 0x04,
} as const;

export const PREAMBLE_BYTES = 2;

/**
 * Appends a frame header whose length is not known yet and returns the header's offset RELATIVE to `out.start`
 * (the block may move while the body grows); {@link endFrame} fills the length in.
 */
export function beginFrame(out: SendBuffer, type: number, flags: number, callId: number): number {
  const at = out.reserve(FRAME_HEADER_BYTES);
  const bytes = out.bytes;
  bytes[at + 4] = type;
  bytes[at + 5] = flags;
  bytes.writeUInt32BE(callId, at + 6);
  out.commit(FRAME_HEADER_BYTES);
  return at - out.start;
}

/** Fills in the length of the frame begun at `mark`, now that its body has been appended. */
export function endFrame(out: SendBuffer, mark: number): void {
  const at = out.start + mark;
  out.bytes.writeUInt32BE(out.end - at - LENGTH_FIELD_BYTES, at);
}

/** Takes back a frame begun at `mark`. */
export function abandonFrame(out: SendBuffer, mark: number): void {
  out.end = out.start + mark;
}

/** A frame without a body. */
export function writeEmptyFrame(out: SendBuffer, type: number, flags: number, callId: number): void {
  endFrame(out, beginFrame(out, type, flags, callId));
}

export function writePreamble(out: SendBuffer, kind: number, trafficClass: number): void {
  const at = out.reserve(PREAMBLE_BYTES);
  out.bytes[at] = kind;
  out.bytes[at + 1] = trafficClass;
  out.commit(PREAMBLE_BYTES);
}

/** The bound on a frame's `length` on a lane. */
export const LANE_LENGTH_MAX = LIMITS.laneFrameBytesMax - LENGTH_FIELD_BYTES;

/** The bound on a frame's `length` on a call stream whose messages may have `messageBytesMax` bytes. */
export function streamLengthMax(messageBytesMax: number): number {
  return messageBytesMax + LIMITS.headersBytesMax + LIMITS.methodNameBytesMax + 64;
}
