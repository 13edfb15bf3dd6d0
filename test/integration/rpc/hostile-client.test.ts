import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import fc from 'fast-check';
import { CLOSE_CODES, LIMITS, type RpcError } from '../../../src/base/index.js';
import type { Connection } from '../../../src/ports/index.js';
import { clientStream, defineService, implement, serverStream, serviceClient, unary } from '../../../src/rpc/index.js';
import { FLAG, FRAME, readErrorBody, STREAM_KIND } from '../../../src/wire/index.js';
import {
  frame,
  framesOf,
  head,
  hello,
  message,
  open,
  preamble,
  RawClient,
  type RawStream,
  request,
} from './raw-peer.js';
import { Gate, MemoryWorld, onBothTransports, type World } from './world.js';

const Target = defineService('target', {
  echo: unary<unknown, unknown>({ idempotent: true }),
  large: unary<number, Buffer>(),
  wait: unary<null, string>(),
  feed: serverStream<number, Buffer>(),
  sum: clientStream<number, number>(),
});

class Server {
  readonly gate = new Gate<string>();
  readonly aborts: string[] = [];
  started = 0;
  produced = 0;

  readonly implementation = (() => {
    const self = this;
    const watch = (signal: AbortSignal): void => {
      self.started++;
      signal.addEventListener('abort', () => self.aborts.push((signal.reason as RpcError).reason));
    };
    return implement(Target, {
      echo: (input) => input,
      large: (bytes) => Buffer.alloc(bytes),
      wait: (_, { signal }) => {
        watch(signal);
        return self.gate.promise;
      },
      async *feed(sizeBytes) {
        for (let i = 0; i < 100_000; i++) {
          self.produced++;
          yield Buffer.alloc(sizeBytes);
        }
      },
      async sum(numbers, { signal }) {
        watch(signal);
        let sum = 0;
        for await (const number of numbers) sum += number;
        return sum;
      },
    });
  })();
}

