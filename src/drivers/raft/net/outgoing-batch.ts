import type { GroupId, MemberId } from '../../../ports/index.js';
import type { Heartbeat, RaftMessage } from '../../../raft/index.js';
import { FRAME_KIND } from './link-frames.js';
import { messageBytes, writeMessage } from './raft-codec.js';

/**
 * Messages of one class for one peer that wait for the end of the turn, already encoded. A heartbeat takes the place
 * of an earlier one of the same member that still waits: it says all that the earlier one said.
 */
export class OutgoingBatch {
  /** The kind of a frame, then messages. */
  private bytes: Buffer = Buffer.allocUnsafe(SPARE_BYTES);
  private end = 1;
  private others = 0;
  /** Where the heartbeat of a group stands. */
  private readonly heartbeats = new Map<GroupId, number>();

  /** Bytes of the waiting messages. */
  get length(): number {
    return this.end - 1;
  }

  /** Nothing waits but heartbeats and answers to them. */
  get isQuiet(): boolean {
    return this.others === 0;
  }

  /** Returns by how many bytes the batch grew. */
  add(group: GroupId, from: MemberId, message: RaftMessage): number {
    if (message.type === 'heartbeat' && this.replaced(group, from, message)) return 0;
    const size = messageBytes(message);
    if (this.end + size > this.bytes.length) this.grow(size);
    if (message.type === 'heartbeat') this.heartbeats.set(group, this.end);
    else if (message.type !== 'heartbeatReply') this.others += 1;
    this.end = writeMessage(this.bytes, this.end, group, from, message);
    return size;
  }

  /** Empties the batch into frames of at most `frameBytesMax`, which belong to the caller. */
  take(frameBytesMax: number): Uint8Array[] {
    if (this.end === 1) return [];
    const { bytes, end } = this;
    const isSpare = bytes.length <= SPARE_BYTES;
    const frame = isSpare ? Buffer.from(bytes.subarray(0, end)) : bytes.subarray(0, end);
    if (!isSpare) this.bytes = Buffer.allocUnsafe(SPARE_BYTES);
    this.clear();
    frame[0] = FRAME_KIND.BATCH;
    return end <= frameBytesMax ? [frame] : inParts(frame, frameBytesMax);
  }

  clear(): void {
    this.end = 1;
    this.others = 0;
    this.heartbeats.clear();
  }

  private replaced(group: GroupId, from: MemberId, message: Heartbeat): boolean {
    const at = this.heartbeats.get(group);
    if (at === undefined) return false;
    const isSame = this.bytes.readDoubleLE(at + 4) === from && this.bytes.readDoubleLE(at + 12) === message.to;
    if (isSame) writeMessage(this.bytes, at, group, from, message);
    return isSame;
  }

  private grow(size: number): void {
    const bytes = Buffer.allocUnsafe(Math.max(2 * this.bytes.length, this.end + size));
    this.bytes.copy(bytes, 0, 0, this.end);
    this.bytes = bytes;
  }
}

/** Splits what follows the kind of a frame. */
function inParts(frame: Buffer, frameBytesMax: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  const step = frameBytesMax - 1;
  for (let at = 1; at < frame.length; at += step) {
    const end = Math.min(at + step, frame.length);
    const part = Buffer.allocUnsafe(1 + end - at);
    part[0] = end === frame.length ? FRAME_KIND.LAST_PART : FRAME_KIND.PART;
    frame.copy(part, 1, at, end);
    parts.push(part);
  }
  return parts;
}

/** Kept between turns; a longer one is given away with the frame instead of being copied. */
const SPARE_BYTES = 4_096;
