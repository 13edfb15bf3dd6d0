/**
 * Keeps copies of small values next to each other: a buffer of its own for each costs several times as much to make and
 * to collect. A block lives as long as one of its values, so it is small.
 */
export class ValueArena {
  /** Where {@link add} has put the last value. */
  block: Uint8Array = NOTHING;
  start = 0;
  private shared: Uint8Array = NOTHING;
  private used = 0;

  /** Copies the value that stands in `bytes` from `from` to `to`. */
  add(bytes: Uint8Array, from: number, to: number): void {
    const size = to - from;
    if (size > SHARED_BYTES_MAX) {
      this.block = new Uint8Array(bytes.subarray(from, to));
      this.start = 0;
      return;
    }
    // A part of an array costs a view of it, more than copying the little that stands around the value of a put.
    const isWhole = bytes.length - size <= AROUND_BYTES_MAX;
    const length = isWhole ? bytes.length : size;
    if (this.used + length > this.shared.length) {
      this.shared = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      this.used = 0;
    }
    this.shared.set(isWhole ? bytes : bytes.subarray(from, to), this.used);
    this.block = this.shared;
    this.start = this.used + (isWhole ? from : 0);
    this.used += length;
  }
}

const NOTHING = new Uint8Array(0);
const BLOCK_BYTES = 4 * 1024;
const SHARED_BYTES_MAX = BLOCK_BYTES / 8;
const AROUND_BYTES_MAX = 48;
