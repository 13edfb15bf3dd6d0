import { expect } from 'chai';
import { CLOSE_CODES, type RpcError } from '../../../src/base/index.js';
import type { Connection } from '../../../src/ports/index.js';
import {
  type CallOptions,
  defineService,
  type ServiceClient,
  serverStream,
  serviceClient,
  unary,
} from '../../../src/rpc/index.js';
import { RecordingConnection, type RecordingStream, write } from '../../../src/testing/index.js';
import { FRAME, STREAM_KIND } from '../../../src/wire/index.js';
import { frame, framesOf, message, preamble } from './raw-peer.js';
import { collect, failureOf, onBothTransports } from './world.js';

const Target = defineService('target', {
  ask: unary<unknown, unknown>({ idempotent: true }),
  feed: serverStream<null, unknown>(),
});

const ACK = { version: 1, features: [], id: 'w1', role: 'worker', messageBytesMax: 4_000_000, methods: [] };

/** A server written by hand: records what clients send and answers as the test says. */
class RawServer extends RecordingConnection {
  readonly accepted: Connection;
  greet: (control: RecordingStream) => void = (control) => write(control.stream, ack());

  constructor(connection: Connection) {
    super();
    this.accepted = connection;
    this.serve = (stream) => {
      if (stream.stream?.id !== 0) return;
      stream.react = () => {
        stream.react = undefined;
        this.greet(stream);
      };
    };
  }

  /** The first frame of a type that a client has sent, with its stream. */
  find(type: number): { readonly stream: RecordingStream; readonly callId: number } | undefined {
    for (const stream of this.streams) {
      for (const { type: found, callId } of framesOf(stream.data.subarray(2)))
        if (found === type) return { stream, callId };
    }
    return undefined;
  }
}

function ack(fields: object = {}): Buffer {
  return frame(FRAME.HELLO_ACK, 0, 0, message({ ...ACK, ...fields }));
}

function reply(callId: number, value: unknown): Buffer {
  return frame(FRAME.REPLY, 0, callId, Buffer.concat([Buffer.alloc(2), message(value)]));
}

