import type { MetadataEntry, TransactionResult, TxnOperationResult } from '../../index.js';
import { withDirectors } from '../connect-client.js';
import { EXIT_OK } from '../failure.js';
import { print, printJson } from '../output.js';
import { readJson } from '../read-input.js';
import { entryJson, entryLine } from './entry-format.js';
import type { KvFlags } from './kv-options.js';
import { parseTransaction } from './parse-transaction.js';

/** `kv txn`: says which branch was carried out, and what its operations gave. */
export async function runTransaction(document: string, flags: KvFlags): Promise<number> {
  const transaction = parseTransaction(await readJson(document));
  const result = await withDirectors(flags, ({ metadata }) => metadata.txn(transaction, { timeoutMs: flags.timeout }));
  if (flags.json) printJson({ ...result, results: result.results.map(resultJson) });
  else print(formatResult(result));
  return EXIT_OK;
}

function formatResult({ succeeded, revision, results }: TransactionResult): string {
  const head = `${succeeded ? 'succeeded' : 'not succeeded'}, revision ${revision}`;
  return [head, ...results.flatMap(resultLines)].join('\n');
}

function resultLines(result: TxnOperationResult): string[] {
  switch (result.type) {
    case 'put':
      return ['put', ...previousLines(result.previous === undefined ? [] : [result.previous])];
    case 'delete':
      return [`deleted ${result.deleted}`, ...previousLines(result.previous)];
    case 'get':
      return [`got ${result.items.length} of ${result.count}`, ...result.items.map((item) => `  ${entryLine(item)}`)];
  }
}

function previousLines(entries: readonly MetadataEntry[]): string[] {
  return entries.map((entry) => `  was ${entryLine(entry)}`);
}

function resultJson(result: TxnOperationResult): unknown {
  switch (result.type) {
    case 'put':
      return { type: 'put', ...(result.previous === undefined ? {} : { previous: entryJson(result.previous) }) };
    case 'delete':
      return { ...result, previous: result.previous.map((entry) => entryJson(entry)) };
    case 'get':
      return { ...result, items: result.items.map((entry) => entryJson(entry)) };
  }
}
