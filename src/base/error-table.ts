/**
 * Every error code of Flotilla with its meaning. The types, the error classes' defaults and the book's error page
 * (`book/src/reference/errors.md`) all come from these tables, and a test holds them together.
 */

import { CONSENSUS_REASONS } from './consensus-reasons.js';
import { type ReasonRow, row } from './reason-row.js';

/** Reasons of errors that a call rejects with. */
export const RPC_REASONS = {
  APPLICATION: row(
    'UNKNOWN',
    false,
    true,
    'the handler threw an error of its own',
    'read the message and details; the code is the handler’s choice',
  ),
  HANDLER_FAILED: row(
    'INTERNAL',
    false,
    true,
    'the handler threw something that is not an RpcError',
    'look in the server’s log; its text is not sent to callers',
  ),
  CANCELLED_BY_CALLER: row(
    'CANCELLED',
    false,
    true,
    'the caller aborted the signal, left the stream or closed the client',
    'nothing: the caller asked for it',
  ),
  DEADLINE: row(
    'DEADLINE_EXCEEDED',
    false,
    true,
    'the call’s time ran out before an answer came',
    'raise timeoutMs, or look why the worker is slow',
  ),
  METHOD_UNKNOWN: row(
    'UNIMPLEMENTED',
    false,
    false,
    'the node serves no method of that name',
    'check the name and that the worker was started with the service',
  ),
  MESSAGE_TOO_LARGE: row(
    'OUT_OF_RANGE',
    false,
    false,
    'a message is longer than messageBytesMax',
    'send it in parts over a stream, or raise rpc.messageBytesMax on both sides',
  ),
  MESSAGE_UNDECODABLE: row(
    'INVALID_ARGUMENT',
    false,
    false,
    'the bytes are not a message of the agreed encoding',
    'check the encoding against the wire protocol page',
  ),
  INPUT_INVALID: row(
    'INVALID_ARGUMENT',
    false,
    false,
    'the input does not fit the method’s schema; details.issues lists where',
    'correct the input',
  ),
  OUTPUT_INVALID: row(
    'INTERNAL',
    false,
    true,
    'the handler’s output does not fit the method’s schema',
    'correct the handler',
  ),
  KIND_MISMATCH: row(
    'FAILED_PRECONDITION',
    false,
    false,
    'the method is of another kind (unary or streaming) than it was called as',
    'use the same service definition on both sides',
  ),
  OVERLOADED: row(
    'RESOURCE_EXHAUSTED',
    true,
    false,
    'the node has reached its limit of calls in progress',
    'wait retryAfterMs, add workers or raise rpc.concurrentCallsMax',
  ),
  CALLS_EXHAUSTED: row(
    'RESOURCE_EXHAUSTED',
    true,
    false,
    'this connection has as many calls outstanding as call ids allow',
    'lower the concurrency or use more clients',
  ),
  DRAINING: row(
    'UNAVAILABLE',
    true,
    false,
    'the node is finishing its work and takes no new calls',
    'nothing: another worker is tried by itself',
  ),
  CONNECT_FAILED: row(
    'UNAVAILABLE',
    true,
    false,
    'no connection to the node could be made; the call was not sent',
    'check that the node runs and that its address and certificates are right',
  ),
  CONNECTION_LOST: row(
    'UNAVAILABLE',
    true,
    true,
    'the connection ended while the call was in progress: it may have been executed',
    'repeat it only if the method is idempotent',
  ),
  NOT_CONNECTED: row(
    'UNAVAILABLE',
    true,
    false,
    'the node is unreachable at the moment and the call did not ask to wait',
    'set waitForReady, or try later',
  ),
  NO_WORKER: row('UNAVAILABLE', true, false, 'no worker matches the filter', 'check `flotilla members` and the filter'),
  EARLY_DATA_REFUSED: row(
    'FAILED_PRECONDITION',
    true,
    false,
    'a method that is not idempotent came in 0-RTT data, which can be replayed',
    'nothing: the client repeats it after the handshake',
  ),
  STREAM_LIMIT: row(
    'RESOURCE_EXHAUSTED',
    true,
    false,
    'the peer allows no further stream at the moment',
    'close streams, or raise transport.streamsMax on the server',
  ),
  PEER_VIOLATION: row(
    'INTERNAL',
    false,
    true,
    'the peer broke the wire protocol',
    'check that both sides run compatible versions',
  ),
  UNAUTHENTICATED: row(
    'UNAUTHENTICATED',
    false,
    false,
    'the peer’s certificate is missing, expired, denied or not the one it claims',
    'renew the certificate or take it off the deny list',
  ),
  FORBIDDEN: row(
    'PERMISSION_DENIED',
    false,
    false,
    'the peer’s role does not allow this method',
    'use a certificate of the role the method asks for',
  ),
  CLOSED: row('CANCELLED', false, false, 'the client, worker or director was closed', 'do not use it after close()'),
  ...CONSENSUS_REASONS,
} as const satisfies Record<string, ReasonRow>;

