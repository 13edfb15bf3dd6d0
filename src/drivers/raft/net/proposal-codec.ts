import type { GroupId } from '../../../ports/index.js';

/** A command on its way to the leader. */
export interface ForwardedProposal {
  readonly clusterId: string;
  readonly group: GroupId;
  readonly isUrgent: boolean;
  readonly command: Uint8Array;
}

/** `u16 group (little-endian) · u8 urgent · u8 length · cluster id · command` */
export function encodeProposal({ clusterId, group, isUrgent, command }: ForwardedProposal): Buffer {
  const cluster = Buffer.from(clusterId, 'utf8');
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + cluster.length + command.length);
  bytes.writeUInt16LE(group, 0);
  bytes[2] = isUrgent ? 1 : 0;
  bytes[3] = cluster.length;
  cluster.copy(bytes, HEAD_BYTES);
  bytes.set(command, HEAD_BYTES + cluster.length);
  return bytes;
}

/** `undefined` when the bytes are no proposal; `command` refers to them. */
export function decodeProposal(bytes: unknown): ForwardedProposal | undefined {
  if (!Buffer.isBuffer(bytes) || bytes.length < HEAD_BYTES || (bytes[2] ?? 0) > 1) return undefined;
  const end = HEAD_BYTES + (bytes[3] ?? 0);
  if (end > bytes.length) return undefined;
  return {
    clusterId: bytes.toString('utf8', HEAD_BYTES, end),
    group: bytes.readUInt16LE(0) as GroupId,
    isUrgent: bytes[2] === 1,
    command: bytes.subarray(end),
  };
}

const HEAD_BYTES = 4;
