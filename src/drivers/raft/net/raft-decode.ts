import type { GroupId, LogIndex, MemberId, SnapshotMeta, Term } from '../../../ports/index.js';
import type { LogPosition, RaftMessage, ReadId } from '../../../raft/index.js';
import { readEntries } from '../../../wal/index.js';
import { APPEND_HEAD_BYTES, BODY_BYTES, HEAD_BYTES, SNAPSHOT_HEAD_BYTES, TYPE } from './raft-codec.js';

/** A message with what the network needs to know beside it. */
export interface Envelope {
  readonly group: GroupId;
  readonly from: MemberId;
  readonly message: RaftMessage;
}

/**
 * The messages that fill `bytes` from `start` on exactly; `undefined` when the bytes are no batch as `raft-codec` writes
 * it. Entries and configurations refer to `bytes`: it must not be reused while they live.
 */
export function readMessages(bytes: Buffer, start = 0): Envelope[] | undefined {
  const envelopes: Envelope[] = [];
  for (let at = start; at < bytes.length; ) {
    const end = at + sizeAt(bytes, at);
    if (end > bytes.length) return undefined;
    const envelope = readEnvelope(bytes, at, end);
    if (envelope === undefined) return undefined;
    envelopes.push(envelope);
    at = end;
  }
  return envelopes;
}

/** The size of the message at `at`; `Infinity` when there is none. */
function sizeAt(bytes: Buffer, at: number): number {
  const type = NAMES[bytes[at] ?? 0];
  const body = at + HEAD_BYTES;
  if (type === undefined) return Number.POSITIVE_INFINITY;
  if (type === 'appendRequest') {
    if (body + APPEND_HEAD_BYTES > bytes.length) return Number.POSITIVE_INFINITY;
    return HEAD_BYTES + APPEND_HEAD_BYTES + bytes.readUInt32LE(body + APPEND_HEAD_BYTES - 4);
  }
  if (type === 'installSnapshot') {
    if (body + SNAPSHOT_HEAD_BYTES > bytes.length) return Number.POSITIVE_INFINITY;
    return HEAD_BYTES + SNAPSHOT_HEAD_BYTES + bytes.readUInt16LE(body + SNAPSHOT_HEAD_BYTES - 2);
  }
  return HEAD_BYTES + BODY_BYTES[type];
}

function readEnvelope(bytes: Buffer, at: number, end: number): Envelope | undefined {
  const type = NAMES[bytes[at] ?? 0];
  const flags = bytes[at + 1] ?? 0;
  const group = bytes.readUInt16LE(at + 2) as GroupId;
  const from = countAt(bytes, at + 4, 1) as MemberId | undefined;
  const to = countAt(bytes, at + 12, 1) as MemberId | undefined;
  const term = countAt(bytes, at + 20) as Term | undefined;
  if (type === undefined || from === undefined || to === undefined || term === undefined) return undefined;
  if (flags > (FLAGGED.has(type) ? 1 : 0)) return undefined;
  const message = READERS[type]({ bytes, body: at + HEAD_BYTES, end, flag: flags === 1, to, term });
  return message && { group, from, message };
}

/** A message whose head has been read. */
interface Head {
  readonly bytes: Buffer;
  /** `[body, end)`, as long as the type demands. */
  readonly body: number;
  readonly end: number;
  readonly flag: boolean;
  readonly to: MemberId;
  readonly term: Term;
}

