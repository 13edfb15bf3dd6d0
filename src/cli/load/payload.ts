/** The input of a load test's calls, of about `sizeBytes`: text for `text.count`, bytes for everything else. */
export function payloadFor(method: string, sizeBytes: number): unknown {
  if (method !== 'text.count') return Buffer.alloc(sizeBytes, 'flotilla');
  return { text: WORDS.repeat(Math.ceil(sizeBytes / WORDS.length)).slice(0, sizeBytes) };
}

const WORDS = 'the quick brown fox jumps over the lazy dog ';
