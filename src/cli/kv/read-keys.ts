import type { KeySelector, Metadata, MetadataEntry, RangeKeysOptions } from '../../index.js';
import { withDirectors } from '../connect-client.js';
import { CommandFailure, EXIT_OK, UsageError } from '../failure.js';
import { print, printJson } from '../output.js';
import { entryJson, entryLine, oneLine } from './entry-format.js';
import { type ReadFlags, readOptions } from './kv-options.js';
import { type SelectionFlags, selectionOf } from './select-keys.js';

export interface RangeFlags extends ReadFlags, SelectionFlags {
  readonly limit?: number;
  readonly keysOnly: boolean;
  readonly count: boolean;
}

/** `kv get`: the value as it is, and a line end. */
export async function runGet(key: string, flags: ReadFlags): Promise<number> {
  const entry = await withDirectors(flags, ({ metadata }) => metadata.get(key, readOptions(flags)));
  if (entry === undefined) throw new CommandFailure(`there is no key ${JSON.stringify(key)}`, 'KEY_MISSING');
  if (flags.json) printJson(entryJson(entry));
  else {
    process.stdout.write(entry.value);
    process.stdout.write('\n');
  }
  return EXIT_OK;
}

/** `kv range`. */
export async function runRange(prefix: string | undefined, flags: RangeFlags): Promise<number> {
  const keys = selectionOf(prefix, flags);
  if (flags.count && (flags.keysOnly || flags.limit !== undefined)) {
    const other = flags.keysOnly ? 'keys-only' : 'limit';
    throw new UsageError(`option '--count' cannot be used with option '--${other}'`);
  }
  return await withDirectors(flags, async ({ metadata }) => {
    if (flags.count) return await printCount(metadata, keys, flags);
    const { limit, keysOnly } = flags;
    return await printPages(metadata, keys, { ...readOptions(flags), limit, keysOnly }, flags.json);
  });
}

async function printCount(metadata: Metadata, keys: KeySelector, flags: RangeFlags): Promise<number> {
  const count = await metadata.count(keys, readOptions(flags));
  if (flags.json) printJson({ count });
  else print(String(count));
  return EXIT_OK;
}

/** Lines as they come; JSON as one document at the end. */
async function printPages(
  metadata: Metadata,
  keys: KeySelector,
  options: RangeKeysOptions,
  json: boolean,
): Promise<number> {
  const { keysOnly = false } = options;
  const collected: MetadataEntry[] = [];
  let end = { revision: 0, more: false };
  for await (const { items, revision, more } of metadata.pages(keys, options)) {
    end = { revision, more };
    if (json) collected.push(...items);
    else for (const item of items) print(keysOnly ? oneLine(item.key) : entryLine(item));
  }
  if (json) printJson({ items: collected.map((item) => entryJson(item, keysOnly)), ...end });
  return EXIT_OK;
}