/** Reasons of errors outside a call. */
export const SETUP_REASONS = {
  ID_INVALID: setup('a node id or role is malformed', 'use 1-64 characters of A-Z a-z 0-9 . _ -'),
  ADDRESS_INVALID: setup('an address is not HOST:PORT', 'write it as 127.0.0.1:7401 or [::1]:7401'),
  ADDRESS_IN_USE: setup('another process holds the UDP port', 'choose another port or stop that process'),
  ADDRESS_UNREACHABLE: setup(
    'a host name does not resolve or the socket cannot be bound',
    'check the host and the interface',
  ),
  OPTION_INVALID: setup(
    'an option or flag has a value outside what is allowed',
    'use a value from the allowed range named in the message',
  ),
  FILTER_INVALID: setup('a worker filter cannot be read', 'write it as key=value,key!=value,key in (a,b),key'),
  CERT_MISSING: setup(
    'a certificate or key file is not there',
    'run `flotilla certs init` or name the right directory',
  ),
  CERT_INVALID: setup(
    'a certificate, key or authority cannot be used',
    'issue it again and check that key and certificate belong together',
  ),
  FILE_UNUSABLE: setup('a file cannot be read or written', 'check its path, owner and rights'),
  SERVICE_INVALID: setup(
    'a service definition or implementation is incomplete',
    'define each method once and implement all of them',
  ),
  NATIVE_UNAVAILABLE: setup(
    'the native QUIC addon does not load on this platform',
    'use Linux x64, macOS or Windows x64 with Node.js 20 or newer',
  ),
  DATA_DIR_LOCKED: setup(
    'another process uses the data directory',
    'stop that process, or give each node a directory of its own',
  ),
  DATA_DIR_FOREIGN: setup(
    'the data directory was written by another group or a newer version',
    'check --data; use the version that wrote it',
  ),
  DISK_FAILED: setup(
    'the disk reported an error; nothing written since can be relied on',
    'check the disk, then restart the node: it recovers what is on disk',
  ),
  LOG_CORRUPT: setup(
    'the write-ahead log is damaged before its end, so acknowledged entries may be lost',
    'run `flotilla wal inspect`; remove the directory and let the node be rebuilt from its peers',
  ),
  SNAPSHOT_CORRUPT: setup(
    'a snapshot is damaged or of an unknown version',
    'nothing if an older one is used; else let the node be rebuilt from its peers',
  ),
  STATE_MACHINE_FAILED: setup(
    'a state machine threw while it applied an entry or restored a snapshot, so this member cannot go on',
    'correct the state machine: it answers with an error reply instead, the same one on every member',
  ),
  MEMBER_DATA_LOST: setup(
    'the data directory is empty or has lost a log, but the cluster counts on what was in it',
    'run `flotilla member remove ID` and `member add ID`, then start it with --join; its old votes must not count twice',
  ),
  PEERS_UNREACHABLE: setup(
    'a new cluster begins when all its --peers have met once, and some were not reached',
    'start all of them; check addresses and certificates',
  ),
  PEERS_DISAGREE: setup(
    'the directors were started with different --peers, or some of them belong to a cluster already',
    'give all of them the same list; start a director that is added later with --join',
  ),
  NOT_ADMITTED: setup(
    'the director is not a member of the cluster it wants to join',
    'run `flotilla member add ID` first',
  ),
  JOIN_FAILED: setup(
    'no member of the cluster answered at any of the addresses to join by',
    'check that one of them runs, that UDP gets through, and that certificates and cluster are the same',
  ),
  EVENTS_MISSED: setup(
    'a reader of membership events was too slow, and some are lost to it',
    'read the members anew and start another iteration; do less between two events',
  ),
  BACKUP_CORRUPT: setup('a backup file is damaged, cut or of an unknown version', 'use another backup'),
  INTERNAL_LIMIT: setup('two limits contradict each other', 'report it: this is a bug'),
} as const satisfies Record<string, ReasonRow>;

export type RpcReason = keyof typeof RPC_REASONS;
export type SetupReason = keyof typeof SETUP_REASONS;
export type Reason = RpcReason | SetupReason;

export const REASONS: Readonly<Record<Reason, ReasonRow>> = { ...RPC_REASONS, ...SETUP_REASONS };

function setup(meaning: string, remedy: string): ReasonRow {
  return { code: 'FAILED_PRECONDITION', retryable: false, maybeExecuted: false, meaning, remedy };
}
