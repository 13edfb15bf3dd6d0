import { expect } from 'chai';
import * as v from 'valibot';
import { LIMITS } from '../../../src/base/index.js';
import {
  bidiStream,
  type Caller,
  clientStream,
  defineService,
  type Handlers,
  type InputOf,
  implement,
  type MethodRef,
  type OutputOf,
  serverStream,
  serviceClient,
  unary,
} from '../../../src/rpc/index.js';

const Text = defineService('demo.text', {
  count: unary<{ text: string }, { total: number }>({ idempotent: true }),
  words: serverStream<string, string>(),
  join: clientStream<string, { joined: string }>(),
  echo: bidiStream<number, number>(),
  checked: unary({ input: v.object({ age: v.number() }), output: v.string() }),
});

const handlers: Handlers<typeof Text.methods> = {
  count: ({ text }) => ({ total: text.length }),
  async *words(text) {
    yield* text.split(' ');
  },
  async join(parts) {
    let joined = '';
    for await (const part of parts) joined += part;
    return { joined };
  },
  async *echo(numbers) {
    for await (const number of numbers) yield number;
  },
  checked: ({ age }) => `${age.toFixed(0)}`,
};

/** Compiles only when both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

describe('a service definition', () => {
  it('gives handlers and clients their types (checked by the compiler)', () => {
    type Definitions = typeof Text.methods;
    true satisfies Same<InputOf<Definitions['count']>, { text: string }>;
    true satisfies Same<OutputOf<Definitions['count']>, { total: number }>;
    true satisfies Same<InputOf<Definitions['checked']>, { age: number }>;
    true satisfies Same<OutputOf<Definitions['checked']>, string>;
    const neverCalled = (client: ReturnType<typeof serviceClient<Definitions, object>>) => {
      client.count({ text: 'a' }, { timeoutMs: 1 }) satisfies Promise<{ total: number }>;
      client.words('a') satisfies AsyncIterable<string>;
      client.join(['a', 'b']) satisfies Promise<{ joined: string }>;
      client.echo([1, 2]) satisfies AsyncIterable<number>;
      client.checked({ age: 1 }) satisfies Promise<string>;
      // @ts-expect-error the input has another type
      void client.count({ text: 1 });
      // @ts-expect-error a field is missing
      void client.count({});
      // @ts-expect-error no such method
      void client.unknown({});
      // @ts-expect-error the schema says number
      void client.checked({ age: 'old' });
      // @ts-expect-error a stream is no promise
      client.words('a') satisfies Promise<unknown>;
      // @ts-expect-error one message where a stream is asked for
      void client.join(1);
    };
    expect(neverCalled).to.be.a('function');
    // @ts-expect-error a handler that returns another type
    const wrong: Handlers<Definitions> = { ...handlers, count: () => ({ total: 'many' }) };
    // @ts-expect-error a handler is missing
    const partial: Handlers<Definitions> = { count: handlers.count };
    expect([wrong, partial]).to.have.length(2);
  });

  it('refuses names that are no identifiers or too long', () => {
    for (const name of ['', 'a b', 'a..b', '.a', 'a.', '1a', 'ä', 'a-b', 'a.1']) {
      expect(() => defineService(name, {}), name)
        .to.throw()
        .with.property('code', 'SERVICE_INVALID');
    }
    for (const method of ['', 'a b', 'a.b', '1', 'a-b', 'x'.repeat(LIMITS.methodNameBytesMax)]) {
      expect(() => defineService('s', { [method]: unary() }), method)
        .to.throw()
        .with.property('code', 'SERVICE_INVALID');
    }
    expect(defineService('a.b_c.D1', { e_1: unary() }).name).to.equal('a.b_c.D1');
  });

  it('is implemented by exactly its methods', () => {
    expect(Object.keys(implement(Text, handlers).handlers)).to.deep.equal(Object.keys(Text.methods));
    const { count, ...rest } = handlers;
    expect(() => implement(Text, rest as typeof handlers))
      .to.throw(/no handler for count/)
      .with.property('code', 'SERVICE_INVALID');
    expect(() => implement(Text, { ...handlers, extra: count } as typeof handlers))
      .to.throw(/extra belongs to no method/)
      .with.property('code', 'SERVICE_INVALID');
    expect(() => implement(Text, { ...handlers, count: 1 } as unknown as typeof handlers)).to.throw(
      /no handler for count/,
    );
  });

  it('does not take inherited properties for methods', () => {
    const Odd = defineService('odd', { toString: unary<null, string>() });
    expect(() => implement(Odd, { toString: 1 } as never)).to.throw(/no handler for toString/);
    const extra = { count: handlers.count, hasOwnProperty: handlers.count };
    const One = defineService('one', { count: unary<{ text: string }, { total: number }>() });
    expect(() => implement(One, extra as never)).to.throw(/hasOwnProperty belongs to no method/);
  });

  it('keeps `this` for handlers that are methods of an object', () => {
    class Counter {
      private total = 5;
      add(by: number): number {
        this.total += by;
        return this.total;
      }
    }
    const Count = defineService('count', { add: unary<number, number>() });
    const counter = new Counter();
    const { add } = implement(Count, { add: counter.add.bind(counter) }).handlers;
    expect(add?.(2, undefined as never)).to.equal(7);
    const literal = {
      add(by: number) {
        return by + (this === literal ? 3 : 0);
      },
    };
    expect(implement(Count, literal).handlers.add?.(2, undefined as never)).to.equal(5);
  });

  it('calls its caller by kind, with name and definition', () => {
    const calls: [string, string, unknown][] = [];
    const note = (how: string) => (method: MethodRef, input: unknown) => {
      calls.push([how, method.name, input]);
      return undefined as never;
    };
    const caller: Caller = {
      unary: note('unary'),
      serverStream: note('serverStream'),
      clientStream: note('clientStream'),
      bidiStream: note('bidiStream'),
    };
    const client = serviceClient(Text, caller);
    void client.count({ text: 'a' });
    client.words('b');
    void client.join(['c']);
    client.echo([4]);
    expect(calls).to.deep.equal([
      ['unary', 'demo.text.count', { text: 'a' }],
      ['serverStream', 'demo.text.words', 'b'],
      ['clientStream', 'demo.text.join', ['c']],
      ['bidiStream', 'demo.text.echo', [4]],
    ]);
  });
});
