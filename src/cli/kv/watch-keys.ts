import { withDirectors } from '../connect-client.js';
import { EXIT_OK } from '../failure.js';
import { print, printError, printJson } from '../output.js';
import type { ConnectFlags, JsonFlags } from '../shared-options.js';
import { eventJson, eventLine } from './entry-format.js';
import { type SelectionFlags, selectionOf } from './select-keys.js';

export interface WatchFlags extends ConnectFlags, JsonFlags, SelectionFlags {
  readonly fromRevision?: number;
}

/** `kv watch`: prints changes until it is told to stop. */
export async function runWatch(prefix: string | undefined, flags: WatchFlags): Promise<number> {
  const keys = selectionOf(prefix, flags);
  const ending = new AbortController();
  const onSignal = (): void => ending.abort();
  for (const signal of SIGNALS) process.once(signal, onSignal);
  return await withDirectors(flags, async ({ metadata }) => {
    const watch = metadata.watch(keys, { fromRevision: flags.fromRevision, signal: ending.signal });
    try {
      // Not on stdout: that has changes only.
      printError(`flotilla: watching after revision ${await watch.ready()}`);
      for await (const event of watch) {
        if (flags.json) printJson(eventJson(event));
        else print(eventLine(event));
      }
    } catch (error) {
      if (!ending.signal.aborted) throw error;
    }
    return EXIT_OK;
  });
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