const READERS: { readonly [T in RaftMessage['type']]: (head: Head) => Extract<RaftMessage, { type: T }> | undefined } =
  {
    preVoteRequest: ({ bytes, body, to, term }) => {
      const last = positionAt(bytes, body);
      return last && { type: 'preVoteRequest', to, term, last };
    },
    preVoteReply: ({ flag, to, term }) => ({ type: 'preVoteReply', to, term, isGranted: flag }),
    voteRequest: ({ bytes, body, flag, to, term }) => {
      const last = positionAt(bytes, body);
      return last && { type: 'voteRequest', to, term, last, isTransfer: flag };
    },
    voteReply: ({ flag, to, term }) => ({ type: 'voteReply', to, term, isGranted: flag }),
    appendRequest: ({ bytes, body, end, to, term }) => {
      const previous = positionAt(bytes, body);
      const commit = countAt(bytes, body + 16) as LogIndex | undefined;
      const entries = readEntries(bytes, body + APPEND_HEAD_BYTES, end);
      if (previous === undefined || commit === undefined || entries === undefined) return undefined;
      return { type: 'appendRequest', to, term, previous, entries, commit };
    },
    appendAccept: ({ bytes, body, to, term }) => {
      const match = countAt(bytes, body) as LogIndex | undefined;
      return match === undefined ? undefined : { type: 'appendAccept', to, term, match };
    },
    appendReject: ({ bytes, body, to, term }) => {
      const rejected = countAt(bytes, body) as LogIndex | undefined;
      const hint = positionAt(bytes, body + 8);
      if (rejected === undefined || hint === undefined) return undefined;
      return { type: 'appendReject', to, term, rejected, hint };
    },
    heartbeat: ({ bytes, body, to, term }) => {
      const commit = countAt(bytes, body) as LogIndex | undefined;
      const round = countAt(bytes, body + 8);
      if (commit === undefined || round === undefined) return undefined;
      return { type: 'heartbeat', to, term, commit, round };
    },
    heartbeatReply: ({ bytes, body, flag, to, term }) => {
      const round = countAt(bytes, body);
      return round === undefined ? undefined : { type: 'heartbeatReply', to, term, round, isBehind: flag };
    },
    installSnapshot: ({ bytes, body, end, to, term }) => {
      const meta = metaAt(bytes, body, end);
      return meta && { type: 'installSnapshot', to, term, meta };
    },
    timeoutNow: ({ to, term }) => ({ type: 'timeoutNow', to, term }),
    readIndexRequest: ({ bytes, body, flag, to, term }) => {
      const id = countAt(bytes, body) as ReadId | undefined;
      const mode = flag ? 'lease' : 'linearizable';
      return id === undefined ? undefined : { type: 'readIndexRequest', to, term, id, mode };
    },
    readIndexReply: ({ bytes, body, flag, to, term }) => {
      const id = countAt(bytes, body) as ReadId | undefined;
      const index = countAt(bytes, body + 8) as LogIndex | undefined;
      if (id === undefined || index === undefined) return undefined;
      return { type: 'readIndexReply', to, term, id, index: flag ? index : undefined };
    },
    newerTerm: ({ to, term }) => ({ type: 'newerTerm', to, term }),
  };

function positionAt(bytes: Buffer, at: number): LogPosition | undefined {
  const index = countAt(bytes, at) as LogIndex | undefined;
  const term = countAt(bytes, at + 8) as Term | undefined;
  return index === undefined || term === undefined ? undefined : { index, term };
}

function metaAt(bytes: Buffer, at: number, end: number): SnapshotMeta | undefined {
  const position = positionAt(bytes, at);
  return position && { ...position, config: bytes.subarray(at + SNAPSHOT_HEAD_BYTES, end) };
}

/** A whole number that is exact in JavaScript; `undefined` when there is another at `at`. */
function countAt(bytes: Buffer, at: number, min = 0): number | undefined {
  const value = bytes.readDoubleLE(at);
  return Number.isSafeInteger(value) && value >= min && !Object.is(value, -0) ? value : undefined;
}

const NAMES: (RaftMessage['type'] | undefined)[] = [];
for (const [name, number] of Object.entries(TYPE)) NAMES[number] = name as RaftMessage['type'];

/** Types whose lowest flag means something. */
const FLAGGED: ReadonlySet<RaftMessage['type']> = new Set<RaftMessage['type']>([
  'preVoteReply',
  'voteRequest',
  'voteReply',
  'heartbeatReply',
  'readIndexRequest',
  'readIndexReply',
]);
