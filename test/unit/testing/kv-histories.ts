import fc from 'fast-check';
import { KV_MODEL, type KvInput, type KvOperation, type KvOutput } from '../../../src/testing/index.js';

type Timed = Pick<KvOperation, 'invokedAt' | 'returnedAt'>;

export function get(value: string | undefined, at: Timed): KvOperation {
  return operation({ type: 'get' }, { type: 'got', value }, at);
}

export function put(value: string, at: Timed, before?: { readonly value: string | undefined }): KvOperation {
  return operation({ type: 'put', value }, { type: 'written', ...(before && { before }) }, at);
}

export function remove(existed: boolean, at: Timed): KvOperation {
  return operation({ type: 'delete' }, { type: 'deleted', existed }, at);
}

export function cas(expected: string | undefined, value: string, output: KvOutput, at: Timed): KvOperation {
  return operation({ type: 'cas', expected, value }, output, at);
}

/** The same call, whose caller never heard. */
export function unheard(known: KvOperation): KvOperation {
  return { ...known, output: undefined };
}

export function from(invokedAt: number, returnedAt: number): Timed {
  return { invokedAt, returnedAt };
}

export function operation(input: KvInput, output: KvOutput | undefined, { invokedAt, returnedAt }: Timed): KvOperation {
  return { client: invokedAt, key: 'k', input, output, invokedAt, returnedAt };
}

const VALUES = ['1', '2', '3', '4', '5', '6'];
const value = fc.constantFrom(...VALUES);
const expected = fc.option(value, { nil: undefined });
export const input: fc.Arbitrary<KvInput> = fc.oneof(
  fc.constant<KvInput>({ type: 'get' }),
  value.map((written): KvInput => ({ type: 'put', value: written })),
  fc.constant<KvInput>({ type: 'delete' }),
  fc.tuple(expected, value).map(([before, after]): KvInput => ({ type: 'cas', expected: before, value: after })),
);

/** What one key really did: each call took effect at one moment between its two times, in this order. */
export const realHistory: fc.Arbitrary<KvOperation[]> = fc
  .array(fc.record({ input, early: fc.nat(300), late: fc.nat(300), fate: fc.nat(9), key: fc.constantFrom('a', 'b') }), {
    minLength: 1,
    maxLength: 60,
  })
  .map((calls) => {
    const states = new Map<string, string | undefined>();
    return calls.flatMap(({ input: asked, early, late, fate, key }, at) => {
      const moment = at * 100;
      const state = states.get(key);
      const times = { client: at, key, input: asked, invokedAt: moment - early, returnedAt: moment + late };
      if (fate === 0) return [{ ...times, output: undefined }]; // it never took effect, and nobody heard
      states.set(key, KV_MODEL.step(state, asked, undefined)?.state);
      return [{ ...times, output: fate === 1 ? undefined : answerOf(state, asked) }];
    });
  });

/** What a key with this value answers. */
export function answerOf(state: string | undefined, asked: KvInput): KvOutput {
  switch (asked.type) {
    case 'get':
      return { type: 'got', value: state };
    case 'put':
      return { type: 'written', before: { value: state } };
    case 'delete':
      return { type: 'deleted', existed: state !== undefined };
    default:
      return asked.expected === state ? { type: 'swapped' } : { type: 'notSwapped', value: state };
  }
}

const some = fc.constantFrom(undefined, '1', '2');
const short: fc.Arbitrary<KvInput> = input.filter((asked) => !('value' in asked) || asked.value < '3');

/** Anything that fits the question: about half of it wrong. */
export const anyHistory: fc.Arbitrary<KvOperation[]> = fc.array(
  fc
    .record({ asked: short, state: some, isHeard: fc.boolean(), invokedAt: fc.nat(6), lasts: fc.nat(6) })
    .map(({ asked, state, isHeard, invokedAt, lasts }) =>
      operation(asked, isHeard ? answerOf(state, asked) : undefined, from(invokedAt, invokedAt + lasts)),
    ),
  { minLength: 1, maxLength: 6 },
);

/** Tries every order: what the search must agree with. */
export function isLinearizableByTrial(open: readonly KvOperation[], state: string | undefined = undefined): boolean {
  if (open.every((one) => one.output === undefined)) return true;
  return open.some((next) => {
    const others = open.filter((one) => one !== next);
    if (others.some((one) => one.output !== undefined && one.returnedAt < next.invokedAt)) return false;
    const after = KV_MODEL.step(state, next.input, next.output);
    return after !== undefined && isLinearizableByTrial(others, after.state);
  });
}
