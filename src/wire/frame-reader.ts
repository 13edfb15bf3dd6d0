import { BlockPools } from '../base/index.js';
import { FRAME_HEADER_BYTES, LENGTH_FIELD_BYTES } from './frame.js';

/** Who takes the frames of a stream. `bytes` is valid only during the call; the body is `bytes[bodyStart, bodyEnd)`. */
export interface FrameSink {
  /** Returns false to stop reading: the rest of the data is dropped, the stream is being torn down. */
  onFrame(type: number, flags: number, callId: number, bytes: Buffer, bodyStart: number, bodyEnd: number): boolean;
}

export type FrameFault = 'tooLong' | 'tooShort' | 'truncated' | 'overBudget';

/** Bytes that several readers together may hold of frames that have not arrived whole. */
export class ReassemblyBudget {
  private leftBytes: number;

  constructor(bytesMax: number) {
    this.leftBytes = bytesMax;
  }

  /** False, and nothing is taken, when not so many are left. */
  take(bytes: number): boolean {
    if (bytes > this.leftBytes) return false;
    this.leftBytes -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.leftBytes += bytes;
  }
}

/**
 * Cuts a stream's bytes into frames. Whole frames are handed on in place; only a frame split over two deliveries is
 * copied, into a buffer that grows as its bytes really arrive (a peer that announces a long frame and sends nothing
 * costs nothing).
 */
export class FrameReader {
  private readonly sink: FrameSink;
  private lengthMax: number;
  private partial: Buffer | undefined;
  private partialBytes = 0;
  private readonly budget: ReassemblyBudget | undefined;

  /** @param budget what a split frame's buffer is taken from; who gives one calls {@link release} at the end */
  constructor(sink: FrameSink, lengthMax: number, budget?: ReassemblyBudget) {
    this.sink = sink;
    this.lengthMax = lengthMax;
    this.budget = budget;
  }

  /** Nothing more will be pushed: forgets a frame that has not arrived whole. */
  release(): void {
    const { partial } = this;
    if (partial === undefined) return;
    this.partial = undefined;
    this.partialBytes = 0;
    this.budget?.give(partial.length);
    spare.give(partial);
  }

  /** Changes the bound on `length` for the frames to come. */
  setLengthMax(lengthMax: number): void {
    this.lengthMax = lengthMax;
  }

  /** Bytes of a frame that has not arrived whole. */
  get pendingBytes(): number {
    return this.partialBytes;
  }

  /** Takes the next bytes of the stream; returns what is wrong with them, if anything. */
  push(data: Buffer, fin: boolean): FrameFault | undefined {
    let at = 0;
    if (this.partialBytes > 0) {
      const taken = this.complete(data);
      if (typeof taken === 'string') return taken;
      if (taken < 0) return undefined;
      at = taken;
    }
    const end = data.length;
    while (this.partialBytes === 0 && end - at >= LENGTH_FIELD_BYTES) {
      const length = data.readUInt32BE(at);
      if (length > this.lengthMax) return 'tooLong';
      if (length < FRAME_HEADER_BYTES - LENGTH_FIELD_BYTES) return 'tooShort';
      const next = at + LENGTH_FIELD_BYTES + length;
      if (next > end) break;
      if (!this.emit(data, at, next)) return undefined;
      at = next;
    }
    if (at < end && !this.append(data, at, end)) return 'overBudget';
    return fin && this.partialBytes > 0 ? 'truncated' : undefined;
  }

  private emit(data: Buffer, at: number, next: number): boolean {
    return this.sink.onFrame(
      data[at + 4] ?? 0,
      data[at + 5] ?? 0,
      data.readUInt32BE(at + 6),
      data,
      at + FRAME_HEADER_BYTES,
      next,
    );
  }

  /** Adds what the frame in `partial` still lacks; returns the bytes taken, or -1 when reading is to stop. */
  private complete(data: Buffer): number | FrameFault {
    let at = 0;
    if (this.partialBytes < LENGTH_FIELD_BYTES) {
      at = Math.min(LENGTH_FIELD_BYTES - this.partialBytes, data.length);
      if (!this.append(data, 0, at)) return 'overBudget';
      if (this.partialBytes < LENGTH_FIELD_BYTES) return at;
    }
    const partial = this.partial as Buffer;
    const length = partial.readUInt32BE(0);
    if (length > this.lengthMax) return 'tooLong';
    if (length < FRAME_HEADER_BYTES - LENGTH_FIELD_BYTES) return 'tooShort';
    const total = LENGTH_FIELD_BYTES + length;
    const take = Math.min(total - this.partialBytes, data.length - at);
    if (!this.append(data, at, at + take, total)) return 'overBudget';
    at += take;
    if (this.partialBytes < total) return at;
    const whole = this.partial as Buffer;
    this.partial = undefined;
    this.partialBytes = 0;
    this.budget?.give(whole.length);
    const goesOn = this.emit(whole, 0, total);
    spare.give(whole);
    return goesOn ? at : -1;
  }

  /** False when the budget does not allow for it. */
  private append(data: Buffer, from: number, to: number, sizeHint = 0): boolean {
    const needed = this.partialBytes + to - from;
    let partial = this.partial;
    if (partial === undefined || partial.length < needed) {
      const presentBytes = partial?.length ?? 0;
      const grown = blockFor(needed, presentBytes, sizeHint);
      if (this.budget?.take(grown.length - presentBytes) === false) return false;
      if (partial !== undefined) {
        partial.copy(grown, 0, 0, this.partialBytes);
        spare.give(partial);
      }
      partial = grown;
      this.partial = grown;
    }
    data.copy(partial, this.partialBytes, from, to);
    this.partialBytes = needed;
    return true;
  }
}

/**
 * Blocks for frames that are split over two deliveries, which with messages of some kilobytes is most deliveries. Memory
 * of its own for each costs more than the copy: what lies outside the heap counts against the collector's limit.
 */
const spare = new BlockPools([
  [16 * 1024, 64],
  [64 * 1024, 16],
  [256 * 1024, 8],
  [1024 * 1024, 2],
]);
const SMALL_BYTES = 1024;
const LOOSE_BYTES = 256 * 1024;

/** Room for `needed` bytes: a small block first, then a spare one, then by doubling, but not beyond the frame's size if that is known. */
function blockFor(needed: number, presentBytes: number, sizeHint: number): Buffer {
  if (needed <= SMALL_BYTES) return Buffer.allocUnsafe(SMALL_BYTES);
  // No block that a frame of known size leaves mostly empty: what is taken from a budget is the block.
  const block = spare.take(needed, sizeHint > LOOSE_BYTES ? 2 * sizeHint : LOOSE_BYTES);
  if (block !== undefined) return block;
  const doubled = Math.max(needed, 2 * presentBytes);
  return Buffer.allocUnsafe(sizeHint > 0 ? Math.max(needed, Math.min(doubled, sizeHint)) : doubled);
}
