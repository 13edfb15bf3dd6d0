/** The keys and the value of the bench: 8 and 256 bytes. */
export const KEY_COUNT = 10_000;
export const VALUE = Buffer.alloc(256, 0x61);

/** The number of a key, below {@link KEY_COUNT}; each client takes it in the form that it wants. */
export type BenchKey = number;

export function textOf(key: BenchKey): string {
  return TEXTS[key] as string;
}

export function bytesOf(key: BenchKey): Buffer {
  return BYTES[key] as Buffer;
}

/** All keys in an order that jumps about, from a place that differs by `seed`, over and over. */
export function keySequence(seed: number): () => BenchKey {
  let next = (seed * 3_331) % KEY_COUNT;
  return () => {
    next = (next + STRIDE) % KEY_COUNT;
    return next;
  };
}

// Each form by itself, so that a client finds its own close together: it is the members who are to wait for memory.
const TEXTS: readonly string[] = Array.from({ length: KEY_COUNT }, (_, i) => `k${String(i).padStart(7, '0')}`);
const BYTES: readonly Buffer[] = TEXTS.map((text) => Buffer.from(text));
/** Prime to the number of keys, so that all come up. */
const STRIDE = 7_919;
