import { assert } from '../base/index.js';

/** Who has the values, by row: they are moved when their block holds little else. */
export interface ValueOwner {
  sizeOf(row: number): number;
  moved(row: number, place: number): void;
}

/**
 * Keeps copies of values next to each other in blocks: memory of its own for each costs several times as much to make
 * and to collect.
 *
 * ```
 *   block   | ... row (4 bytes), value (from a multiple of 8 on) ...
 *   starts  one bit for each multiple of 8: there begins a value that is held
 *   place   number of the block * BLOCK_BYTES + where the value begins
 * ```
 *
 * A block that holds less than a quarter of what it was filled with is emptied: what is left moves to the open one.
 * So values take at most about four times their size, however long some of them live. Emptied blocks are filled
 * again, unless a copy of the arena may read them. A large value has a block of its own.
 */
export class ValueArena {
  private blocks: Block[] = [];
  private open: Block = NO_BLOCK;
  private openIndex = 0;
  /** Raised by `copy`: blocks of earlier ones are shared with copies. */
  private epoch = 0;
  private readonly owner: ValueOwner;
  /** Places in `blocks` without one. */
  private readonly free: number[] = [];
  private readonly spare: Block[] = [];
  private readonly sparse: number[] = [];
  private isTidying = false;

  constructor(owner: ValueOwner) {
    this.owner = owner;
  }

  /** Copies the value that stands in `bytes` from `from` to `to`, for a row; returns its place. */
  add(row: number, bytes: Uint8Array, from: number, to: number): number {
    const size = to - from;
    // Not `subarray`, which for a buffer costs as much as the copy.
    const value = new Uint8Array(bytes.buffer, bytes.byteOffset + from, size);
    if (size > SHARED_BYTES_MAX) return this.addLarge(value);
    let start = (this.open.used + HEAD_BYTES + 7) & ~7;
    // Also an empty value begins inside its block.
    if (start + size >= this.open.bytes.length) {
      this.turn();
      start = 8;
    }
    const { open } = this;
    open.bytes.set(value, start);
    open.ints[(start - HEAD_BYTES) >>> 2] = row;
    open.starts[start >>> 8] = (open.starts[start >>> 8] as number) | (1 << (start >>> 3));
    open.used = start + size;
    const weight = weightOf(size);
    open.filled += weight;
    open.held += weight;
    return this.openIndex * BLOCK_BYTES + start;
  }

  /** A value is no longer needed; nobody asks for its place any more. */
  release(place: number, size: number): void {
    const index = Math.floor(place / BLOCK_BYTES);
    const block = this.blocks[index] as Block;
    if (size > SHARED_BYTES_MAX) {
      this.drop(index);
      return;
    }
    const start = place - index * BLOCK_BYTES;
    block.starts[start >>> 8] = (block.starts[start >>> 8] as number) & ~(1 << (start >>> 3));
    block.held -= weightOf(size);
    const isSparse = block.held * SPARSE <= block.filled && block !== this.open && !block.isSparse;
    if (isSparse) this.note(index, block);
    if (this.sparse.length > 0) this.tidy();
  }

  /** A view that holds until the arena is changed. */
  view(place: number, size: number): Uint8Array {
    const index = Math.floor(place / BLOCK_BYTES);
    const start = place - index * BLOCK_BYTES;
    const { bytes } = this.blocks[index] as Block;
    // Not `subarray`, which for a buffer costs several times as much.
    return new Uint8Array(bytes.buffer, bytes.byteOffset + start, size);
  }

  /** The value, for ever. */
  read(place: number, size: number): Uint8Array {
    const view = this.view(place, size);
    return size > SHARED_BYTES_MAX ? Buffer.from(view.buffer, view.byteOffset, size) : Buffer.from(view);
  }

  /** Memory of all blocks, in bytes. */
  get bytes(): number {
    let bytes = this.spare.length * BLOCK_BYTES;
    for (const block of this.blocks) bytes += block.bytes.length;
    return bytes;
  }

  /** A frozen copy, for {@link view} and {@link read} only. */
  copy(): ValueArena {
    const copy = new ValueArena(this.owner);
    copy.blocks = this.blocks.slice();
    this.epoch += 1;
    return copy;
  }