onBothTransports('a server', (world) => {
  let server: Server;

  function setUp(options: Parameters<World['serve']>[1] = {}): void {
    server = new Server();
    world().serve(server.implementation, options);
  }

  /** A well-behaved client of the same server is served. */
  async function othersAreServed(): Promise<void> {
    const channel = world().channel();
    const client = serviceClient(Target, channel);
    expect(await world().run(client.echo('healthy'))).to.equal('healthy');
    await world().run(channel.close());
  }

  async function isClosedWith(client: RawClient, code: number): Promise<void> {
    await world().until('the connection to be closed', () => client.closed !== undefined);
    expect(client.closed, client.closed?.message).to.include({ by: 'peer', code });
    await othersAreServed();
  }

  async function answer(stream: RawStream, count = 1) {
    await world().until('an answer', () => framesOf(stream.data).length >= count);
    return framesOf(stream.data);
  }

  it('closes the connection of a client whose hello is not that of its certificate', async () => {
    setUp();
    for (const [fields, code] of [
      [{ id: 'c2' }, CLOSE_CODES.UNAUTHENTICATED],
      [{ role: 'director' }, CLOSE_CODES.UNAUTHENTICATED],
      [{ role: 'king' }, CLOSE_CODES.PROTOCOL_VIOLATION],
      [{ id: '../../etc' }, CLOSE_CODES.PROTOCOL_VIOLATION],
      [{ id: undefined }, CLOSE_CODES.PROTOCOL_VIOLATION],
      [{ versions: [2, 3] }, CLOSE_CODES.VERSION_UNSUPPORTED],
      [{ versions: [] }, CLOSE_CODES.VERSION_UNSUPPORTED],
      [{ messageBytesMax: -1 }, CLOSE_CODES.PROTOCOL_VIOLATION],
    ] as const) {
      const client = await RawClient.connect(world());
      client.send(client.control, preamble(STREAM_KIND.CONTROL_LANE, 0), hello(fields));
      await isClosedWith(client, code);
    }
  });

  it('takes nothing but a hello as the first frame, once, and on the control lane', async () => {
    setUp();
    const starts = [
      [preamble(STREAM_KIND.CONTROL_LANE, 0), request('target.echo', 1, 'x')],
      [preamble(STREAM_KIND.CONTROL_LANE, 0), frame(FRAME.HELLO, 0, 0, Buffer.of(0xc1))],
      [preamble(STREAM_KIND.CONTROL_LANE, 0), frame(0x77, 0, 0)],
      [preamble(STREAM_KIND.CONTROL_LANE, 0), Buffer.alloc(64, 0xff)],
      [preamble(STREAM_KIND.CONTROL_LANE, 0), hello(), hello()],
      [preamble(STREAM_KIND.CONTROL_LANE, 0), Buffer.of(0, 0, 0, 1)],
    ];
    for (const start of starts) {
      const client = await RawClient.connect(world());
      client.send(client.control, ...start);
      await isClosedWith(client, CLOSE_CODES.PROTOCOL_VIOLATION);
    }
    expect(world().rpc.counters.violations).to.equal(starts.length);
  });

  it('closes the connection at garbage on a lane, and at a lane that ends or is reset', async () => {
    setUp();
    const acts: ((lane: RawStream, client: RawClient) => void)[] = [
      (lane, client) => client.send(lane, Buffer.alloc(100, 0xff)),
      (lane, client) => client.send(lane, Buffer.of(0, 0, 0, 5, 1, 2, 3, 4, 5)),
      (lane, client) => client.send(lane, Buffer.from(`00010000${'00'.repeat(20)}`, 'hex')),
      (lane) => lane.stream.end(),
      (lane) => lane.stream.reset(3),
      (lane) => lane.stream.stop(3),
      (_, client) => client.control.stream.end(),
      (_, client) => client.control.stream.reset(0),
    ];
    for (const act of acts) {
      const client = await RawClient.greet(world());
      const lane = client.lane();
      client.send(lane, request('target.echo', 1, 'x'));
      await answer(lane);
      act(lane, client);
      await isClosedWith(client, CLOSE_CODES.PROTOCOL_VIOLATION);
    }
  });

  it('skips frames and streams of kinds it does not know, and goes on', async () => {
    setUp();
    const client = await RawClient.greet(world());
    const lane = client.lane();
    client.send(lane, frame(0x7f, 0xff, 9, Buffer.alloc(50)), frame(FRAME.REPLY, 0, 9), frame(FRAME.CANCEL, 0, 12_345));
    client.send(client.control, frame(FRAME.HELLO_ACK, 0, 0), frame(FRAME.GOING_AWAY, 0, 0));
    const odd = [0x00, 0x04, 0x09, 0xff, STREAM_KIND.CONTROL_LANE].map((kind) => {
      const stream = client.open();
      client.send(stream, preamble(kind, 1), Buffer.alloc(100));
      return stream;
    });
    const uni = client.open({ unidirectional: true });
    client.send(uni, preamble(STREAM_KIND.CALL, 1), open('target.echo', 77), frame(FRAME.MESSAGE, 0, 77, message(1)));
    client.send(lane, request('target.echo', 10, 'still here'));
    const [reply] = await answer(lane);
    expect(reply).to.include({ type: FRAME.REPLY, callId: 10 });
    await world().until('unknown streams to be refused', () => odd.every((stream) => stream.stops.length === 1));
    for (const stream of odd) expect(stream.resets).to.deep.equal([CLOSE_CODES.PROTOCOL_VIOLATION]);
    expect(client.closed).to.equal(undefined);
    await othersAreServed();
  });

  it('answers every damaged request with a coded error and goes on', async () => {
    setUp({ limits: { messageBytesMax: 100_000 } });
    const client = await RawClient.greet(world());
    const lane = client.lane();
    const named =
      (body: Uint8Array, flags: number = FLAG.NAMED) =>
      (id: number) =>
        frame(FRAME.REQUEST, flags, id, body);
    const echo = head('target.echo');
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const packed = (algorithm: number, size: number, bytes: Uint8Array) => {
      const prefix = Buffer.alloc(5);
      prefix[0] = algorithm;
      prefix.writeUInt32BE(size, 1);
      return named(Buffer.concat([echo, prefix, bytes]), FLAG.NAMED | FLAG.COMPRESSED);
    };
    const damaged: [string, (id: number) => Buffer][] = [
      ['MESSAGE_UNDECODABLE', named(Buffer.alloc(0))],
      ['MESSAGE_UNDECODABLE', named(echo)],
      ['MESSAGE_UNDECODABLE', named(Buffer.concat([echo, Buffer.of(0xc1)]))],
      ['MESSAGE_UNDECODABLE', named(Buffer.concat([echo, Buffer.alloc(5_000, 0x91)]))],
      ['MESSAGE_UNDECODABLE', named(Buffer.concat([echo, Buffer.from('ddffffffff', 'hex')]))],
      ['MESSAGE_UNDECODABLE', named(Buffer.concat([echo, Buffer.of(0, 1)]), FLAG.NAMED | FLAG.HEADERS)],
      ['METHOD_UNKNOWN', named(Buffer.concat([head(9_999), message(1)]), 0)],
      ['METHOD_UNKNOWN', named(Buffer.concat([head('__proto__'), message(1)]))],
      ['KIND_MISMATCH', named(Buffer.concat([head('target.feed'), message(1)]))],
      ['MESSAGE_UNDECODABLE', packed(1, 1_000, bomb)],
      ['MESSAGE_TOO_LARGE', packed(1, 50_000_000, bomb)],
      ['MESSAGE_TOO_LARGE', packed(1, 0xffff_ffff, Buffer.alloc(0))],
      ['MESSAGE_UNDECODABLE', packed(1, 10, Buffer.alloc(20))],
      ['MESSAGE_UNDECODABLE', packed(9, 10, Buffer.alloc(20))],
      ['MESSAGE_UNDECODABLE', named(Buffer.concat([echo, Buffer.of(1)]), FLAG.NAMED | FLAG.COMPRESSED)],
    ];
    for (const [i, [, make]] of damaged.entries()) client.send(lane, make(i));
    const errors = await answer(lane, damaged.length);
    for (const [i, [reason]] of damaged.entries()) {
      const body = errors[i]?.body ?? Buffer.alloc(0);
      expect(errors[i], `${i}`).to.include({ type: FRAME.ERROR, callId: i });
      expect(readErrorBody(body, 0, body.length), `${i}`).to.include({ reason, maybeExecuted: false });
    }
    expect(client.closed).to.equal(undefined);
    expect(world().rpc.counters.callsStarted).to.equal(0);
    await othersAreServed();
  });

  it('answers every damaged call stream with a coded error and goes on', async () => {
    setUp({ limits: { messageBytesMax: 100_000 } });
    const client = await RawClient.greet(world());
    const call = preamble(STREAM_KIND.CALL, 1);
    const damaged: [string, Buffer[], boolean][] = [
      ['MESSAGE_UNDECODABLE', [call, frame(FRAME.MESSAGE, 0, 1, message(1))], false],
      ['MESSAGE_UNDECODABLE', [open('target.echo', 2)], true],
      ['MESSAGE_UNDECODABLE', [open('target.echo', 3), frame(FRAME.MESSAGE, 0, 3, Buffer.of(0xc1))], false],
      ['METHOD_UNKNOWN', [open('target.nothing', 4)], false],
      ['MESSAGE_TOO_LARGE', [open('target.echo', 5), Buffer.from('7fffffff', 'hex')], false],
      ['MESSAGE_TOO_LARGE', [open('target.echo', 6), frame(FRAME.MESSAGE, 0, 6, Buffer.alloc(110_000))], false],
      ['MESSAGE_UNDECODABLE', [open('target.sum', 7), Buffer.of(0, 0, 0, 1)], false],
      ['MESSAGE_UNDECODABLE', [open('target.sum', 8), Buffer.of(0, 0)], true],
      ['MESSAGE_UNDECODABLE', [call, frame(FRAME.OPEN, 0, 9)], false],
      [
        'KIND_MISMATCH',
        [open('target.wait', 10), ...[1, 2].map(() => frame(FRAME.MESSAGE, 0, 10, message(null)))],
        false,
      ],
    ];
    for (const [reason, parts, end] of damaged) {
      const stream = client.open();
      client.send(stream, ...parts);
      if (end) stream.stream.end();
      const [error] = await answer(stream);
      expect(error?.type, reason).to.equal(FRAME.ERROR);
      const body = error?.body ?? Buffer.alloc(0);
      expect(readErrorBody(body, 0, body.length).reason).to.equal(reason);
      await world().until('the end of the stream', () => stream.fins === 1);
    }
    server.gate.open('');
    await world().until('all calls to end', () => world().rpc.inFlight === 0);
    expect(client.closed).to.equal(undefined);
    await othersAreServed();
  });

  it('closes the connection when the id of a call in progress is used again, and ends both calls', async () => {
    setUp();
    const again: ((client: RawClient, lane: RawStream) => void)[] = [
      (client, lane) => client.send(lane, request('target.wait', 5, null)),
      (client, lane) => client.send(lane, request('target.echo', 5, null)),
      (client) => client.send(client.open(), open('target.sum', 5)),
    ];
    for (const [i, repeat] of again.entries()) {
      const client = await RawClient.greet(world());
      const lane = client.lane();
      client.send(lane, request('target.wait', 5, null));
      await world().until('the handler', () => server.started === i + 1);
      repeat(client, lane);
      await isClosedWith(client, CLOSE_CODES.PROTOCOL_VIOLATION);
    }
    await world().until('every handler to hear of it', () => server.aborts.length === again.length);
    server.gate.open('');
    await world().until('all calls to end', () => world().rpc.inFlight === 0);
  });

  it('lets an id be used again once its call is answered, although the handler still runs', async () => {
    setUp();
    const client = await RawClient.greet(world());
    const lane = client.lane();
    client.send(lane, request('target.wait', 5, null));
    await world().until('the handler', () => server.started === 1);
    client.send(client.control, frame(FRAME.CANCEL, 0, 5));
    expect((await answer(lane))[0]).to.include({ type: FRAME.ERROR, callId: 5 });
    client.send(lane, request('target.echo', 5, 'again'));
    expect((await answer(lane, 2))[1]).to.include({ type: FRAME.REPLY, callId: 5 });
    server.gate.open('');
    await world().until('all calls to end', () => world().rpc.inFlight === 0);
    expect(framesOf(lane.data)).to.have.length(2);
  });

  it('serves others while a client opens streams without end', async () => {
    setUp({ limits: { helloTimeoutMs: 300 } });
    const client = await RawClient.greet(world());
    let opened = 0;
    for (let round = 0; round < 5; round++) {
      for (;;) {
        const stream = client.connection.openStream('data', {
          onData() {},
          onReset() {},
          onStopped() {},
          onDrained() {},
        });
        if (stream === undefined) break;
        stream.out.append(round % 2 === 0 ? Buffer.of(STREAM_KIND.CALL) : preamble(STREAM_KIND.CALL, 1));
        stream.flush();
        opened++;
      }
      await othersAreServed();
    }
    expect(opened).to.be.above(50);
    expect(world().rpc.inFlight).to.equal(0);
  });

  it('keeps little for a client that does not read its replies, and serves others', async () => {
    const accepted: Connection[] = [];
    setUp({ onAccept: (connection) => accepted.push(connection) });
    const client = await RawClient.greet(world());
    const lane = client.lane();
    lane.stream.pause();
    const text = 'x'.repeat(30_000);
    let id = 1;
    for (let round = 0; round < 40; round++) {
      const batch = Array.from({ length: 20 }, () => request('target.echo', id++, text));
      client.send(lane, ...batch);
      await world().run(new Promise<void>((resolve) => world().clock.setTimer(2, resolve)));
    }
    await othersAreServed();
    const { callsStarted } = world().rpc.counters;
    expect(callsStarted * text.length, 'replies made').to.be.below(20 * 1024 * 1024);
    expect(client.closed).to.equal(undefined);
    lane.stream.resume();
    // Header, load, the text's own header: cutting 24 MB into frames anew at every look would take longer than the test.
    const replyBytes = 10 + 2 + 3 + text.length;
    await world().until('all replies', () => lane.sizeBytes >= (id - 1) * replyBytes);
    expect(framesOf(lane.data)).to.have.length(id - 1);
  });
});