onBothTransports('a client', (world) => {
  let servers: RawServer[];
  let client: ServiceClient<typeof Target.methods, CallOptions>;

  function setUp(change: (server: RawServer) => void = () => {}) {
    servers = [];
    world().serverEndpoint.listen((connection) => {
      const server = new RawServer(connection);
      change(server);
      servers.push(server);
      return server;
    });
    const channel = world().channel({ retry: { attemptsMax: 1 }, timeoutMs: 2_000 });
    client = serviceClient(Target, channel);
    return channel;
  }

  async function sent(type: number) {
    await world().until(`a frame of type ${type}`, () => servers.some((server) => server.find(type) !== undefined));
    const found = servers.find((server) => server.find(type) !== undefined)?.find(type);
    if (found === undefined) throw new Error('not found');
    return found;
  }

  async function closedWith(code: number): Promise<void> {
    await world().until('the close', () => (servers[0]?.closes.length ?? 0) > 0);
    expect(servers[0]?.closes[0]).to.include({ by: 'peer', code });
  }

  it('closes a connection whose hello is not that of the certificate, or broken', async () => {
    for (const [fields, code] of [
      [{ id: 'w2' }, CLOSE_CODES.UNAUTHENTICATED],
      [{ role: 'director' }, CLOSE_CODES.UNAUTHENTICATED],
      [{ version: 9 }, CLOSE_CODES.PROTOCOL_VIOLATION],
      [{ methods: 5 }, CLOSE_CODES.PROTOCOL_VIOLATION],
    ] as const) {
      const channel = setUp((server) => {
        server.greet = (control) => write(control.stream, ack(fields));
      });
      channel.connect();
      await closedWith(code);
      await world().run(channel.close());
    }
  });

  it('ends all its calls when garbage comes on a lane', async () => {
    for (const bytes of [Buffer.alloc(64, 0xff), Buffer.of(0, 0, 0, 1), Buffer.from('00100000', 'hex')]) {
      const channel = setUp();
      const calls = [failureOf(client.ask(1)), failureOf(collect(client.feed(null)))];
      const { stream } = await sent(FRAME.REQUEST);
      await sent(FRAME.OPEN);
      write(stream.stream, bytes);
      for (const error of await world().run(Promise.all(calls))) {
        expect(error).to.include({ reason: 'CONNECTION_LOST', maybeExecuted: true });
      }
      await closedWith(CLOSE_CODES.PROTOCOL_VIOLATION);
      expect(channel.inFlight).to.equal(0);
      await world().run(channel.close());
    }
  });

  it('ends all its calls when a lane ends', async () => {
    for (const act of ['end', 'reset', 'stop'] as const) {
      const channel = setUp();
      const call = failureOf(client.ask(1));
      const { stream } = await sent(FRAME.REQUEST);
      if (act === 'end') stream.stream?.end();
      else stream.stream?.[act](0);
      expect(await world().run(call), act).to.include({ reason: 'CONNECTION_LOST' });
      await closedWith(CLOSE_CODES.PROTOCOL_VIOLATION);
      await world().run(channel.close());
    }
  });

  it('fails a streaming call that is answered on a lane, and does not lose it', async () => {
    for (const type of [FRAME.REPLY, FRAME.ERROR]) {
      const channel = setUp();
      const ask = failureOf(client.ask(1));
      const feed = failureOf(collect(client.feed(null, { timeoutMs: 2_000 })));
      const lane = await sent(FRAME.REQUEST);
      const { callId } = await sent(FRAME.OPEN);
      write(
        lane.stream.stream,
        type === FRAME.REPLY ? reply(callId, 1) : frame(type, 0, callId, Buffer.of(0, 0, 5, 0x80)),
      );
      expect(await world().run(feed)).to.not.include({ reason: 'DEADLINE' });
      await world().run(Promise.all([channel.close(), ask]));
      expect(channel.inFlight).to.equal(0);
    }
  });

  it('ignores answers to calls it does not know and frames it does not know', async () => {
    setUp();
    const call = client.ask(1);
    const { stream, callId } = await sent(FRAME.REQUEST);
    write(stream.stream, reply(callId + 1, 'other'));
    write(stream.stream, frame(0x7f, 0xff, callId, Buffer.alloc(40)));
    write(stream.stream, frame(FRAME.ERROR, 0, 0xffff_ffff));
    write(stream.stream, reply(callId, 'mine'));
    write(stream.stream, reply(callId, 'again'));
    expect(await world().run(call)).to.equal('mine');
  });

  it('fails the call whose reply cannot be read, and only that one', async () => {
    setUp();
    const payloads = [Buffer.alloc(0), Buffer.of(0xc1), Buffer.alloc(3_000, 0x91), Buffer.from('ddffffffff', 'hex')];
    for (const payload of payloads) {
      const before = servers[0]?.streams.reduce((sum, stream) => sum + stream.sizeBytes, 0) ?? 0;
      const call = failureOf(client.ask(1));
      await world().until(
        'the request',
        () => (servers[0]?.streams.reduce((sum, s) => sum + s.sizeBytes, 0) ?? 0) > before + 10,
      );
      const requests = servers[0]?.streams.flatMap((stream) =>
        framesOf(stream.data.subarray(2))
          .filter(({ type }) => type === FRAME.REQUEST)
          .map(({ callId }) => ({ stream, callId })),
      );
      for (const { stream, callId } of requests ?? []) {
        write(stream.stream, frame(FRAME.REPLY, 0, callId, Buffer.concat([Buffer.alloc(2), payload])));
      }
      const error = (await world().run(call)) as RpcError;
      expect(error).to.include({ reason: 'MESSAGE_UNDECODABLE', maybeExecuted: true, retryable: false });
    }
    expect(servers[0]?.closes).to.deep.equal([]);
  });

  it('fails a streaming call whose stream breaks the protocol', async () => {
    const breaks: ((stream: RecordingStream, callId: number) => void)[] = [
      ({ stream }) => write(stream, Buffer.alloc(20, 0xff)),
      ({ stream }, callId) => write(stream, frame(FRAME.MESSAGE, 0, callId, Buffer.of(0xc1))),
      ({ stream }) => stream?.end(),
      ({ stream }) => stream?.reset(9),
      ({ stream }, callId) => write(stream, frame(FRAME.HEADERS, 0, callId, Buffer.of(0, 9))),
      ({ stream }, callId) => write(stream, frame(FRAME.ERROR, 0, callId)),
    ];
    setUp();
    for (const [i, act] of breaks.entries()) {
      const call = failureOf(collect(client.feed(null)));
      const opens = () =>
        servers[0]?.streams.filter((stream) => framesOf(stream.data.subarray(2))[0]?.type === FRAME.OPEN) ?? [];
      await world().until('the call', () => opens().length === i + 1);
      const stream = opens()[i];
      if (stream === undefined) throw new Error('no stream');
      act(stream, framesOf(stream.data.subarray(2))[0]?.callId ?? 0);
      const error = (await world().run(call)) as RpcError;
      expect(['PEER_VIOLATION', 'MESSAGE_UNDECODABLE', 'CONNECTION_LOST'], `${i}`).to.include(error.reason);
    }
    expect(servers[0]?.closes).to.deep.equal([]);
  });

  it('takes streams that the server opens for what they say, or refuses them', async () => {
    setUp();
    const call = client.ask(1);
    const { callId } = await sent(FRAME.REQUEST);
    const connection = servers[0]?.accepted;
    const handler = { onData() {}, onReset() {}, onStopped() {}, onDrained() {} };
    const open = (...parts: Buffer[]) => {
      const stream = connection?.openStream('bulk', handler, { unidirectional: true });
      write(stream, Buffer.concat(parts));
      stream?.end();
    };
    open(preamble(0x55, 0), Buffer.alloc(100, 0xff));
    open(Buffer.of(STREAM_KIND.REPLY));
    open(preamble(STREAM_KIND.REPLY, 2));
    open(preamble(STREAM_KIND.REPLY, 2), reply(callId, 'on a stream'));
    expect(await world().run(call)).to.equal('on a stream');
    expect(servers[0]?.closes).to.deep.equal([]);
  });

  it('gives up calls to a server that never answers, and its hello neither', async () => {
    const channel = setUp((server) => {
      server.greet = () => undefined;
    });
    expect(await world().run(failureOf(client.ask(1)))).to.include({ reason: 'DEADLINE', maybeExecuted: true });
    expect(channel.inFlight).to.equal(0);
    // The server keeps the deadline by itself: it is told of what it cannot know.
    const controller = new AbortController();
    const aborted = failureOf(client.ask(1, { timeoutMs: 0, signal: controller.signal }));
    await world().until('the request', () => channel.inFlight === 1);
    controller.abort();
    expect(await world().run(aborted)).to.include({ reason: 'CANCELLED_BY_CALLER' });
    await sent(FRAME.CANCEL);
  });
});
