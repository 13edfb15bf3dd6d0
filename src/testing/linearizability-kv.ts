import {
  checkLinearizable,
  type LinearizabilityOptions,
  type LinearizabilityResult,
  type Operation,
  type SequentialModel,
} from './linearizability.js';

/** What was asked of one key of a key-value store. `undefined` as a value: the key does not exist. */
export type KvInput =
  | { readonly type: 'get' }
  | { readonly type: 'put'; readonly value: string }
  | { readonly type: 'delete' }
  /** Sets the key to `value` if it is `expected`. */
  | { readonly type: 'cas'; readonly expected: string | undefined; readonly value: string };

/** What was answered. `before`: the value that was there, where the answer says so. */
export type KvOutput =
  | { readonly type: 'got'; readonly value: string | undefined }
  | { readonly type: 'written'; readonly before?: { readonly value: string | undefined } }
  | { readonly type: 'deleted'; readonly existed: boolean }
  | { readonly type: 'swapped' }
  | { readonly type: 'notSwapped'; readonly value: string | undefined };

export interface KvOperation extends Operation<KvInput, KvOutput> {
  readonly key: string;
}

/** `undecided`: no key is wrong, and for some the search was given up. */
export interface KvHistoryResult {
  readonly verdict: 'linearizable' | 'violated' | 'undecided';
  /** The keys that are wrong or were given up. */
  readonly keys: readonly string[];
  /** For people: the history of the first wrong key with the place where it goes wrong; empty otherwise. */
  readonly explanation: string;
}

/**
 * Whether the history of a key-value store is linearizable, key by key. Values that are written should differ from one
 * another: equal ones hide mistakes. `stepsMax` counts for each key.
 */
export function checkKvHistory(history: readonly KvOperation[], options: LinearizabilityOptions = {}): KvHistoryResult {
  const byKey = new Map<string, KvOperation[]>();
  for (const operation of history) {
    // A read whose answer never came says nothing.
    if (operation.input.type === 'get' && operation.output === undefined) continue;
    const ofKey = byKey.get(operation.key);
    if (ofKey === undefined) byKey.set(operation.key, [operation]);
    else ofKey.push(operation);
  }
  const undecided: string[] = [];
  for (const [key, operations] of byKey) {
    const result = checkLinearizable(operations, KV_MODEL, options);
    if (result.verdict === 'violated') {
      return { verdict: 'violated', keys: [key], explanation: explain(key, operations, result) };
    }
    if (result.verdict === 'undecided') undecided.push(key);
  }
  return { verdict: undecided.length > 0 ? 'undecided' : 'linearizable', keys: undecided, explanation: '' };
}

/** One key. */
export const KV_MODEL: SequentialModel<string | undefined, KvInput, KvOutput> = {
  initial: undefined,
  step(state, input, output) {
    switch (input.type) {
      case 'get':
        return output === undefined || (output.type === 'got' && output.value === state) ? { state } : undefined;
      case 'put':
        return output === undefined || isWritten(output, state) ? { state: input.value } : undefined;
      case 'delete':
        return output === undefined || (output.type === 'deleted' && output.existed === (state !== undefined))
          ? { state: undefined }
          : undefined;
      default:
        return swap(state, input, output);
    }
  },
  keyOf: (state) => (state === undefined ? '' : `=${state}`),
};

function isWritten(output: KvOutput, state: string | undefined): boolean {
  return output.type === 'written' && (output.before === undefined || output.before.value === state);
}

function swap(
  state: string | undefined,
  { expected, value }: Extract<KvInput, { type: 'cas' }>,
  output: KvOutput | undefined,
): { readonly state: string | undefined } | undefined {
  if (state === expected) return output === undefined || output.type === 'swapped' ? { state: value } : undefined;
  if (output === undefined) return { state };
  return output.type === 'notSwapped' && output.value === state ? { state } : undefined;
}

type Violation = Extract<LinearizabilityResult<KvInput, KvOutput>, { verdict: 'violated' }>;

/** The operations around the place where every order ends. */
function explain(key: string, operations: readonly KvOperation[], { linearized, stuck }: Violation): string {
  const places = new Map(linearized.map((operation, at) => [operation, at + 1]));
  const stuckSince = Math.min(...stuck.map((operation) => operation.invokedAt));
  const isNear = (one: KvOperation) => one.output === undefined || one.returnedAt >= stuckSince;
  const isRecent = (one: KvOperation) => (places.get(one) ?? 0) > places.size - PLACES_SHOWN;
  const lines = operations
    .filter((one) => isNear(one) || isRecent(one))
    .sort((a, b) => a.invokedAt - b.invokedAt)
    .slice(0, LINES_MAX)
    .map((one) => {
      const place = stuck.includes(one) ? 'stuck' : `${places.has(one) ? '#' : ''}${places.get(one) ?? ''}`;
      const call = `client ${one.client} ${timesOf(one)} ${describeInput(one.input)} -> ${describeOutput(one.output)}`;
      return `  ${place.padEnd(6)} ${call}`;
    });
  const head = `key ${JSON.stringify(key)} is not linearizable (#: place in the longest order that works)`;
  return [head, ...lines].join('\n');
}

function timesOf({ invokedAt, returnedAt, output }: KvOperation): string {
  return `${invokedAt.toFixed(1)}..${output === undefined ? '?' : returnedAt.toFixed(1)}`;
}

function describeInput(input: KvInput): string {
  switch (input.type) {
    case 'put':
      return `put ${input.value}`;
    case 'cas':
      return `cas ${input.expected ?? 'absent'} to ${input.value}`;
    default:
      return input.type;
  }
}

function describeOutput(output: KvOutput | undefined): string {
  if (output === undefined) return 'unknown';
  switch (output.type) {
    case 'got':
      return output.value ?? 'absent';
    case 'written':
      return output.before === undefined ? 'ok' : `ok, was ${output.before.value ?? 'absent'}`;
    case 'deleted':
      return output.existed ? 'deleted' : 'nothing to delete';
    case 'notSwapped':
      return `not swapped, is ${output.value ?? 'absent'}`;
    default:
      return output.type;
  }
}

const LINES_MAX = 40;
const PLACES_SHOWN = 8;
