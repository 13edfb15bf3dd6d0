/**
 * Cuts a stream of bytes into chunks of `chunkBytes` (the last one is shorter), whatever parts it came in. A chunk is
 * a view of such a part where it lies in one.
 */
export async function* inChunks(
  parts: AsyncIterable<Uint8Array>,
  chunkBytes: number,
): AsyncGenerator<Uint8Array, void, void> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for await (const part of parts) {
    let at = 0;
    while (part.length - at + heldBytes >= chunkBytes) {
      const end = at + chunkBytes - heldBytes;
      held.push(part.subarray(at, end));
      yield joined(held);
      held = [];
      heldBytes = 0;
      at = end;
    }
    if (at < part.length) {
      held.push(part.subarray(at));
      heldBytes += part.length - at;
    }
  }
  if (heldBytes > 0) yield joined(held);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
}
