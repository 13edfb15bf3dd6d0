/** Application error codes of CONNECTION_CLOSE, RESET_STREAM and STOP_SENDING (book: wire protocol, codes). */
export const CLOSE_CODES = {
  /** Nothing wrong. */
  NONE: 0,
  /** The node is shutting down or the connection has reached its maximum age: reconnect. */
  GOING_AWAY: 1,
  /** The peer broke the wire protocol. */
  PROTOCOL_VIOLATION: 2,
  /** Certificate, role or id refused. */
  UNAUTHENTICATED: 3,
  /** No common protocol version. */
  VERSION_UNSUPPORTED: 4,
  /** A limit of the receiver was exceeded. */
  EXCESSIVE_LOAD: 5,
  /** The caller is not interested any more. */
  CANCELLED: 6,
  /** A message is longer than the receiver takes. */
  MESSAGE_TOO_LARGE: 7,
  /** Both sides dialled or a newer connection replaced this one. */
  REPLACED: 8,
  /** The receiver failed; details are in its log only. */
  INTERNAL: 9,
  /** The time for the call has run out at the caller. */
  DEADLINE_EXCEEDED: 10,
} as const;

export type CloseCode = (typeof CLOSE_CODES)[keyof typeof CLOSE_CODES];
