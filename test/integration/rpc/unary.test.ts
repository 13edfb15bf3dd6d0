import { expect } from 'chai';
import * as v from 'valibot';
import { LIMITS, RPC_CODES, RpcError } from '../../../src/base/index.js';
import {
  type CallContext,
  defineService,
  type Handlers,
  implement,
  serviceClient,
  unary,
} from '../../../src/rpc/index.js';
import { failureOf, Gate, onBothTransports } from './world.js';

const Demo = defineService('demo', {
  echo: unary<unknown, unknown>({ idempotent: true }),
  later: unary<unknown, unknown>(),
  fail: unary<string, unknown>(),
  headers: unary<null, unknown>(),
  size: unary<number, Buffer>(),
  wait: unary<string, string>(),
  checked: unary({ input: v.object({ age: v.pipe(v.number(), v.maxValue(150)) }) }),
  checkedLater: unary({
    input: v.pipeAsync(
      v.string(),
      v.checkAsync(async (text) => text === 'good', 'not good'),
    ),
  }),
  wrongOutput: unary({ output: v.string() }),
});

class Server {
  readonly started: CallContext[] = [];
  readonly aborts: unknown[] = [];
  readonly gate = new Gate<string>();

  readonly handlers: Handlers<typeof Demo.methods> = {
    echo: (input) => input,
    later: async (input) => {
      await null;
      return input;
    },
    fail: (how) => {
      if (how === 'rpc') {
        throw new RpcError('NOT_FOUND', 'no such thing', {
          details: { id: 7 },
          retryable: false,
          maybeExecuted: false,
        });
      }
      if (how === 'string') return Promise.reject('secret string');
      if (how === 'symbol') return Symbol('s');
      if (how === 'later') return Promise.reject(new Error('secret error'));
      throw new Error('secret error', { cause: 'secret cause' });
    },
    headers: (_, context) => {
      context.setHeader('X-Reply', 'one');
      return context.headers;
    },
    size: (bytes) => Buffer.alloc(bytes, 1),
    wait: (_, context) => {
      this.started.push(context);
      context.signal.addEventListener('abort', () => this.aborts.push(context.signal.reason));
      return this.gate.promise;
    },
    checked: ({ age }) => age,
    checkedLater: (text) => text,
    wrongOutput: () => 5 as unknown as string,
  };

  readonly implementation = implement(Demo, this.handlers);
}

