/**
 * Raft messages as bytes, little-endian. A batch is a sequence of messages:
 *
 * ```
 *   u8 type · u8 flags · u16 group · f64 from · f64 to · f64 term · body
 * ```
 *
 * The bodies are in {@link writeMessage}, one line each. Entries stand there as they stand in the log file
 * (`wal/entry-codec`), so that they are encoded once. `raft-decode` reads it back.
 */
import type { GroupId, LogIndex, MemberId, SnapshotMeta } from '../../../ports/index.js';
import type { LogPosition, RaftMessage } from '../../../raft/index.js';
import { entryBytes, writeEntry } from '../../../wal/index.js';

/** Bytes that {@link writeMessage} will take. */
export function messageBytes(message: RaftMessage): number {
  switch (message.type) {
    case 'appendRequest': {
      let bytes = HEAD_BYTES + APPEND_HEAD_BYTES;
      for (const entry of message.entries) bytes += entryBytes(entry);
      return bytes;
    }
    case 'installSnapshot':
      return HEAD_BYTES + SNAPSHOT_HEAD_BYTES + message.meta.config.length;
    default:
      return HEAD_BYTES + BODY_BYTES[message.type];
  }
}

/** Writes the message at `at`, where `messageBytes(message)` bytes are free, and returns where it ends. */
export function writeMessage(bytes: Buffer, at: number, group: GroupId, from: MemberId, message: RaftMessage): number {
  bytes[at] = TYPE[message.type];
  bytes[at + 1] = 0;
  bytes.writeUInt16LE(group, at + 2);
  bytes.writeDoubleLE(from, at + 4);
  bytes.writeDoubleLE(message.to, at + 12);
  bytes.writeDoubleLE(message.term, at + 20);
  const body = at + HEAD_BYTES;
  switch (message.type) {
    case 'voteRequest':
      if (message.isTransfer) bytes[at + 1] = 1;
      return writePosition(bytes, body, message.last);
    case 'preVoteRequest':
      return writePosition(bytes, body, message.last);
    case 'voteReply':
    case 'preVoteReply':
      if (message.isGranted) bytes[at + 1] = 1;
      return body;
    case 'appendRequest': {
      const end = writeAppendHead(bytes, body, message.previous, message.commit);
      let last = end;
      for (const entry of message.entries) last = writeEntry(bytes, last, entry);
      bytes.writeUInt32LE(last - end, end - 4);
      return last;
    }
    case 'appendAccept':
      return bytes.writeDoubleLE(message.match, body);
    case 'appendReject':
      return writePosition(bytes, bytes.writeDoubleLE(message.rejected, body), message.hint);
    case 'heartbeat':
      return bytes.writeDoubleLE(message.round, bytes.writeDoubleLE(message.commit, body));
    case 'heartbeatReply':
      if (message.isBehind) bytes[at + 1] = 1;
      return bytes.writeDoubleLE(message.round, body);
    case 'installSnapshot':
      return writeMeta(bytes, body, message.meta);
    case 'readIndexRequest':
      if (message.mode === 'lease') bytes[at + 1] = 1;
      return bytes.writeDoubleLE(message.id, body);
    case 'readIndexReply':
      if (message.index !== undefined) bytes[at + 1] = 1;
      return bytes.writeDoubleLE(message.index ?? 0, bytes.writeDoubleLE(message.id, body));
    case 'timeoutNow':
    case 'newerTerm':
      return body;
  }
}

/** `f64 index · f64 term` */
function writePosition(bytes: Buffer, at: number, position: LogPosition): number {
  return bytes.writeDoubleLE(position.term, bytes.writeDoubleLE(position.index, at));
}

/** `f64 previous index · f64 previous term · f64 commit · u32 bytes of the entries`; the last is filled in later. */
function writeAppendHead(bytes: Buffer, at: number, previous: LogPosition, commit: LogIndex): number {
  return bytes.writeDoubleLE(commit, writePosition(bytes, at, previous)) + 4;
}

/** `f64 index · f64 term · u16 bytes of the configuration · configuration` */
function writeMeta(bytes: Buffer, at: number, meta: SnapshotMeta): number {
  const end = bytes.writeUInt16LE(meta.config.length, writePosition(bytes, at, meta));
  bytes.set(meta.config, end);
  return end + meta.config.length;
}

/** Before the body. */
export const HEAD_BYTES = 28;
export const APPEND_HEAD_BYTES = 28;
export const SNAPSHOT_HEAD_BYTES = 18;

/** The number of each type; never reused. */
export const TYPE: Readonly<Record<RaftMessage['type'], number>> = {
  preVoteRequest: 1,
  preVoteReply: 2,
  voteRequest: 3,
  voteReply: 4,
  appendRequest: 5,
  appendAccept: 6,
  appendReject: 7,
  heartbeat: 8,
  heartbeatReply: 9,
  installSnapshot: 10,
  timeoutNow: 11,
  readIndexRequest: 12,
  readIndexReply: 13,
  newerTerm: 14,
};

/** Bodies of fixed size. */
export const BODY_BYTES: Readonly<Record<Exclude<RaftMessage['type'], 'appendRequest' | 'installSnapshot'>, number>> = {
  preVoteRequest: 16,
  preVoteReply: 0,
  voteRequest: 16,
  voteReply: 0,
  appendAccept: 8,
  appendReject: 24,
  heartbeat: 16,
  heartbeatReply: 8,
  timeoutNow: 0,
  readIndexRequest: 8,
  readIndexReply: 16,
  newerTerm: 0,
};
