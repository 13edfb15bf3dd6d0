/** The keys and the value of the bench: 8 and 256 bytes. */
export const KEY_COUNT = 10_000;
export const VALUE = Buffer.alloc(256, 0x61);

/** A key in the form that each client wants. */
export interface BenchKey {
  readonly bytes: Buffer;
  readonly text: string;
}

/** The key of a number below {@link KEY_COUNT}. */
export function keyOf(number: number): BenchKey {
  return KEYS[number % KEY_COUNT] as BenchKey;
}

/** All keys in an order that jumps about, from a place that differs by `seed`, over and over. */
export function keySequence(seed: number): () => BenchKey {
  let next = (seed * 3_331) % KEY_COUNT;
  return () => {
    next = (next + STRIDE) % KEY_COUNT;
    return keyOf(next);
  };
}

const KEYS: readonly BenchKey[] = Array.from({ length: KEY_COUNT }, (_, i) => {
  const text = `k${String(i).padStart(7, '0')}`;
  return { text, bytes: Buffer.from(text) };
});
/** Prime to the number of keys, so that all come up. */
const STRIDE = 7_919;
