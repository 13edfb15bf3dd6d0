import type { NodeId } from '../base/index.js';
import { nodeId } from '../base/index.js';
import type { MemberId } from '../ports/index.js';
import type { ClusterConfig, Member } from './cluster-config.js';

/**
 * The bytes of a configuration entry and of a snapshot's configuration, little-endian:
 *
 * ```
 *   u8 version (1) · u16 members · members times { f64 id · u8 set flags · u8 name bytes · name (ASCII) }
 * ```
 *
 * The flags say to which sets a member belongs: 1 voters, 2 outgoing, 4 learners, 8 learnersNext.
 */
export function encodeConfig(config: ClusterConfig): Uint8Array {
  const size = config.members.reduce((sum, member) => sum + MEMBER_BYTES + member.node.length, HEAD_BYTES);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, VERSION);
  view.setUint16(1, config.members.length, true);
  let at = HEAD_BYTES;
  for (const { id, node } of config.members) {
    view.setFloat64(at, id, true);
    view.setUint8(at + 8, flagsOf(config, id));
    view.setUint8(at + 9, node.length);
    at += MEMBER_BYTES;
    for (let i = 0; i < node.length; i += 1) bytes[at + i] = node.charCodeAt(i);
    at += node.length;
  }
  return bytes;
}

/** `undefined` when the bytes are not a configuration that {@link encodeConfig} could have written. */
export function decodeConfig(bytes: Uint8Array): ClusterConfig | undefined {
  if (bytes.length < HEAD_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint8(0) !== VERSION) return undefined;
  const count = view.getUint16(1, true);
  const members: Member[] = [];
  const sets: MemberId[][] = [[], [], [], []];
  let at = HEAD_BYTES;
  for (let i = 0; i < count; i += 1) {
    if (at + MEMBER_BYTES > bytes.length) return undefined;
    const id = view.getFloat64(at, true);
    const flags = view.getUint8(at + 8);
    const end = at + MEMBER_BYTES + view.getUint8(at + 9);
    const node = end > bytes.length ? undefined : asNodeId(bytes.subarray(at + MEMBER_BYTES, end));
    const isAscending = id > (members.at(-1)?.id ?? 0);
    if (!Number.isSafeInteger(id) || !isAscending || node === undefined || flags < 1 || flags > 15) return undefined;
    members.push({ id: id as MemberId, node });
    for (const [bit, set] of sets.entries()) if ((flags & (1 << bit)) !== 0) set.push(id as MemberId);
    at = end;
  }
  const [voters = [], outgoing = [], learners = [], learnersNext = []] = sets;
  if (at !== bytes.length || voters.length === 0) return undefined;
  return { members, voters, outgoing, learners, learnersNext };
}

function flagsOf(config: ClusterConfig, id: MemberId): number {
  let flags = 0;
  if (config.voters.includes(id)) flags |= 1;
  if (config.outgoing.includes(id)) flags |= 2;
  if (config.learners.includes(id)) flags |= 4;
  if (config.learnersNext.includes(id)) flags |= 8;
  return flags;
}

function asNodeId(bytes: Uint8Array): NodeId | undefined {
  try {
    return nodeId(String.fromCharCode(...bytes));
  } catch {
    return undefined;
  }
}

const VERSION = 1;
const HEAD_BYTES = 3;
const MEMBER_BYTES = 10;
