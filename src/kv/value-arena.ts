/**
 * Keeps copies of small values next to each other: a buffer of its own for each costs several times as much to make and
 * to collect. A block lives as long as one of its values, so it is small.
 */
export class ValueArena {
  private block = new Uint8Array(0);
  private used = 0;

  copy(value: Uint8Array): Uint8Array {
    const size = value.length;
    if (size > SHARED_BYTES_MAX) return new Uint8Array(value);
    if (this.used + size > this.block.length) {
      this.block = new Uint8Array(BLOCK_BYTES);
      this.used = 0;
    }
    const kept = this.block.subarray(this.used, this.used + size);
    kept.set(value);
    this.used += size;
    return kept;
  }
}

const BLOCK_BYTES = 4 * 1024;
const SHARED_BYTES_MAX = BLOCK_BYTES / 8;