  private addLarge(value: Uint8Array): number {
    const bytes = Buffer.allocUnsafeSlow(value.length);
    bytes.set(value);
    return this.place({ ...NO_BLOCK, bytes }) * BLOCK_BYTES;
  }

  /** The open block is full: opens another one. */
  private turn(): void {
    const { open, openIndex } = this;
    this.open = this.spare.pop() ?? newBlock(this.epoch);
    this.openIndex = this.place(this.open);
    if (open.held * SPARSE > open.filled || open === NO_BLOCK) return;
    this.note(openIndex, open);
  }

  private place(block: Block): number {
    const index = this.free.pop() ?? this.blocks.length;
    this.blocks[index] = block;
    return index;
  }

  private note(index: number, block: Block): void {
    block.isSparse = true;
    this.sparse.push(index);
  }

  /** Empties the sparse blocks; filling the open one may make others known. */
  private tidy(): void {
    if (this.isTidying) return;
    this.isTidying = true;
    for (let index = this.sparse.pop(); index !== undefined; index = this.sparse.pop()) this.empty(index);
    this.isTidying = false;
  }

  private empty(index: number): void {
    const block = this.blocks[index] as Block;
    for (let word = 0; block.held > 0 && word < block.starts.length; word += 1) {
      for (let bits = block.starts[word] as number; bits !== 0; bits &= bits - 1) {
        this.move(block, (word << 8) | ((31 - Math.clz32(bits & -bits)) << 3));
      }
      block.starts[word] = 0;
    }
    assert(block.held === 0, 'an emptied block without values');
    this.drop(index);
  }

  private move(block: Block, start: number): void {
    const row = block.ints[(start - HEAD_BYTES) >>> 2] as number;
    const size = this.owner.sizeOf(row);
    block.held -= weightOf(size);
    this.owner.moved(row, this.add(row, block.bytes, start, start + size));
  }

  private drop(index: number): void {
    const block = this.blocks[index] as Block;
    this.blocks[index] = NO_BLOCK;
    this.free.push(index);
    const inUse = this.blocks.length - this.free.length;
    while (this.spare.length > SPARE_MIN && this.spare.length * 2 > inUse) this.spare.pop();
    // One that a copy may read is left to it.
    if (block.epoch !== this.epoch || (this.spare.length >= SPARE_MIN && this.spare.length * 2 >= inUse)) return;
    block.used = 0;
    block.filled = 0;
    block.held = 0;
    block.isSparse = false;
    this.spare.push(block);
  }
}

interface Block {
  /** -1: never to be filled again. */
  readonly epoch: number;
  readonly bytes: Uint8Array;
  /** The same memory. */
  readonly ints: Int32Array;
  /** Where held values begin. */
  readonly starts: Int32Array;
  /** Up to where it is filled. */
  used: number;
  /** What its values have weighed (bytes), and what those of them weigh that are still needed. */
  filled: number;
  held: number;
  /** Is to be emptied. */
  isSparse: boolean;
}

function newBlock(epoch: number): Block {
  const bytes = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  const ints = new Int32Array(bytes.buffer);
  const starts = new Int32Array(BLOCK_BYTES / 256);
  return { epoch, bytes, ints, starts, used: 0, filled: 0, held: 0, isSparse: false };
}

/** What a value takes alone. */
function weightOf(size: number): number {
  return (HEAD_BYTES + size + 7) & ~7;
}

/** In the place of a value: none. */
export const NO_PLACE = -1;
const BLOCK_BYTES = 64 * 1024;
const HEAD_BYTES = 4;
const SHARED_BYTES_MAX = BLOCK_BYTES / 8;
/** A block is sparse when it holds not more than this part of what it was filled with. */
const SPARSE = 4;
/** Emptied blocks that are kept in any case; above, half as many as there are in use. */
const SPARE_MIN = 16;
const NO_BLOCK: Block = {
  epoch: -1,
  bytes: new Uint8Array(0),
  ints: new Int32Array(0),
  starts: new Int32Array(0),
  used: 0,
  filled: 0,
  held: 0,
  isSparse: false,
};
