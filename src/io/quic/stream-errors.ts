/**
 * The binding's errors have a text and nothing else. quiche reports a peer's RESET_STREAM as an error of `streamRecv`,
 * once: `StreamReset(<code>)`; and a peer's STOP_SENDING as an error of `streamSend`, `streamCapacity` and
 * `streamWritable`, for as long as it knows the stream: `StreamStopped(<code>)` (it answers with RESET_STREAM by
 * itself). A stream that it has let go gives `InvalidStreamState(<id>)`.
 */
export function resetCodeIn(error: unknown): number | undefined {
  return codeIn(error, /^StreamReset\((\d+)\)/);
}

/** The code of a STOP_SENDING; see {@link resetCodeIn}. */
export function stopCodeIn(error: unknown): number | undefined {
  return codeIn(error, /^StreamStopped\((\d+)\)/);
}

/** True when quiche has let the stream go. */
export function isStreamGone(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('InvalidStreamState');
}

function codeIn(error: unknown, pattern: RegExp): number | undefined {
  const match = error instanceof Error ? pattern.exec(error.message) : null;
  return match === null ? undefined : Number(match[1]);
}