describe('a server in virtual time', () => {
  let world: MemoryWorld;
  let server: Server;

  beforeEach(() => {
    world = new MemoryWorld();
    server = new Server();
    world.serve(server.implementation);
  });
  afterEach(() => world.close());

  it('closes a connection whose hello does not come, or comes a byte a second', async () => {
    const silent = await RawClient.connect(world);
    const slow = await RawClient.connect(world);
    const bytes = Buffer.concat([preamble(STREAM_KIND.CONTROL_LANE, 0), hello()]);
    for (const [i, byte] of bytes.entries())
      world.clock.setTimer(1_000 * i, () => slow.send(slow.control, Buffer.of(byte)));
    await world.pass(4_900);
    expect([silent.closed, slow.closed]).to.deep.equal([undefined, undefined]);
    await world.pass(200);
    for (const client of [silent, slow]) expect(client.closed).to.include({ code: CLOSE_CODES.PROTOCOL_VIOLATION });
    await world.pass(200_000);
    expect(world.rpc.connectionCount).to.equal(0);
  });

  it('reads nothing but the control lane before the hello, and all of it after', async () => {
    const client = await RawClient.connect(world);
    const lane = client.lane();
    client.send(lane, request('target.echo', 1, 'early'));
    await world.pass(1_000);
    expect(world.rpc.counters.callsStarted).to.equal(0);
    client.send(client.control, preamble(STREAM_KIND.CONTROL_LANE, 0), hello());
    await world.until('the reply', () => lane.sizeBytes > 0);
    expect(framesOf(lane.data)[0]).to.include({ type: FRAME.REPLY, callId: 1 });
  });

  it('refuses streams whose beginning does not come in time', async () => {
    const client = await RawClient.greet(world);
    const [half, headless] = [client.open(), client.open()];
    client.send(half, Buffer.of(STREAM_KIND.CALL));
    client.send(headless, preamble(STREAM_KIND.CALL, 1), Buffer.of(0, 0));
    await world.pass(5_100);
    expect(half.resets).to.deep.equal([CLOSE_CODES.PROTOCOL_VIOLATION]);
    expect(framesOf(headless.data)[0]?.type).to.equal(FRAME.ERROR);
    expect(client.closed).to.equal(undefined);
  });

  it('serves a client that sends a byte a second, in its time', async () => {
    const client = await RawClient.greet(world);
    const lane = client.lane();
    for (const [i, byte] of request('target.echo', 1, 'slow').entries()) {
      world.clock.setTimer(1_000 * i, () => client.send(lane, Buffer.of(byte)));
    }
    await world.pass(20_000);
    expect(lane.sizeBytes).to.equal(0);
    await world.until('the reply', () => lane.sizeBytes > 0);
    expect(framesOf(lane.data)[0]).to.include({ type: FRAME.REPLY, callId: 1 });
  });

  it('closes a connection for which too much waits because it reads nothing', async () => {
    const client = await RawClient.greet(world);
    client.handler.serve = ({ stream }) => stream?.pause();
    const lane = client.lane();
    const sizeBytes = 3_500_000;
    for (let id = 1; id < 200 && client.closed === undefined; id++) {
      client.send(lane, request('target.large', id, sizeBytes));
      await world.pass(1);
    }
    expect(client.closed).to.include({ code: CLOSE_CODES.EXCESSIVE_LOAD });
    const madeBytes = world.rpc.counters.callsStarted * sizeBytes;
    // Neither before the limit nor long after it: a few replies more, for what has left and what came in the same turn.
    expect(madeBytes - LIMITS.connectionBufferBytesMax).to.be.within(0, 4 * sizeBytes);
    const client2 = serviceClient(Target, world.channel());
    expect(await world.run(client2.echo('healthy'))).to.equal('healthy');
  });

  it('refuses calls whose parts would together take more memory than a connection may, until others have ended', async () => {
    const client = await RawClient.greet(world);
    const long = frame(FRAME.MESSAGE, 0, 1, message(Buffer.alloc(3_900_000)));
    const almost = long.subarray(0, -10);
    const streams: RawStream[] = [];
    for (let id = 1; id <= 40; id++) {
      const stream = client.open();
      streams.push(stream);
      client.send(stream, open('target.echo', id), almost);
      await world.until('the call to be held or refused', () => stream.stream.out.length === 0 || stream.sizeBytes > 0);
    }
    const isRefused = (stream: RawStream): boolean => stream.sizeBytes > 0;
    await world.until('refusals', () => world.rpc.inFlight + streams.filter(isRefused).length === 40);
    expect(world.rpc.inFlight * almost.length).to.be.within(LIMITS.reassemblyBytesMax / 2, LIMITS.reassemblyBytesMax);
    for (const stream of streams.filter(isRefused)) {
      const [answer] = framesOf(stream.data);
      const error = readErrorBody(answer?.body ?? Buffer.alloc(0), 0, answer?.body.length ?? 0);
      expect(error).to.include({ reason: 'OVERLOADED', maybeExecuted: false, retryAfterMs: 100 });
    }
    const [first, second] = streams as [RawStream, RawStream];
    client.send(first, long.subarray(-10));
    second.stream.reset(1);
    await world.until('a reply', () => first.sizeBytes > 3_900_000);
    const next = client.open();
    client.send(next, open('target.echo', 77), long);
    await world.until('the next reply', () => next.sizeBytes > 3_900_000);
    expect(client.closed).to.equal(undefined);
  });

  it('stops producing for a stream that is not read', async () => {
    const client = await RawClient.greet(world);
    const stream = client.open();
    stream.stream.pause();
    client.send(stream, open('target.feed', 1), frame(FRAME.MESSAGE, 0, 1, message(10_000)));
    await world.pass(5_000);
    expect(server.produced).to.be.within(20, 400);
    client.connection.close(0, 'enough');
    await world.until('the handler to end', () => world.rpc.inFlight === 0);
  });

  it('survives whatever bytes come on its streams, and serves others meanwhile', async () => {
    const healthy = serviceClient(Target, world.channel());
    const act = fc.record({
      to: fc.constantFrom('control', 'lane', 'call', 'new'),
      bytes: fc.oneof(
        fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
        fc
          .tuple(fc.nat(0x30), fc.nat(15), fc.nat(5), fc.uint8Array({ maxLength: 60 }))
          .map(([type, flags, id, body]) => frame(type, flags, id, body)),
        fc.nat(5).map((id) => request('target.echo', id, 'x')),
        fc.nat(5).map((id) => request('target.wait', id, null, 50)),
        fc.nat(5).map((id) => open('target.sum', id, 50)),
        fc.nat(5).map((id) => frame(FRAME.MESSAGE, 0, id, message(1))),
      ),
      end: fc.constantFrom('no', 'no', 'no', 'fin', 'reset', 'stop'),
    });
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.array(act, { maxLength: 25 }), async (greeted, acts) => {
        const client = greeted ? await RawClient.greet(world) : await RawClient.connect(world);
        const streams = { control: client.control, lane: client.lane(), call: client.open() };
        for (const { to, bytes, end } of acts) {
          if (client.connection.state === 'closed') break;
          const stream = to === 'new' ? client.open() : streams[to as keyof typeof streams];
          client.send(stream, bytes);
          if (end === 'fin') stream.stream.end();
          if (end === 'reset') stream.stream.reset(1);
          if (end === 'stop') stream.stream.stop(1);
          await world.pass(1);
        }
        expect(await world.run(healthy.echo('healthy'))).to.equal('healthy');
        client.connection.close(0, 'done');
        server.gate.open('');
        await world.pass(100);
        expect(world.rpc.inFlight).to.equal(0);
        expect(world.rpc.connectionCount).to.equal(1);
      }),
      { numRuns: 150 },
    );
  }).timeout(60_000);
});
