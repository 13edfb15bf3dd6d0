/** A signal that is aborted with the first of several, until it is unlinked from them. */
export interface LinkedSignal {
  readonly signal: AbortSignal;
  unlink(): void;
}

/** Like `AbortSignal.any`, which leaves something behind at each source for ever: these sources outlive many watches. */
export function linkSignals(...sources: readonly AbortSignal[]): LinkedSignal {
  const controller = new AbortController();
  const unlink = (): void => {
    for (const source of sources) source.removeEventListener('abort', onAbort);
  };
  const onAbort = (): void => {
    unlink();
    controller.abort(sources.find((source) => source.aborted)?.reason);
  };
  for (const source of sources) source.addEventListener('abort', onAbort);
  if (sources.some((source) => source.aborted)) onAbort();
  return { signal: controller.signal, unlink };
}
