import type { KeySelector } from '../../index.js';
import { withDirectors } from '../connect-client.js';
import { EXIT_OK, UsageError } from '../failure.js';
import { print, printJson } from '../output.js';
import { readBytes } from '../read-input.js';
import type { KvFlags } from './kv-options.js';

export interface PutFlags extends KvFlags {
  readonly lease?: number;
}

export interface DeleteFlags extends KvFlags {
  readonly prefix?: string;
}

/** `kv put`: prints the revision of the change. */
export async function runPut(key: string, text: string, flags: PutFlags): Promise<number> {
  const value = text === '-' ? await readBytes() : text;
  const { timeout: timeoutMs, lease: ttlMs, json } = flags;
  const { revision, lease } = await withDirectors(flags, async ({ metadata }) => {
    // Nobody keeps it alive once this process has ended.
    const granted = ttlMs === undefined ? undefined : await metadata.lease(ttlMs, { timeoutMs });
    const result = await metadata.put(key, value, { timeoutMs, lease: granted });
    return { revision: result.revision, lease: granted?.id };
  });
  if (json) printJson({ revision, ...(lease === undefined ? {} : { lease }) });
  else print(`revision ${revision}`);
  return EXIT_OK;
}

/** `kv del`: prints how many keys there were. */
export async function runDelete(key: string | undefined, flags: DeleteFlags): Promise<number> {
  const keys = deletionOf(key, flags);
  const { deleted, revision } = await withDirectors(flags, ({ metadata }) =>
    metadata.delete(keys, { timeoutMs: flags.timeout }),
  );
  if (flags.json) printJson({ deleted, revision });
  else print(String(deleted));
  return EXIT_OK;
}

function deletionOf(key: string | undefined, { prefix }: DeleteFlags): KeySelector {
  if (key !== undefined && prefix !== undefined) throw new UsageError("KEY cannot be used with option '--prefix'");
  if (key !== undefined) return key;
  if (prefix === undefined) throw new UsageError("name a KEY, or keys with option '--prefix'");
  if (prefix === '')
    throw new UsageError("option '--prefix' is empty, which is every key there is: name what they begin with");
  return { prefix };
}
