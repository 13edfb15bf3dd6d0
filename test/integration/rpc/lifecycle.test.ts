import { expect } from 'chai';
import fc from 'fast-check';
import { CLOSE_CODES, RpcError } from '../../../src/base/index.js';
import type { Connection } from '../../../src/ports/index.js';
import {
  bidiStream,
  clientStream,
  defineService,
  type Handlers,
  implement,
  RetryBudget,
  serverStream,
  serviceClient,
  unary,
} from '../../../src/rpc/index.js';
import { testIdentity } from '../../../src/testing/index.js';
import { collect, failureOf, Gate, MemoryWorld, onBothTransports } from './world.js';

const Jobs = defineService('jobs', {
  quick: unary<number, number>({ idempotent: true }),
  once: unary<number, number>(),
  wait: unary<null, string>({ idempotent: true }),
  waitOnce: unary<null, string>(),
  flaky: unary<string, number>({ idempotent: true }),
  feed: serverStream<null, number>(),
  busy: unary<number, string>(),
});

class Server {
  readonly gate = new Gate<string>();
  started = 0;
  flakyFailures = 0;
  flakyCalls = 0;

  readonly handlers: Handlers<typeof Jobs.methods> = (() => {
    const self = this;
    const wait = (): Promise<string> => {
      self.started++;
      return self.gate.promise;
    };
    return {
      quick: (n) => n,
      once: (n) => n,
      wait,
      waitOnce: wait,
      flaky: (how) => {
        self.flakyCalls++;
        if (self.flakyCalls > self.flakyFailures) return self.flakyCalls;
        throw RpcError.of(how === 'busy' ? 'OVERLOADED' : 'APPLICATION', how, { retryable: how !== 'final' });
      },
      async *feed() {
        self.started++;
        yield 1;
        await self.gate.promise;
        yield 2;
      },
      busy: async (how, { signal }) => {
        self.started++;
        if (how === 0) return 'at once';
        if (how === 1) throw new Error('failed');
        await Promise.race([self.gate.promise, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
        return 'later';
      },
    };
  })();

  readonly implementation = implement(Jobs, this.handlers);
}

onBothTransports('a channel', (world) => {
  let server: Server;

  function setUp(
    options: Parameters<ReturnType<typeof world>['serve']>[1] = {},
    channelOptions: Parameters<ReturnType<typeof world>['channel']>[0] = {},
  ) {
    server = new Server();
    world().serve(server.implementation, options);
    const channel = world().channel(channelOptions);
    return { channel, client: serviceClient(Jobs, channel) };
  }

  async function errorOf(promise: Promise<unknown>): Promise<RpcError> {
    const error = await world().run(failureOf(promise));
    expect(error).to.be.instanceOf(RpcError);
    return error as RpcError;
  }

  function cutConnections(code = CLOSE_CODES.GOING_AWAY): void {
    for (const connection of world().serverEndpoint.connections()) connection.close(code, 'cut by the test');
  }

  it('connects with the first call or when told to, and says so', async () => {
    const { channel, client } = setUp();
    expect(channel.state).to.equal('idle');
    const states: string[] = [];
    const stop = channel.onState((state) => states.push(state));
    await world().run(channel.ready(5_000));
    expect(channel.state).to.equal('ready');
    expect(states).to.deep.equal(['connecting', 'ready']);
    stop();
    expect(await world().run(client.quick(1))).to.equal(1);
    await world().until('the hello', () => channel.hello !== undefined);
    expect(channel.hello?.methods).to.include('jobs.quick');
    expect(channel.counters).to.include({ connects: 1, connectFailures: 0, retries: 0 });
  });

  it('fails calls in progress at once when its connection ends, and says which may have run', async () => {
    const { client } = setUp({}, { retry: { attemptsMax: 1 } });
    const calls = [client.wait(null), client.waitOnce(null)].map((call) => errorOf(call));
    await world().until('both handlers', () => server.started === 2);
    cutConnections();
    for (const error of await Promise.all(calls)) {
      expect(error).to.include({ code: 'UNAVAILABLE', reason: 'CONNECTION_LOST', maybeExecuted: true });
      expect(error.details).to.deep.equal({ by: 'peer', closeCode: CLOSE_CODES.GOING_AWAY });
    }
    server.gate.open('');
    await world().until('the handlers to be done', () => world().rpc.inFlight === 0);
  });

  it('connects again by itself, with pauses', async () => {
    const { channel, client } = setUp();
    for (let i = 0; i < 3; i++) {
      expect(await world().run(client.quick(i, { waitForReady: true }))).to.equal(i);
      cutConnections();
      await world().until('the loss', () => channel.state === 'unavailable');
    }
    expect(await world().run(client.quick(9, { waitForReady: true }))).to.equal(9);
    expect(channel.counters.connects).to.equal(4);
  });

  it('fails fast during an outage unless a call asks to wait', async () => {
    const { channel, client } = setUp({}, { reconnect: { baseMs: 1_000, maxMs: 1_000 } });
    await world().run(client.quick(1));
    cutConnections();
    await world().until('the loss', () => channel.state === 'unavailable');
    const error = await errorOf(client.quick(2));
    expect(error).to.include({ reason: 'NOT_CONNECTED', maybeExecuted: false, retryable: true });
    const feed = await errorOf(collect(client.feed(null)));
    expect(feed.reason).to.equal('NOT_CONNECTED');
    const late = await errorOf(client.quick(2, { waitForReady: true, timeoutMs: 30 }));
    expect(late).to.include({ reason: 'DEADLINE', maybeExecuted: false });
    const controller = new AbortController();
    const aborted = errorOf(client.quick(2, { waitForReady: true, signal: controller.signal }));
    controller.abort();
    expect(await aborted).to.include({ reason: 'CANCELLED_BY_CALLER', maybeExecuted: false });
    expect(await world().run(client.quick(3, { waitForReady: true }))).to.equal(3);
    expect(channel.inFlight).to.equal(0);
  });

  it('repeats idempotent calls on the next connection, and no others', async () => {
    const { client, channel } = setUp(
      {},
      { reconnect: { baseMs: 5, maxMs: 5 }, retry: { backoff: { baseMs: 100, maxMs: 200 } } },
    );
    const repeated = client.wait(null, { waitForReady: true });
    const once = errorOf(client.waitOnce(null, { waitForReady: true }));
    await world().until('both handlers', () => server.started === 2);
    cutConnections();
    expect((await once).reason).to.equal('CONNECTION_LOST');
    await world().until('the handler again', () => server.started === 3);
    server.gate.open('done');
    expect(await world().run(repeated)).to.equal('done');
    expect(channel.counters.retries).to.equal(1);
  });

  it('remembers over retries that an attempt may have run', async () => {
    const { client } = setUp({}, { reconnect: { baseMs: 60_000, maxMs: 60_000 } });
    const call = errorOf(client.wait(null));
    await world().until('the handler', () => server.started === 1);
    cutConnections();
    expect(await call).to.include({ reason: 'NOT_CONNECTED', maybeExecuted: true });
    server.gate.open('');
  });

  it('retries what the server says is worth it, within attempts and budget', async () => {
    const budget = new RetryBudget({ tokensMax: 3, tokensPerSuccess: 0 });
    const { client, channel } = setUp({}, { retry: { attemptsMax: 3, backoff: { baseMs: 1, maxMs: 1 }, budget } });
    server.flakyFailures = 2;
    expect(await world().run(client.flaky('again'))).to.equal(3);
    expect(budget.tokens).to.equal(1);
    server.flakyFailures = 100;
    server.flakyCalls = 0;
    expect((await errorOf(client.flaky('again'))).message).to.equal('again');
    expect(server.flakyCalls, 'one retry was left in the budget').to.equal(2);
    server.flakyCalls = 0;
    await errorOf(client.flaky('final'));
    expect(server.flakyCalls).to.equal(1);
    server.flakyCalls = 0;
    await errorOf(client.flaky('again', { idempotent: false }));
    expect(server.flakyCalls, 'not idempotent').to.equal(1);
    expect(channel.counters.retries).to.equal(3);
  });

  it('hears of abort and close during the pause before a retry', async () => {
    const { client, channel } = setUp({}, { retry: { backoff: { baseMs: 60_000, maxMs: 60_000 } }, timeoutMs: 0 });
    server.flakyFailures = 100;
    const controller = new AbortController();
    const aborted = errorOf(client.flaky('again', { signal: controller.signal }));
    const closed = errorOf(client.flaky('again'));
    await world().until('both pauses', () => channel.counters.retries === 2);
    expect(channel.inFlight).to.equal(2);
    controller.abort();
    expect(await aborted).to.include({ reason: 'CANCELLED_BY_CALLER', maybeExecuted: true });
    expect(channel.inFlight).to.equal(1);
    await world().run(channel.close());
    expect((await closed).reason).to.equal('CLOSED');
    expect(channel.inFlight).to.equal(0);
  });

  it('is refused by an overloaded server, at once and with a time to wait', async () => {
    const { client, channel } = setUp(
      { limits: { concurrentCallsMax: 2, retryAfterMs: 70 } },
      { retry: { attemptsMax: 1 } },
    );
    const running = [client.wait(null), client.wait(null)];
    await world().until('both handlers', () => server.started === 2);
    for (const call of [() => client.quick(1), () => client.quick(2), () => collect(client.feed(null))]) {
      const error = await errorOf(call());
      expect(error).to.include({ code: 'RESOURCE_EXHAUSTED', reason: 'OVERLOADED', retryAfterMs: 70 });
      expect(error).to.include({ maybeExecuted: false, retryable: true });
    }
    expect(channel.peerLoad).to.equal(2);
    expect(world().rpc.counters.refusedOverload).to.equal(3);
    server.gate.open('done');
    await world().run(Promise.all(running));
    expect(await world().run(client.quick(3))).to.equal(3);
  });

  it('cannot take all of a server’s calls', async () => {
    const { client } = setUp({ limits: { connectionCallsMax: 2 } }, { retry: { attemptsMax: 1 } });
    const running = [client.wait(null), client.wait(null)];
    await world().until('both handlers', () => server.started === 2);
    expect((await errorOf(client.quick(1))).reason).to.equal('OVERLOADED');
    expect(await world().run(serviceClient(Jobs, world().channel()).quick(2))).to.equal(2);
    server.gate.open('');
    await world().run(Promise.all(running));
  });

  it('is refused while its certificate has as many connections as it may, and gets one when another ends', async () => {
    const { channel: first, client } = setUp({ limits: { connectionsPerPeerMax: 2 } });
    await world().run(client.quick(1));
    expect(await world().run(serviceClient(Jobs, world().channel()).quick(2))).to.equal(2);
    const third = world().channel();
    third.connect();
    await world().until('the refusal', () => third.state === 'unavailable');
    const refused = await errorOf(serviceClient(Jobs, third).quick(3));
    expect(refused).to.include({ reason: 'NOT_CONNECTED', maybeExecuted: false });
    expect(refused.message).to.include('connectionsPerPeerMax (2)');
    expect(world().rpc.counters.refusedConnections).to.be.above(0);
    expect(await world().run(client.quick(4))).to.equal(4);
    await world().run(first.close());
    expect(await world().run(serviceClient(Jobs, third).quick(5, { waitForReady: true }))).to.equal(5);
    expect(world().rpc.connectionCount).to.equal(2);
  });

  it('is refused by the limit of its traffic class while other classes are served, each counted by itself', async () => {
    const { client } = setUp({ limits: { classCallsMax: { data: 1 } } }, { retry: { attemptsMax: 1 } });
    const running = client.wait(null);
    await world().until('the handler', () => server.started === 1);
    const refused = await errorOf(client.quick(1));
    expect(refused).to.include({ reason: 'OVERLOADED', maybeExecuted: false });
    expect(refused.message).to.include('data calls');
    expect(await world().run(client.quick(2, { priority: 'control' }))).to.equal(2);
    expect(await world().run(client.quick(3, { priority: 'bulk' }))).to.equal(3);
    server.gate.open('');
    await world().run(running);
    expect(await world().run(client.quick(4))).to.equal(4);
    expect(world().rpc.counters).to.include({ callsStarted: 4, controlCallsStarted: 1, bulkCallsStarted: 1 });
  });

  it('gives its calls the time of their traffic class when they set none', async () => {
    const { client } = setUp({}, { timeoutMs: 60_000, classTimeoutsMs: { control: 30 } });
    const patient = client.wait(null);
    expect((await errorOf(client.wait(null, { priority: 'control' }))).reason).to.equal('DEADLINE');
    server.gate.open('done');
    expect(await world().run(patient)).to.equal('done');
  });

  it('sees its server drain: what runs is finished, what is new is refused', async () => {
    const { client, channel } = setUp({}, { retry: { attemptsMax: 1 } });
    const running = client.wait(null);
    const feed = collect(client.feed(null));
    await world().until('the handlers', () => server.started === 2);
    expect(channel.peerDraining).to.equal(false);
    const drained = world().rpc.drain({ timeoutMs: 20_000 });
    await world().until('the news', () => channel.peerDraining);
    for (const call of [() => client.quick(1), () => collect(client.feed(null))]) {
      expect(await errorOf(call())).to.include({ reason: 'DRAINING', maybeExecuted: false, retryable: true });
    }
    expect(world().rpc.counters.refusedDraining).to.equal(2);
    server.gate.open('done');
    expect(await world().run(running)).to.equal('done');
    expect(await world().run(feed)).to.deep.equal([1, 2]);
    expect(await world().run(drained)).to.equal(true);
    const late = world().channel();
    await world().run(late.ready(5_000));
    await world().until('the hello', () => late.peerDraining);
  });

  it('leaves a drain without an end after its time', async () => {
    const { client } = setUp();
    const running = client.wait(null);
    await world().until('the handler', () => server.started === 1);
    expect(await world().run(world().rpc.drain({ timeoutMs: 20 }))).to.equal(false);
    server.gate.open('done');
    expect(await world().run(running)).to.equal('done');
  });

  it('drains: waits for its calls, also those that wait for a connection, then closes', async () => {
    const { client, channel } = setUp();
    expect(await world().run(channel.drain({ timeoutMs: 1_000 }))).to.equal(true);
    expect(channel.state).to.equal('closed');
    const next = world().channel();
    const running = serviceClient(Jobs, next).wait(null);
    await world().until('the handler', () => server.started === 1);
    const drained = next.drain({ timeoutMs: 60_000 });
    server.gate.open('done');
    expect(await world().run(running)).to.equal('done');
    expect(await world().run(drained)).to.equal(true);
    expect((await errorOf(client.quick(1))).reason).to.equal('CLOSED');
    const nowhere = world().channel({ reconnect: { baseMs: 60_000, maxMs: 60_000 } });
    await world().run(nowhere.ready(5_000));
    cutConnections();
    await world().until('the loss', () => nowhere.state === 'unavailable');
    const waiting = errorOf(serviceClient(Jobs, nowhere).quick(1, { waitForReady: true, timeoutMs: 50 }));
    expect(await world().run(nowhere.drain({ timeoutMs: 60_000 }))).to.equal(true);
    expect((await waiting).reason).to.equal('DEADLINE');
  });

  it('drains after a stream that ended with its deadline', async () => {
    const { client, channel } = setUp();
    const feed = errorOf(collect(client.feed(null, { timeoutMs: 50 })));
    await world().until('the handler', () => server.started === 1);
    const drained = channel.drain({ timeoutMs: 60_000 });
    expect((await feed).reason).to.equal('DEADLINE');
    expect(await world().run(drained)).to.equal(true);
    server.gate.open('');
  });

  it('drains after calls that ended with their connection, however long that takes', async () => {
    const { client, channel } = setUp();
    const lost = [errorOf(client.wait(null, { idempotent: false })), errorOf(collect(client.feed(null)))];
    await world().until('the handlers', () => server.started === 2);
    const drained = channel.drain();
    cutConnections();
    expect((await Promise.all(lost)).map(({ reason }) => reason)).to.deep.equal(['CONNECTION_LOST', 'CONNECTION_LOST']);
    expect(await world().run(drained)).to.equal(true);
    expect(channel.state).to.equal('closed');
    server.gate.open('');
  });

  it('closes at once with everything in it failing, also by `await using`', async () => {
    const { client, channel } = setUp();
    const running = [client.wait(null), client.busy(2), collect(client.feed(null))].map((call) => errorOf(call));
    await world().until('the handlers', () => server.started === 3);
    await world().run(async () => {
      await using closing = channel;
      expect(closing.state).to.equal('ready');
    });
    for (const error of await Promise.all(running)) expect(error.reason).to.equal('CLOSED');
    expect(channel.state).to.equal('closed');
    expect(channel.inFlight).to.equal(0);
    server.gate.open('');
    await world().until('the handlers to be done', () => world().rpc.inFlight === 0);
    await world().until('the connection to be gone', () => world().rpc.connectionCount === 0);
    await channel.close();
  });

  it('is gone at the server as soon as it closes, however young the connection', async () => {
    setUp();
    for (let i = 0; i < 40; i++) {
      const channel = world().channel({ target: { ...world().target, earlyData: i % 2 === 0 } });
      const client = serviceClient(Jobs, channel);
      const running = [errorOf(client.waitOnce(null)), errorOf(collect(client.feed(null)))];
      await world().until('the handlers', () => server.started === 2 * (i + 1));
      await world().run(channel.close());
      await Promise.all(running);
      await world().until('the end at the server', () => world().rpc.connectionCount === 0);
    }
    server.gate.open('');
    await world().until('the handlers to be done', () => world().rpc.inFlight === 0);
  });

  it('moves to a new connection by age without a failed call, and lets the old one finish', async () => {
    const { client, channel } = setUp({}, { connectionAgeMsMax: 100 });
    const running = client.waitOnce(null);
    const feed = collect(client.feed(null));
    let answered = 0;
    await world().run(async () => {
      while (channel.counters.rotations < 3) {
        answered += await client.once(1);
        await new Promise<void>((resolve) => world().clock.setTimer(5, resolve));
      }
    });
    expect(answered).to.be.above(3);
    server.gate.open('done');
    expect(await world().run(running)).to.equal('done');
    expect(await world().run(feed)).to.deep.equal([1, 2]);
    // Once for each connection, and none that is only half made.
    await world().until('the last rotation to end', () => channel.counters.connects > channel.counters.rotations);
    await world().run(channel.close());
    await world().until('all connections to end', () => world().rpc.connectionCount === 0);
  });

  it('moves to a new connection after many streams, and lets those in progress finish', async () => {
    const { client, channel } = setUp({}, { connectionStreamsMax: 10 });
    const feed = collect(client.feed(null));
    await world().until('the stream at the server', () => server.started === 1);
    const others = Array.from({ length: 25 }, () => collect(client.feed(null)));
    await world().until('the other streams', () => server.started === 26);
    expect(channel.counters.rotations).to.be.at.least(1);
    server.gate.open('done');
    expect(await world().run(feed)).to.deep.equal([1, 2]);
    for (const other of others) expect(await world().run(other)).to.deep.equal([1, 2]);
  });

  it('sends idempotent calls in 0-RTT and lets others wait for the handshake', async () => {
    const early: (string | boolean)[] = [];
    const Early = defineService('early', {
      safe: unary<null, boolean>({ idempotent: true }),
      unsafe: unary<null, boolean>(),
    });
    world().serve(
      implement(Early, {
        safe: (_, { earlyData }) => early.push('safe', earlyData) > 0,
        unsafe: (_, { earlyData }) => early.push('unsafe', earlyData) > 0,
      }),
    );
    const first = world().channel();
    await world().run(serviceClient(Early, first).unsafe(null));
    await world().run(first.close());
    const channel = world().channel();
    const client = serviceClient(Early, channel);
    await world().run(Promise.all([client.unsafe(null), client.safe(null)]));
    expect(early).to.deep.equal(['unsafe', false, 'safe', true, 'unsafe', false]);
    expect(channel.resumed).to.equal(true);
    expect(channel.counters).to.include({ earlyData: 1, resumed: 1, retries: 0 });
    expect(world().rpc.counters.refusedEarlyData).to.equal(0);
  });

  it('has a call that the server refuses in 0-RTT go after the handshake', async () => {
    const Early = defineService('early', { unsafe: unary<null, boolean>() });
    world().serve(implement(Early, { unsafe: (_, { earlyData }) => earlyData }));
    const first = world().channel();
    await world().run(serviceClient(Early, first).unsafe(null));
    await world().run(first.close());
    const channel = world().channel({ retry: { attemptsMax: 1 } });
    // The caller is wrong about the method; the server knows.
    expect(await world().run(serviceClient(Early, channel).unsafe(null, { idempotent: true }))).to.equal(false);
    expect(world().rpc.counters.refusedEarlyData).to.equal(1);
    expect(world().rpc.counters.callsStarted).to.equal(2);
  });

  it('has a stream that the server refuses in 0-RTT go after the handshake', async () => {
    const Early = defineService('early', { feed: serverStream<number, number | boolean>() });
    const implementation = implement(Early, {
      async *feed(count, { earlyData }) {
        yield earlyData;
        for (let i = 0; i < count; i++) yield i;
      },
    });
    world().serve(implementation);
    const first = world().channel();
    await world().run(collect(serviceClient(Early, first).feed(0)));
    await world().run(first.close());
    const channel = world().channel();
    const feed = serviceClient(Early, channel).feed(3, { idempotent: true });
    expect(await world().run(collect(feed))).to.deep.equal([false, 0, 1, 2]);
    expect(world().rpc.counters).to.include({ refusedEarlyData: 1, callsStarted: 2 });
    expect(channel.earlyData).to.equal(true);
    expect(channel.inFlight).to.equal(0);
  });

  it('sends the one message of a server stream in 0-RTT, and none of a stream of messages', async () => {
    const Early = defineService('early', {
      feed: serverStream<null, boolean>({ idempotent: true }),
      sum: clientStream<number, boolean>({ idempotent: true }),
      chat: bidiStream<number, boolean>({ idempotent: true }),
    });
    const implementation = implement(Early, {
      async *feed(_, { earlyData }) {
        yield earlyData;
      },
      async sum(numbers, { earlyData }) {
        await collect(numbers);
        return earlyData;
      },
      async *chat(numbers, { earlyData }) {
        for await (const _ of numbers) yield earlyData;
      },
    });
    world().serve(implementation);
    const first = world().channel();
    expect(await world().run(collect(serviceClient(Early, first).feed(null)))).to.deep.equal([false]);
    await world().run(first.close());
    const channel = world().channel();
    const client = serviceClient(Early, channel);
    const calls = [collect(client.feed(null)), client.sum([1, 2]), collect(client.chat([1, 2]))];
    expect(await world().run(Promise.all<unknown>(calls))).to.deep.equal([[true], false, [false, false]]);
    expect(channel.counters).to.include({ earlyData: 1, connectFailures: 0 });
    expect(world().rpc.counters.refusedEarlyData).to.equal(0);
  });
});

describe('a channel in virtual time', () => {
  let world: MemoryWorld;
  let server: Server;

  beforeEach(() => {
    world = new MemoryWorld({ latencyMs: 20, idleTimeoutMs: 1_000 });
    server = new Server();
    world.serve(server.implementation);
  });
  afterEach(() => world.close());

  it('says that a call was not sent when the connection ended before it could be', async () => {
    const channel = world.channel({ retry: { attemptsMax: 1 } });
    const client = serviceClient(Jobs, channel);
    await world.run(client.quick(1));
    const connections = [...world.clientEndpoint.connections()] as Connection[];
    const call = failureOf(client.once(2));
    for (const connection of connections) connection.close(0, 'before the turn ends');
    expect(await world.run(call)).to.include({ reason: 'CONNECTION_LOST' });
    expect(world.rpc.counters.callsStarted).to.equal(1);
  });

  it('says that calls may have run when the peer vanished, after the idle timeout', async () => {
    const channel = world.channel({ retry: { attemptsMax: 1 } });
    const client = serviceClient(Jobs, channel);
    await world.run(client.quick(1));
    const startMs = world.clock.nowMs();
    world.serverEndpoint.vanish();
    const error = (await world.run(failureOf(client.once(2)))) as RpcError;
    expect(error).to.include({ reason: 'CONNECTION_LOST', maybeExecuted: true });
    expect(error.details).to.have.property('by', 'timeout');
    expect(world.clock.nowMs() - startMs).to.be.within(900, 1_200);
  });

  it('says that a call in 0-RTT may have run although the handshake never ended', async () => {
    const first = world.channel();
    await world.run(serviceClient(Jobs, first).quick(1));
    await world.run(first.close());
    const channel = world.channel({ retry: { attemptsMax: 1 } });
    const started = world.rpc.counters.callsStarted;
    const call = failureOf(serviceClient(Jobs, channel).quick(2));
    await world.until('the handler', () => world.rpc.counters.callsStarted > started);
    world.serverEndpoint.vanish();
    world.network.cut(world.serverEndpoint.address, world.clientEndpoint.address);
    expect(await world.run(call)).to.include({ maybeExecuted: true });
  });

  it('tries again ever less often, with jitter, as long as a peer accepts and then refuses it', async () => {
    const attempts: number[] = [];
    world.serverEndpoint.listen((connection) => {
      attempts.push(world.clock.nowMs());
      return {
        onOpen: () => connection.close(CLOSE_CODES.VERSION_UNSUPPORTED, 'not this version'),
        onStream: () => ({ onData() {}, onReset() {}, onStopped() {}, onDrained() {} }),
        onClosed() {},
      };
    });
    const channel = world.channel();
    channel.connect();
    await world.pass(60_000);
    expect(attempts.length).to.be.within(8, 40);
    const last = attempts.at(-1) ?? 0;
    expect(last - (attempts.at(-2) ?? 0)).to.be.within(2_500, 5_200);
  });

  it('comes back ever less often while its certificate has too many connections; others get theirs', async () => {
    const own = new MemoryWorld();
    own.serve(server.implementation, { limits: { connectionsPerPeerMax: 1 } });
    await own.run(serviceClient(Jobs, own.channel()).quick(1));
    own.channel().connect();
    await own.pass(60_000);
    expect(own.rpc.counters.refusedConnections).to.be.within(8, 40);
    const identity = testIdentity('client', 'c2');
    const channel = own.channel({ endpoint: own.network.createEndpoint({ identity }), identity });
    expect(await own.run(serviceClient(Jobs, channel).quick(2))).to.equal(2);
    await own.close();
  });

  it('does not count connections in 0-RTT, which may be a replay, against their certificate', async () => {
    const own = new MemoryWorld({ latencyMs: 20 });
    own.serve(server.implementation, { limits: { connectionsPerPeerMax: 1 } });
    const first = own.channel();
    await own.run(serviceClient(Jobs, first).quick(1));
    await own.run(first.close());
    await own.pass(100);
    const replayed = own.channel();
    const call = failureOf(serviceClient(Jobs, replayed).quick(2));
    await own.until('the early connection', () => own.rpc.connectionCount === 1);
    own.clientEndpoint.vanish();
    const identity = testIdentity('client', 'c1');
    const channel = own.channel({ endpoint: own.network.createEndpoint({ identity }), identity });
    expect(await own.run(serviceClient(Jobs, channel).quick(3))).to.equal(3);
    expect(own.rpc.counters.refusedConnections).to.equal(0);
    expect(own.rpc.connectionCount, 'with the replay').to.equal(2);
    await own.run(replayed.close());
    await own.run(call);
    await own.close();
  });

  it('sends bulk over its main connection when the one to the bulk port is refused', async () => {
    const own = new MemoryWorld();
    const bulk = own.network.createEndpoint({ identity: testIdentity('worker', 'w1') });
    const rpc = own.serve(server.implementation, {
      limits: { connectionsPerPeerMax: 1 },
      bulkPort: () => bulk.address.port,
    });
    bulk.listen((connection) => rpc.accept(connection));
    const client = serviceClient(Jobs, own.channel({ bulkEndpoint: own.clientEndpoint }));
    await own.run(client.quick(1));
    expect(await own.run(client.quick(2, { priority: 'bulk' }))).to.equal(2);
    expect(await own.run(client.quick(3, { priority: 'bulk' }))).to.equal(3);
    expect(rpc.counters).to.include({ refusedConnections: 1, bulkCallsStarted: 2 });
    await bulk.close();
    await own.close();
  });

  it('keeps its connection while the one that is to replace it cannot be made', async () => {
    const channel = world.channel({ connectionAgeMsMax: 500 });
    const client = serviceClient(Jobs, channel);
    await world.run(client.once(1));
    // New connections are refused after their handshake; the old one lives on.
    let failed = 0;
    world.serverEndpoint.listen((connection) => {
      failed++;
      connection.close(CLOSE_CODES.EXCESSIVE_LOAD, 'full');
      return {
        onOpen() {},
        onStream: () => ({ onData() {}, onReset() {}, onStopped() {}, onDrained() {} }),
        onClosed() {},
      };
    });
    for (let i = 0; i < 60; i++) {
      expect(await world.run(client.once(i))).to.equal(i);
      await world.pass(50);
    }
    expect(failed).to.be.above(0);
  });

  it('has counts that come down whatever becomes of its calls', async () => {
    const outcome = fc.record({
      how: fc.nat(3),
      stream: fc.boolean(),
      timeoutMs: fc.constantFrom(undefined, 1, 50, 100),
      abortAfterMs: fc.constantFrom(undefined, 0, 10, 45, 100),
      leaveAfter: fc.constantFrom(undefined, 0, 1),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(outcome, { minLength: 1, maxLength: 20 }),
        fc.constantFrom(undefined, 15, 60, 120),
        async (calls, cutAfterMs) => {
          const own = new MemoryWorld({ latencyMs: 20 });
          const jobs = new Server();
          own.serve(jobs.implementation, { limits: { concurrentCallsMax: 12 } });
          const channel = own.channel({ retry: { backoff: { baseMs: 5, maxMs: 20 } } });
          const client = serviceClient(Jobs, channel);
          const settled = calls.map(async ({ how, stream, timeoutMs, abortAfterMs, leaveAfter }) => {
            const controller = new AbortController();
            if (abortAfterMs !== undefined) own.clock.setTimer(abortAfterMs, () => controller.abort());
            const options = { timeoutMs, signal: controller.signal, waitForReady: how === 2 };
            if (stream) return collect(client.feed(null, options), leaveAfter);
            return how === 3 ? client.wait(null, options) : client.busy(how, options);
          });
          if (cutAfterMs !== undefined) {
            own.clock.setTimer(cutAfterMs, () => {
              for (const connection of own.serverEndpoint.connections()) connection.close(0, 'cut');
            });
          }
          own.clock.setTimer(400, () => jobs.gate.open('done'));
          const results = await own.run(Promise.allSettled(settled));
          for (const result of results) {
            if (result.status === 'rejected') expect(result.reason).to.be.instanceOf(RpcError);
          }
          await own.until('all calls to end', () => channel.inFlight === 0 && own.rpc.inFlight === 0);
          const { callsStarted, callsSucceeded, callsFailed, callsCancelled } = own.rpc.counters;
          expect(callsSucceeded + callsFailed + callsCancelled).to.equal(callsStarted);
          await own.run(channel.close());
          await own.close();
          expect(own.rpc.connectionCount).to.equal(0);
        },
      ),
      { numRuns: 150 },
    );
  }).timeout(60_000);
});
