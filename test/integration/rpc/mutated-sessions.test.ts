import { expect } from 'chai';
import fc from 'fast-check';
import { RpcError } from '../../../src/base/index.js';
import type { CloseReason, Connection, ConnectionHandler, Stream, StreamHandler } from '../../../src/ports/index.js';
import {
  bidiStream,
  type CallOptions,
  clientStream,
  defineService,
  implement,
  type ServiceClient,
  serverStream,
  serviceClient,
  unary,
} from '../../../src/rpc/index.js';
import { testIdentity } from '../../../src/testing/index.js';
import { collect, MemoryWorld } from './world.js';

/** One change to the bytes that pass in one direction. */
interface Mutation {
  readonly direction: 'toServer' | 'toClient';
  /** Where, counted over all streams of the direction in the order of delivery. */
  readonly at: number;
  readonly type: 'flip' | 'drop' | 'double' | 'insert' | 'splice' | 'cut';
  readonly size: number;
}

const mutations = fc.record<Mutation>({
  direction: fc.constantFrom('toServer', 'toClient'),
  at: fc.oneof({ weight: 3, arbitrary: fc.nat(400) }, { weight: 2, arbitrary: fc.nat(3_000) }, fc.nat(200_000)),
  type: fc.constantFrom('flip', 'drop', 'double', 'insert', 'splice', 'cut'),
  size: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 255 })),
});

/** Changes the bytes of one direction as its mutations say, and remembers what passed. */
class Mutator {
  passedBytes = 0;
  private readonly mutations: Mutation[];
  private readonly seen: Buffer[] = [];

  constructor(all: readonly Mutation[], direction: Mutation['direction']) {
    this.mutations = all.filter((mutation) => mutation.direction === direction).sort((a, b) => b.at - a.at);
  }

  change(data: Buffer): Buffer {
    const startAt = this.passedBytes;
    this.passedBytes += data.length;
    let bytes = Buffer.from(data);
    for (const { at, type, size } of this.mutations) {
      if (at < startAt || at >= this.passedBytes) continue;
      const position = Math.min(at - startAt, bytes.length);
      bytes = Buffer.concat(this.pieces(type, bytes, position, size));
    }
    if (this.seen.length < 64) this.seen.push(Buffer.from(data.subarray(0, 4_096)));
    return bytes;
  }

  private pieces(type: Mutation['type'], bytes: Buffer, at: number, size: number): Buffer[] {
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    switch (type) {
      case 'flip':
        if (after.length > 0) after[0] = (after[0] as number) ^ size;
        return [before, after];
      case 'drop':
        return [before, after.subarray(size)];
      case 'double':
        return [before, after.subarray(0, size), after];
      case 'insert':
        return [before, Buffer.alloc(size, size), after];
      case 'splice':
        return [before, this.seen[size % Math.max(1, this.seen.length)] ?? before, after];
      case 'cut':
        return [before];
    }
  }
}

/** Stands between a client and the server, as both, and changes what passes. */
class Relay {
  readonly toServer: Mutator;
  readonly toClient: Mutator;
  private readonly upstream: Connection;
  private downstream: Connection | undefined;

  constructor(world: MemoryWorld, all: readonly Mutation[]) {
    this.toServer = new Mutator(all, 'toServer');
    this.toClient = new Mutator(all, 'toClient');
    const asClient = world.network.createEndpoint({ identity: testIdentity('client', 'c1') });
    this.upstream = asClient.connect({ ...world.target, earlyData: false }, this.handler('toClient'));
    this.endpoint = world.network.createEndpoint({ identity: testIdentity('worker', 'w1') });
    this.endpoint.listen((connection) => {
      this.downstream = connection;
      return this.handler('toServer');
    });
  }

  readonly endpoint;

  get ready(): boolean {
    return this.upstream.state === 'open';
  }

  close(): void {
    this.upstream.close(0, 'relay');
    this.downstream?.close(0, 'relay');
  }

  private handler(direction: Mutation['direction']): ConnectionHandler {
    const other = () => (direction === 'toServer' ? this.upstream : this.downstream);
    return {
      onOpen() {},
      onStream: (_, stream) => this.pair(direction, stream, other()),
      onClosed: (_, { code, message }: CloseReason) => other()?.close(code, message),
    };
  }

