import { expect } from 'chai';
import * as v from 'valibot';
import { RpcError } from '../../../src/base/index.js';
import {
  bidiStream,
  type CallContext,
  clientStream,
  defineService,
  type Handlers,
  implement,
  serverStream,
  serviceClient,
} from '../../../src/rpc/index.js';
import { collect, failureOf, Gate, onBothTransports } from './world.js';

const Streams = defineService('streams', {
  count: serverStream<{ to: number; sizeBytes?: number }, Buffer | number>(),
  forever: serverStream<null, number>(),
  failing: serverStream<number, number>(),
  nothing: serverStream<null, number>(),
  headers: serverStream<number, number>(),
  checked: serverStream({ input: v.string(), output: v.number() }),
  sum: clientStream<number, number>(),
  first: clientStream<number, number>(),
  upload: clientStream<Buffer, number>(),
  checkedSum: clientStream({ input: v.number(), output: v.number() }),
  chat: bidiStream<string, string>(),
  ignore: bidiStream<number, number>(),
});

class Server {
  produced = 0;
  consumed = 0;
  readonly finished: string[] = [];
  readonly contexts: CallContext[] = [];
  readonly aborts: RpcError[] = [];
  readonly failures: unknown[] = [];
  readonly gate = new Gate();
  readonly slow = { ms: 0 };

  private watch(context: CallContext): void {
    this.contexts.push(context);
    context.signal.addEventListener('abort', () => this.aborts.push(context.signal.reason as RpcError));
  }

  readonly handlers: Handlers<typeof Streams.methods> = (() => {
    const self = this;
    return {
      async *count({ to, sizeBytes }, context) {
        self.watch(context);
        try {
          for (let i = 0; i < to; i++) {
            self.produced++;
            yield sizeBytes === undefined ? i : Buffer.alloc(sizeBytes, i);
          }
        } finally {
          self.finished.push('count');
        }
      },
      async *forever(_, context) {
        self.watch(context);
        try {
          for (let i = 0; ; i++) {
            yield i;
            await self.gate.promise;
          }
        } finally {
          self.finished.push('forever');
        }
      },
      async *failing(after) {
        for (let i = 0; i < after; i++) yield i;
        throw new Error('secret');
      },
      async *nothing(_, context) {
        context.setHeader('kind', 'empty');
        yield* [];
      },
      async *headers(count, context) {
        context.setHeader('Count', `${count}`);
        if (count < 0) context.setHeader('bad', 5 as unknown as string);
        for (let i = 0; i < Math.abs(count); i++) yield i;
      },
      async *checked(text) {
        yield text.length;
        yield 'wrong' as unknown as number;
      },
      async sum(numbers, context) {
        self.watch(context);
        let sum = 0;
        try {
          for await (const number of numbers) {
            self.consumed++;
            sum += number;
          }
        } catch (error) {
          self.failures.push(error);
          throw error;
        } finally {
          self.finished.push('sum');
        }
        return sum;
      },
      async first(numbers) {
        for await (const number of numbers) return number;
        return -1;
      },
      async upload(parts, context) {
        self.watch(context);
        let bytes = 0;
        for await (const part of parts) {
          self.consumed++;
          bytes += part.length;
          await self.gate.promise;
        }
        return bytes;
      },
      async checkedSum(numbers) {
        let sum = 0;
        for await (const number of numbers) sum += number;
        return sum;
      },
      async *chat(lines, context) {
        self.watch(context);
        try {
          for await (const line of lines) yield line.toUpperCase();
        } finally {
          self.finished.push('chat');
        }
      },
      async *ignore(_numbers) {
        yield 1;
        yield 2;
      },
    };
  })();
}

