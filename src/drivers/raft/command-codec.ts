/**
 * The payload of an entry of type `commands`, little-endian:
 *
 * ```
 *   u32 count · count times ( u32 bytes · bytes )
 * ```
 *
 * @param bytes the sum of the commands' lengths
 */
export function encodeCommands(commands: readonly { readonly bytes: Uint8Array }[], bytes: number): Uint8Array {
  const payload = Buffer.allocUnsafe(4 + 4 * commands.length + bytes);
  let at = payload.writeUInt32LE(commands.length, 0);
  for (const command of commands) {
    at = payload.writeUInt32LE(command.bytes.length, at);
    payload.set(command.bytes, at);
    at += command.bytes.length;
  }
  return payload;
}

/** The commands as parts of `payload`; `undefined` when it holds none. */
export function decodeCommands(payload: Uint8Array): Uint8Array[] | undefined {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  if (payload.length < 4) return undefined;
  const count = view.getUint32(0, true);
  if (count > (payload.length - 4) / 4) return undefined;
  const commands: Uint8Array[] = [];
  let at = 4;
  for (let i = 0; i < count; i += 1) {
    if (at + 4 > payload.length) return undefined;
    const end = at + 4 + view.getUint32(at, true);
    if (end > payload.length) return undefined;
    commands.push(payload.subarray(at + 4, end));
    at = end;
  }
  return at === payload.length ? commands : undefined;
}