onBothTransports('unary calls', (world) => {
  let server: Server;

  function setUp(options: Parameters<ReturnType<typeof world>['serve']>[1] = {}) {
    server = new Server();
    world().serve(server.implementation, options);
    const channel = world().channel();
    return { channel, client: serviceClient(Demo, channel) };
  }

  async function errorOf(promise: Promise<unknown>): Promise<RpcError> {
    const error = await world().run(failureOf(promise));
    expect(error).to.be.instanceOf(RpcError);
    return error as RpcError;
  }

  it('return what a handler returns, at once or later, also nothing', async () => {
    const { client } = setUp();
    for (const value of [0, 'text', null, undefined, { a: [1, new Date(5), Buffer.from('b')] }, 2n ** 60n]) {
      expect(await world().run(client.echo(value))).to.deep.equal(value);
      expect(await world().run(client.later(value))).to.deep.equal(value);
    }
  });

  it('run many at a time, each with its own answer', async () => {
    const { client, channel } = setUp();
    const numbers = Array.from({ length: 2_000 }, (_, i) => i);
    const answers = numbers.map((i) => (i % 2 === 0 ? client.echo(i) : client.later(i)));
    expect(await world().run(Promise.all(answers))).to.deep.equal(numbers);
    expect(channel.inFlight).to.equal(0);
    expect(world().rpc.inFlight).to.equal(0);
    expect(world().rpc.counters).to.include({ callsStarted: 2_000, callsSucceeded: 2_000, callsFailed: 0 });
  });

  it('answer out of order', async () => {
    const { client } = setUp();
    const slow = client.wait('slow');
    expect(await world().run(client.echo('fast'))).to.equal('fast');
    server.gate.open('done');
    expect(await world().run(slow)).to.equal('done');
  });

  it('carry 3 MB both ways, each on a stream of its own', async () => {
    const { client, channel } = setUp();
    const bytes = Buffer.alloc(3 * 1024 * 1024, 'flotilla');
    const answer = (await world().run(client.echo(bytes))) as Buffer;
    expect(answer.equals(bytes)).to.equal(true);
    expect((await world().run(client.size(3_000_000))).length).to.equal(3_000_000);
    expect(channel.inFlight + world().rpc.inFlight).to.equal(0);
  });

  it('carry messages of every size around what a lane takes', async () => {
    const { client } = setUp();
    const sizes = [0, 1, 60_000, 65_000, 65_500, 65_536, 65_550, 70_000, LIMITS.laneFrameBytesMax * 2];
    for (const size of [...sizes, 47_800, 47_900, 48_000, 48_100, 48_800]) {
      const answer = (await world().run(client.echo(Buffer.alloc(size, 7)))) as Buffer;
      expect(answer.length).to.equal(size);
    }
  });

  it('name what the server cannot do', async () => {
    const { channel } = setUp();
    const call = (name: string, definition: typeof Demo.methods.echo) => channel.unary({ name, definition }, 'in');
    const unknown = await errorOf(call('demo.nothing', unary()));
    expect(unknown).to.include({ code: 'UNIMPLEMENTED', reason: 'METHOD_UNKNOWN', maybeExecuted: false });
    expect(unknown.message).to.include('"demo.nothing"');
    for (const name of ['', 'toString', '__proto__', 'demo.toString', 'x'.repeat(255)]) {
      expect((await errorOf(call(name, unary()))).reason, name).to.equal('METHOD_UNKNOWN');
    }
    expect((await errorOf(call('x'.repeat(256), unary()))).reason).to.equal('INPUT_INVALID');
    expect(world().rpc.counters.refusedUnknownMethod).to.equal(6);
  });

  it('tell that the method is of another kind, also when called with a stream', async () => {
    const { channel } = setUp();
    const stream = channel.serverStream({ name: 'demo.echo', definition: { kind: 'serverStream' } }, 1);
    await world().run(async () => {
      const messages: unknown[] = [];
      for await (const message of stream) messages.push(message);
      // A unary method answers one message on a stream: that is how long messages travel.
      expect(messages).to.deep.equal([1]);
    });
  });

  it('pass on an RpcError with its details', async () => {
    const error = await errorOf(setUp().client.fail('rpc'));
    expect(error).to.include({ code: 'NOT_FOUND', reason: 'APPLICATION', message: 'no such thing', retryable: false });
    expect(error.details).to.deep.equal({ id: 7 });
    expect(error.maybeExecuted).to.equal(false);
  });

  it('hide anything else that a handler throws', async () => {
    const { client } = setUp();
    for (const how of ['error', 'later', 'string']) {
      const error = await errorOf(client.fail(how));
      expect(error, how).to.include({ code: 'INTERNAL', reason: 'HANDLER_FAILED', maybeExecuted: true });
      expect(JSON.stringify([error.message, error.details]), how).to.not.match(/secret|\.ts|at /);
    }
    expect(world().errors).to.have.length(3);
  });

  it('blame the handler for an output that has no encoding', async () => {
    const error = await errorOf(setUp().client.fail('symbol'));
    expect(error).to.include({ code: 'INTERNAL', reason: 'OUTPUT_INVALID', maybeExecuted: true, retryable: false });
  });

  it('refuse an input that has no encoding before anything is sent', async () => {
    const { client } = setUp();
    const error = await errorOf(client.echo(Symbol('s')));
    expect(error).to.include({ reason: 'INPUT_INVALID', maybeExecuted: false });
    expect(await world().run(client.echo(1))).to.equal(1);
  });

  it('check input against a schema, at once and later', async () => {
    const { client } = setUp();
    expect(await world().run(client.checked({ age: 7 }))).to.equal(7);
    const error = await errorOf(client.checked({ age: 200 }));
    expect(error).to.include({ code: 'INVALID_ARGUMENT', reason: 'INPUT_INVALID', maybeExecuted: false });
    expect(error.details).to.have.nested.property('issues[0].path', 'age');
    expect(await world().run(client.checkedLater('good'))).to.equal('good');
    expect((await errorOf(client.checkedLater('bad'))).message).to.include('not good');
    expect((await errorOf(client.checkedLater('x'.repeat(100_000)))).message).to.include('not good');
  });

  it('check output against a schema, and say that the handler ran', async () => {
    const error = await errorOf(setUp().client.wrongOutput(undefined));
    expect(error).to.include({ code: 'INTERNAL', reason: 'OUTPUT_INVALID', maybeExecuted: true });
  });

  it('carry headers both ways', async () => {
    const { client } = setUp();
    let headers: unknown;
    const options = { headers: { a: 'b', ä: 'ö' }, onHeaders: (got: unknown) => (headers = got) };
    expect(await world().run(client.headers(null, options))).to.deep.equal({ a: 'b', ä: 'ö' });
    expect(headers).to.deep.equal({ 'x-reply': 'one' });
    const refused = await errorOf(client.echo(1, { headers: { a: 'x'.repeat(20_000) } }));
    expect(refused).to.include({ reason: 'INPUT_INVALID', maybeExecuted: false });
    expect(await world().run(client.echo(2))).to.equal(2);
  });

  it('keep their lane whole when a handler sets headers that cannot be sent', async () => {
    const service = defineService('odd', { long: unary<number, string>(), echo: unary<string, string>() });
    world().serve(
      implement(service, {
        long: (how, context) => {
          context.setHeader('h', how === 0 ? 'x'.repeat(20_000) : (5 as unknown as string));
          return 'y';
        },
        echo: (text) => text,
      }),
    );
    const client = serviceClient(service, world().channel({ lanes: 1 }));
    for (const how of [0, 1]) {
      const failed = errorOf(client.long(how, { timeoutMs: 5_000 }));
      const beside = client.echo('beside', { timeoutMs: 5_000 });
      expect(await failed).to.include({ code: 'INTERNAL', maybeExecuted: true });
      expect(await world().run(beside)).to.equal('beside');
    }
  });

  it('refuse messages that are too large, either way', async () => {
    const { client } = setUp({ limits: { messageBytesMax: 100_000 } });
    await world().run(client.echo(1));
    for (const size of [100_001, 200_000, 3_000_000]) {
      const error = await errorOf(client.echo(Buffer.alloc(size)));
      expect(error, `${size}`).to.include({ reason: 'MESSAGE_TOO_LARGE', maybeExecuted: false });
    }
    const small = serviceClient(Demo, world().channel({ messageBytesMax: 1_000 }));
    for (const size of [1_001, 100_000]) {
      const error = await errorOf(small.size(size));
      expect(error, `${size}`).to.include({ reason: 'MESSAGE_TOO_LARGE', maybeExecuted: true });
    }
    expect((await world().run(small.size(500))).length).to.equal(500);
  });

  it('end with their deadline, at the client and at the handler', async () => {
    const { client, channel } = setUp();
    const error = await errorOf(client.wait('a', { timeoutMs: 50 }));
    expect(error).to.include({ code: 'DEADLINE_EXCEEDED', reason: 'DEADLINE', maybeExecuted: true });
    await world().until('the handler to hear of it', () => server.aborts.length > 0);
    expect(server.aborts[0]).to.be.instanceOf(RpcError);
    expect(['DEADLINE', 'CANCELLED_BY_CALLER']).to.include((server.aborts[0] as RpcError).reason);
    expect(channel.inFlight).to.equal(0);
    expect(world().rpc.inFlight, 'until the handler returns').to.equal(1);
    server.gate.open('late');
    await world().until('the handler to be done', () => world().rpc.inFlight === 0);
    expect(await world().run(client.echo(1))).to.equal(1);
  });

  it('reach the handler with their deadline as a time that is left', async () => {
    const { client } = setUp();
    const call = client.wait('a', { timeoutMs: 10_000 });
    await world().until('the handler', () => server.started.length > 0);
    expect(server.started[0]?.remainingMs()).to.be.within(1, 10_000);
    expect(server.started[0]?.deadline).to.be.a('number');
    server.gate.open('done');
    await world().run(call);
    const none = client.wait('b', { timeoutMs: 0 });
    await world().until('the handler', () => server.started.length > 1);
    expect(server.started[1]?.remainingMs()).to.equal(undefined);
    await world().run(none);
  });

  it('take a timeout of many weeks for what it is', async () => {
    const { client } = setUp();
    const call = client.wait('a', { timeoutMs: 4_000_000_000 });
    await world().until('the handler', () => server.started.length > 0);
    expect(await world().run(client.echo(1))).to.equal(1);
    expect(server.aborts).to.deep.equal([]);
    server.gate.open('done');
    expect(await world().run(call)).to.equal('done');
  });

  it('stop with the caller’s signal, which the handler hears of', async () => {
    const { client, channel } = setUp();
    const controller = new AbortController();
    const call = errorOf(client.wait('a', { signal: controller.signal }));
    await world().until('the handler', () => server.started.length > 0);
    controller.abort(new Error('why'));
    const error = await call;
    expect(error).to.include({ code: 'CANCELLED', reason: 'CANCELLED_BY_CALLER', maybeExecuted: true });
    expect((error.cause as Error).message).to.equal('why');
    await world().until('the handler to hear of it', () => server.aborts.length > 0);
    expect((server.aborts[0] as RpcError).reason).to.equal('CANCELLED_BY_CALLER');
    expect(channel.inFlight).to.equal(0);
    const early = await errorOf(client.echo(1, { signal: controller.signal }));
    expect(early).to.include({ reason: 'CANCELLED_BY_CALLER', maybeExecuted: false });
  });

  it('reach their handler before their cancellation, also when that comes before they have left', async () => {
    const { client } = setUp();
    await world().run(client.echo(1));
    const controller = new AbortController();
    // The call in progress keeps the next from leaving at once: request and cancellation leave together.
    const other = client.wait('other');
    const call = errorOf(client.wait('a', { signal: controller.signal }));
    controller.abort();
    expect(await call).to.include({ reason: 'CANCELLED_BY_CALLER', maybeExecuted: false });
    await world().until('both handlers', () => server.started.length === 2);
    await world().until('the handler to hear of it', () => server.aborts.length > 0);
    expect((server.aborts[0] as RpcError).reason).to.equal('CANCELLED_BY_CALLER');
    server.gate.open('done');
    expect(await world().run(other)).to.equal('done');
    expect(server.aborts).to.have.length(1);
  });

  it('made within a handler’s context stay within its deadline and end with it', async () => {
    const { client } = setUp();
    const inner = new Server();
    const Outer = defineService('outer', { relay: unary<null, string>() });
    let innerError: RpcError | undefined;
    world().rpc.close();
    const nested: { client?: typeof client } = {};
    world().serve([
      inner.implementation,
      implement(Outer, {
        relay: async (_, context) => {
          try {
            return (await nested.client?.wait('inner', { context, timeoutMs: 60_000 })) ?? '';
          } catch (error) {
            innerError = error as RpcError;
            throw error;
          }
        },
      }),
    ]);
    const channel = world().channel();
    nested.client = serviceClient(Demo, channel);
    const outer = serviceClient(Outer, world().channel());
    const error = await errorOf(outer.relay(null, { timeoutMs: 100 }));
    expect(error.reason).to.equal('DEADLINE');
    await world().until('the inner call to end', () => innerError !== undefined);
    expect(['DEADLINE', 'CANCELLED_BY_CALLER']).to.include(innerError?.reason);
    expect(inner.started[0]?.remainingMs()).to.be.at.most(100);
    inner.gate.open('');
  });

  it('give the handler its peer, and values that interceptors left', async () => {
    const Who = defineService('who', { am: unary<null, unknown>() });
    world().serve(
      implement(Who, {
        am: (_, { peer, method, values }) => [peer.role, peer.id, method, values.get('k') ?? 'none'],
      }),
      {
        interceptors: [
          (next) => (input, context) => {
            context.values.set('k', 'v');
            return next(input, context);
          },
        ],
      },
    );
    const client = serviceClient(Who, world().channel());
    expect(await world().run(client.am(null))).to.deep.equal(['client', 'c1', 'who.am', 'v']);
  });

  it('go through the client’s interceptors once, retries included', async () => {
    setUp();
    let seen = 0;
    const channel = world().channel({
      interceptors: [
        (next) => (request) => {
          seen++;
          return next({ ...request, input: 'changed' });
        },
      ],
    });
    expect(await world().run(serviceClient(Demo, channel).echo('x'))).to.equal('changed');
    expect(seen).to.equal(1);
  });

  it('carry every code there is', async () => {
    const Codes = defineService('codes', { fail: unary<string, null>() });
    world().serve(
      implement(Codes, {
        fail: (code) => {
          throw new RpcError(code as never, `m ${code}`);
        },
      }),
    );
    const client = serviceClient(Codes, world().channel());
    for (const code of RPC_CODES) expect((await errorOf(client.fail(code))).code).to.equal(code);
    expect((await errorOf(client.fail('NONSENSE'))).code).to.equal('UNKNOWN');
  });
});