onBothTransports('streaming calls', (world) => {
  let server: Server;

  function setUp(options: Parameters<ReturnType<typeof world>['serve']>[1] = {}) {
    server = new Server();
    world().serve(implement(Streams, server.handlers), options);
    const channel = world().channel();
    return { channel, client: serviceClient(Streams, channel) };
  }

  async function idle(channel: { readonly inFlight: number }): Promise<void> {
    await world().until('all calls to end', () => channel.inFlight + world().rpc.inFlight === 0);
  }

  async function errorOf(promise: Promise<unknown>): Promise<RpcError> {
    const error = await world().run(failureOf(promise));
    expect(error).to.be.instanceOf(RpcError);
    return error as RpcError;
  }

  it('deliver every message of a server stream in order, then end', async () => {
    const { client, channel } = setUp();
    const all = await world().run(collect(client.count({ to: 3_000 })));
    expect(all).to.deep.equal(Array.from({ length: 3_000 }, (_, i) => i));
    expect(await world().run(collect(client.count({ to: 0 })))).to.deep.equal([]);
    await idle(channel);
    expect(world().rpc.counters).to.include({ callsStarted: 2, callsSucceeded: 2, callsFailed: 0, callsCancelled: 0 });
  });

  it('take a client stream from async and plain iterables', async () => {
    const { client } = setUp();
    const numbers = Array.from({ length: 500 }, (_, i) => i);
    expect(await world().run(client.sum(numbers))).to.equal(124_750);
    async function* later() {
      for (const number of numbers) yield number;
    }
    expect(await world().run(client.sum(later()))).to.equal(124_750);
    expect(await world().run(client.sum([]))).to.equal(0);
  });

  it('go both ways at once, each message answered before the next is sent', async () => {
    const { client, channel } = setUp();
    const answers: string[] = [];
    let next = new Gate<string | undefined>();
    async function* lines() {
      for (;;) {
        const line = await next.promise;
        if (line === undefined) return;
        next = new Gate();
        yield line;
      }
    }
    await world().run(async () => {
      next.open('a');
      for await (const answer of client.chat(lines())) {
        answers.push(answer);
        next.open(answers.length < 5 ? `line ${answers.length}` : undefined);
      }
    });
    expect(answers).to.deep.equal(['A', 'LINE 1', 'LINE 2', 'LINE 3', 'LINE 4']);
    await idle(channel);
  });

  it('answer without reading what the client sends', async () => {
    const { client, channel } = setUp();
    let left = false;
    async function* endless() {
      try {
        for (let i = 0; ; i++) yield i;
      } finally {
        left = true;
      }
    }
    expect(await world().run(collect(client.ignore(endless())))).to.deep.equal([1, 2]);
    await world().until('the client’s iterable to be left', () => left);
    left = false;
    expect(await world().run(client.first(endless()))).to.equal(0);
    await world().until('the client’s iterable to be left', () => left);
    await idle(channel);
  });

  it('deliver what came before a failure, then the failure', async () => {
    const { client, channel } = setUp();
    const got: number[] = [];
    const error = await errorOf(
      (async () => {
        for await (const number of client.failing(3)) got.push(number);
      })(),
    );
    expect(got).to.deep.equal([0, 1, 2]);
    expect(error).to.include({ reason: 'HANDLER_FAILED', maybeExecuted: true });
    expect(error.message).to.not.include('secret');
    await idle(channel);
  });

  it('send headers before the first message, or at the end when there is none', async () => {
    const { client } = setUp();
    const seen: unknown[] = [];
    const options = { onHeaders: (headers: unknown) => seen.push(headers) };
    await world().run(collect(client.headers(2, options)));
    await world().run(collect(client.headers(0, options)));
    await world().run(collect(client.nothing(null, options)));
    expect(seen).to.deep.equal([{ count: '2' }, { count: '0' }, { kind: 'empty' }]);
    for (const count of [-1, -3]) {
      const error = await errorOf(collect(client.headers(count, options)));
      expect(error).to.include({ reason: 'OUTPUT_INVALID', maybeExecuted: true });
    }
  });

  it('check messages against schemas', async () => {
    const { client } = setUp();
    const wrong = await errorOf(collect(client.checked(5 as unknown as string)));
    expect(wrong).to.include({ reason: 'INPUT_INVALID', maybeExecuted: false });
    expect((await errorOf(collect(client.checked('text')))).reason).to.equal('OUTPUT_INVALID');
    expect(await world().run(client.checkedSum([1, 2]))).to.equal(3);
    const later = await errorOf(client.checkedSum([1, 'two' as unknown as number]));
    expect(later, 'its handler has begun').to.include({ reason: 'INPUT_INVALID', maybeExecuted: true });
  });

  it('do nothing until the first message is asked for', async () => {
    const { client, channel } = setUp();
    client.count({ to: 5 });
    expect(channel.state).to.equal('idle');
    const iterator = client.count({ to: 5 })[Symbol.asyncIterator]();
    await world().run(async () => iterator.return?.());
    expect(await world().run(iterator.next())).to.deep.equal({ value: undefined, done: true });
    expect(server.produced).to.equal(0);
  });

  it('let a slow reader hold back the producer', async () => {
    const { client, channel } = setUp();
    const sizeBytes = 16 * 1024;
    const iterator = client.count({ to: 10_000, sizeBytes })[Symbol.asyncIterator]();
    await world().run(iterator.next());
    let before = -1;
    while (server.produced !== before) {
      before = server.produced;
      await world().run(pauseOf(world()));
    }
    const aheadBytes = server.produced * sizeBytes;
    expect(aheadBytes, 'ahead of one message read').to.be.below(24 * 1024 * 1024);
    for (let i = 0; i < 1_500; i++) await world().run(iterator.next());
    await world().until('the producer to go on', () => server.produced > before + 500);
    await world().run(async () => iterator.return?.());
    await idle(channel);
    expect(server.finished).to.deep.equal(['count']);
    expect(server.produced).to.be.below(10_000);
  });

  it('let a slow handler hold back the client', async () => {
    const { client, channel } = setUp();
    let sent = 0;
    const part = Buffer.alloc(16 * 1024);
    async function* parts() {
      for (; sent < 3_000; sent++) yield part;
    }
    const call = client.upload(parts());
    await world().until('the first message', () => server.consumed === 1);
    let before = -1;
    while (sent !== before) {
      before = sent;
      await world().run(pauseOf(world()));
    }
    expect(sent * part.length, 'ahead of one message read').to.be.below(24 * 1024 * 1024);
    server.gate.open();
    expect(await world().run(call)).to.equal(3_000 * part.length);
    await idle(channel);
  });

  it('reach the handler’s finally and its signal when the caller leaves the loop', async () => {
    const { client, channel } = setUp();
    await world().run(async () => {
      for await (const number of client.forever(null)) if (number === 0) break;
    });
    await world().until('the handler’s signal', () => server.aborts.length > 0);
    expect(server.aborts[0]?.reason).to.equal('CANCELLED_BY_CALLER');
    expect(channel.inFlight).to.equal(0);
    expect(world().rpc.inFlight).to.equal(1);
    server.gate.open();
    await idle(channel);
    expect(server.finished).to.deep.equal(['forever']);
    expect(world().rpc.counters).to.include({ callsCancelled: 1, callsSucceeded: 0, callsFailed: 0 });
  });

  it('reach the handler when the caller aborts, and fail the loop', async () => {
    const { client, channel } = setUp();
    const controller = new AbortController();
    const got: number[] = [];
    const loop = errorOf(
      (async () => {
        for await (const number of client.forever(null, { signal: controller.signal })) {
          got.push(number);
          controller.abort();
        }
      })(),
    );
    expect(await loop).to.include({ code: 'CANCELLED', reason: 'CANCELLED_BY_CALLER' });
    expect(got).to.deep.equal([0]);
    await world().until('the handler’s signal', () => server.aborts.length > 0);
    server.gate.open();
    await idle(channel);
  });

  it('end with their deadline on both sides, whichever clock is first', async () => {
    const { client, channel } = setUp();
    const error = await errorOf(collect(client.forever(null, { timeoutMs: 60 })));
    expect(error).to.include({ code: 'DEADLINE_EXCEEDED', reason: 'DEADLINE' });
    await world().until('the handler’s signal', () => server.aborts.length > 0);
    expect(['DEADLINE', 'CANCELLED_BY_CALLER']).to.include(server.aborts[0]?.reason);
    expect(channel.inFlight).to.equal(0);
    server.gate.open();
    await idle(channel);
    const { callsCancelled, callsFailed } = world().rpc.counters;
    expect(callsCancelled + callsFailed, 'counted once').to.equal(1);
  });

  it('have no deadline of their own', async () => {
    const { client } = setUp();
    const iterator = client.forever(null)[Symbol.asyncIterator]();
    await world().run(iterator.next());
    expect(server.contexts[0]?.deadline).to.equal(undefined);
    await world().run(async () => iterator.return?.());
    server.gate.open();
  });

  it('fail with the error of the caller’s iterable, which the handler hears of', async () => {
    const { client, channel } = setUp();
    const gate = new Gate();
    async function* broken() {
      yield 1;
      await gate.promise;
      throw new Error('mine');
    }
    const call = errorOf(client.sum(broken()));
    await world().until('the handler to read', () => server.consumed === 1);
    gate.open();
    const error = await call;
    expect(error.message).to.equal('mine');
    await idle(channel);
    expect(server.finished).to.deep.equal(['sum']);
    expect((server.failures[0] as RpcError).reason).to.equal('CANCELLED_BY_CALLER');
  });

  it('fail with the first message that has no encoding', async () => {
    const { client, channel } = setUp();
    const second = await errorOf(client.sum([1, Symbol('s') as unknown as number]));
    expect(second, 'its handler may have begun').to.include({ reason: 'INPUT_INVALID', maybeExecuted: true });
    expect((await errorOf(collect(client.count(Symbol('s') as never)))).reason).to.equal('INPUT_INVALID');
    await idle(channel);
  });

  it('reach their handlers when the connection ends', async () => {
    const { client, channel } = setUp();
    const reading = collect(client.forever(null));
    const gate = new Gate();
    async function* waiting() {
      yield 1;
      await gate.promise;
    }
    const writing = client.sum(waiting());
    const failures = Promise.all([failureOf(reading), failureOf(writing)]);
    await world().until('both handlers', () => server.contexts.length === 2 && server.consumed === 1);
    for (const connection of world().serverEndpoint.connections()) connection.close(0, 'gone');
    for (const error of await world().run(failures)) {
      expect(error).to.include({ reason: 'CONNECTION_LOST', maybeExecuted: true, retryable: true });
    }
    await world().until('both signals', () => server.aborts.length === 2);
    for (const reason of server.aborts) expect(reason.reason).to.equal('CONNECTION_LOST');
    server.gate.open();
    gate.open();
    await idle(channel);
    expect(server.finished.sort()).to.deep.equal(['forever', 'sum']);
  });

  it('carry messages of 3 MB, and refuse those that are larger than allowed', async () => {
    const { client, channel } = setUp();
    const large = await world().run(collect(client.count({ to: 2, sizeBytes: 3_000_000 })));
    expect(large.map((part) => (part as Buffer).length)).to.deep.equal([3_000_000, 3_000_000]);
    server.gate.open();
    expect(await world().run(client.upload([Buffer.alloc(3_000_000)]))).to.equal(3_000_000);
    const reply = await errorOf(collect(client.count({ to: 1, sizeBytes: 5_000_000 })));
    expect(reply).to.include({ reason: 'MESSAGE_TOO_LARGE', maybeExecuted: true });
    const request = await errorOf(client.upload([Buffer.alloc(5_000_000)]));
    expect(request, 'its handler may have begun').to.include({ reason: 'MESSAGE_TOO_LARGE', maybeExecuted: true });
    await idle(channel);
  });

  it('run hundreds at a time beside each other', async () => {
    const { client, channel } = setUp();
    const sums = Array.from({ length: 300 }, (_, i) => client.sum([i, 1]));
    expect(await world().run(Promise.all(sums))).to.deep.equal(Array.from({ length: 300 }, (_, i) => i + 1));
    await idle(channel);
  });

  it('refuse a second next() while one waits, without harm to it', async () => {
    const { client } = setUp();
    const iterator = client.forever(null)[Symbol.asyncIterator]();
    await world().run(iterator.next());
    const waiting = iterator.next();
    expect((await errorOf(iterator.next())).reason).to.equal('INPUT_INVALID');
    server.gate.open();
    expect(await world().run(waiting)).to.deep.equal({ value: 1, done: false });
    await world().run(async () => iterator.return?.());
  });
});

/** Long enough that everything that can move has moved. */
function pauseOf({ clock }: { readonly clock: { setTimer(ms: number, fire: () => void): unknown } }): Promise<void> {
  return new Promise((resolve) => clock.setTimer(150, resolve));
}
