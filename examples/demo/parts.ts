import { UsageError } from './texts.js';

/**
 * Cuts a text into parts of `partBytes` or a little more, each for a stream of its own: after white space, so that no
 * term is cut in two (in UTF-8 a byte that looks like white space is white space).
 *
 * @throws UsageError when there is none for a long stretch
 */
export function cutIntoParts(name: string, bytes: Buffer, partBytes: number): Buffer[] {
  const parts: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    let end = Math.min(start + partBytes, bytes.length);
    while (end < bytes.length && !isSpace(bytes[end - 1])) {
      if (end - start >= PART_BYTES_MAX) {
        throw new UsageError(`${name} has no white space within ${PART_BYTES_MAX} bytes: is it a text?`);
      }
      end += 1;
    }
    parts.push(bytes.subarray(start, end));
    start = end;
  }
  return parts;
}

/** The messages of one stream: cut wherever `chunkBytes` end, and made only as the stream asks for them. */
export function* chunksOf(part: Buffer, chunkBytes: number): Generator<Buffer> {
  for (let start = 0; start < part.length; start += chunkBytes) yield part.subarray(start, start + chunkBytes);
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || (byte !== undefined && byte >= 0x09 && byte <= 0x0d);
}

/** A stream's reply holds each of its terms, and a message has a length that it must not exceed. */
const PART_BYTES_MAX = 1024 * 1024;