  private pair(direction: Mutation['direction'], from: Stream, to: Connection | undefined): StreamHandler {
    const isUnidirectional = (from.id & 2) !== 0;
    const back = direction === 'toServer' ? 'toClient' : 'toServer';
    const twin = to?.openStream(
      'data',
      this.pipe(this[back], () => from),
      { unidirectional: isUnidirectional },
    );
    return this.pipe(this[direction], () => twin);
  }

  private pipe(mutator: Mutator, to: () => Stream | undefined): StreamHandler {
    return {
      onData(data, fin) {
        to()?.out.append(mutator.change(data));
        if (fin) to()?.end();
        else to()?.flush();
      },
      onReset: (code) => to()?.reset(code),
      onStopped: (code) => to()?.stop(code),
      onDrained() {},
    };
  }
}

const Session = defineService('session', {
  echo: unary<unknown, unknown>({ idempotent: true }),
  sum: clientStream<number, number>(),
  feed: serverStream<number, number>(),
  chat: bidiStream<string, string>(),
});

function serve(world: MemoryWorld): void {
  world.serve(
    implement(Session, {
      echo: async (input, context) => {
        context.setHeader('seen', 'yes');
        await null;
        return input;
      },
      async sum(numbers) {
        let sum = 0;
        for await (const number of numbers) sum += Number(number);
        return sum;
      },
      async *feed(count) {
        for (let i = 0; i < Math.min(Number(count), 100); i++) yield i;
      },
      async *chat(lines) {
        for await (const line of lines) yield String(line);
      },
    }),
  );
}

/** Everything a client can do, once. */
function talk(client: ServiceClient<typeof Session.methods, CallOptions>): Promise<unknown>[] {
  const options = { timeoutMs: 1_000, headers: { a: 'b' } };
  return [
    client.echo('small', options),
    client.echo({ a: [1, 2, { b: new Date(0) }], c: Buffer.from('bytes') }, { timeoutMs: 1_000 }),
    client.echo('x'.repeat(80_000), { timeoutMs: 1_000, compress: true }),
    client.echo(Buffer.alloc(80_000, 1), { timeoutMs: 1_000 }),
    client.sum([1, 2, 3], options),
    collect(client.feed(5, options)),
    collect(client.chat(['a', 'b'], options)),
    client.echo('cancelled', { ...options, signal: AbortSignal.abort() }),
  ];
}

describe('a session whose bytes are changed on their way', () => {
  async function session(all: readonly Mutation[]) {
    const world = new MemoryWorld();
    serve(world);
    const healthy = serviceClient(Session, world.channel());
    expect(await world.run(healthy.echo('before'))).to.equal('before');
    const relay = new Relay(world, all);
    await world.until('the relay', () => relay.ready);
    const target = { ...world.target, address: relay.endpoint.address, earlyData: false };
    const channel = world.channel({ target, retry: { attemptsMax: 1 }, reconnect: { baseMs: 60_000, maxMs: 60_000 } });
    const client = serviceClient(Session, channel);
    const first = talk(client);
    const results = await world.run(Promise.allSettled(first));
    results.push(...(await world.run(Promise.allSettled(talk(client)))));
    expect(await world.run(healthy.echo('after'))).to.equal('after');
    expect(channel.inFlight).to.equal(0);
    await world.run(channel.close());
    relay.close();
    await world.until('all calls to end', () => world.rpc.inFlight === 0);
    await world.until('its connection to end', () => world.rpc.connectionCount === 1);
    await world.close();
    return { results, relay };
  }

  it('works as without the relay while nothing is changed', async () => {
    const { results, relay } = await session([]);
    const rejected = results.filter((result) => result.status === 'rejected');
    expect(rejected.map(({ reason }) => (reason as RpcError).reason)).to.deep.equal([
      'CANCELLED_BY_CALLER',
      'CANCELLED_BY_CALLER',
    ]);
    expect(relay.toServer.passedBytes).to.be.above(160_000);
    expect(relay.toClient.passedBytes).to.be.above(160_000);
  });

  it('ends every call with a result or a coded error, and harms nobody else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(mutations, { minLength: 1, maxLength: 6 }), async (all) => {
        const { results } = await session(all);
        for (const result of results) {
          if (result.status === 'rejected') expect(result.reason).to.be.instanceOf(RpcError);
        }
      }),
      { numRuns: 150 },
    );
  }).timeout(120_000);
});
