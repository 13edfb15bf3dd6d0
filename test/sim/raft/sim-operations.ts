import { type Comparison, type KeyValue, type KvAnswer, type KvCommand, singleKey } from '../../../src/kv/index.js';
import type { KvInput, KvOutput } from '../../../src/testing/index.js';

/** The store's command for an operation of the history. */
export function commandOf(key: string, input: Exclude<KvInput, { type: 'get' }>): KvCommand {
  if (input.type === 'delete') return { type: 'delete', range: singleKey(key), returnPrevious: false };
  const put = { type: 'put', key, value: Buffer.from(input.value), lease: 0, returnPrevious: true } as const;
  if (input.type === 'put') return put;
  const compare: Comparison =
    input.expected === undefined
      ? { target: 'exists', key, operand: false }
      : { target: 'value', key, operator: '=', operand: Buffer.from(input.expected) };
  const range = singleKey(key);
  const get = { type: 'range', range, limit: 1, revision: 0, keysOnly: false, countOnly: false } as const;
  return { type: 'txn', compare: [compare], thenOps: [put], elseOps: [get] };
}

/** What the store's answer says to it. */
export function outputOf(input: KvInput, answer: KvAnswer): KvOutput {
  if (input.type === 'put' && answer.type === 'put')
    return { type: 'written', before: { value: textOf(answer.previous) } };
  if (input.type === 'delete' && answer.type === 'delete') return { type: 'deleted', existed: answer.deleted > 0 };
  if (input.type === 'cas' && answer.type === 'txn') {
    const [reply] = answer.replies;
    if (answer.succeeded) return { type: 'swapped' };
    if (reply?.type === 'range') return { type: 'notSwapped', value: textOf(reply.items[0]) };
  }
  throw new Error(`${JSON.stringify(answer)} is no answer to ${input.type}`);
}

function textOf(item: KeyValue | undefined): string | undefined {
  return item === undefined ? undefined : Buffer.from(item.value).toString();
}
