import { expect } from 'chai';
import fc from 'fast-check';
import { nodeId, RpcError, type RpcReason } from '../../../src/base/index.js';
import type { Clock } from '../../../src/ports/index.js';
import type { CallOptions, MethodRef } from '../../../src/rpc/index.js';
import { type FakeChannel, FakeCluster, GET, PUT } from './fake-cluster.js';

const LIST: MethodRef = { name: 'kv.list', definition: { kind: 'serverStream', idempotent: true } };
const LOAD: MethodRef = { name: 'kv.load', definition: { kind: 'clientStream' } };
const SYNC: MethodRef = { name: 'kv.sync', definition: { kind: 'bidiStream' } };
const METHODS = [GET, PUT, LIST, LOAD, SYNC].map(({ name, definition: { kind, idempotent = false } }) => ({
  ...{ name, kind, idempotent },
}));

type Ending = 'message' | 'end' | RpcError;

/** The server's side of everything that one channel carries, each ended by the test, its caller or its deadline. */
class FakeServer {
  readonly open = new Set<(ending: Ending) => void>();
  private readonly clock: Clock;

  constructor(channel: FakeChannel, clock: Clock) {
    this.clock = clock;
    channel.auto = ({ settle: caller, options }) => {
      void this.next(options).then((ending) =>
        ending instanceof RpcError ? caller.reject(ending) : caller.resolve(ending),
      );
    };
    const next = (options: CallOptions | undefined): Promise<Ending> => this.next(options);
    channel.stream = async function* (_inputs, options) {
      for (;;) {
        const ending = await next(options);
        if (ending instanceof RpcError) throw ending;
        if (ending === 'end') return;
        yield ending;
      }
    };
    channel.onState((state) => {
      if (state === 'unavailable') this.endAll(RpcError.of('CONNECTION_LOST', 'fake loss'));
      if (state === 'closed') this.endAll(RpcError.of('CLOSED', 'closed'));
    });
  }

  endOne(ending: Ending): void {
    const [first] = this.open;
    first?.(ending);
  }

  endAll(ending: Ending): void {
    for (const end of [...this.open]) end(ending);
  }

  private next(options: CallOptions | undefined): Promise<Ending> {
    return new Promise((resolve) => {
      const signal = options?.signal;
      const cancel = (): void => end(RpcError.of('CANCELLED_BY_CALLER', 'cancelled'));
      const end = (ending: Ending): void => {
        this.open.delete(end);
        timer?.cancel();
        signal?.removeEventListener('abort', cancel);
        resolve(ending);
      };
      const { timeoutMs = 0 } = options ?? {};
      const late = (): void => end(RpcError.of('DEADLINE', 'late'));
      const timer = timeoutMs > 0 ? this.clock.setTimer(timeoutMs, late) : undefined;
      this.open.add(end);
      if (signal?.aborted === true) cancel();
      else signal?.addEventListener('abort', cancel);
    });
  }
}

/** Reads a stream until it ends, or, at the test's word, leaves it. */
class Reader {
  private readonly iterator: AsyncIterator<unknown>;
  readonly done: Promise<void>;
  private left = false;

  constructor(stream: AsyncIterable<unknown>) {
    this.iterator = stream[Symbol.asyncIterator]();
    this.done = this.read().catch(() => undefined);
  }

  leave(): void {
    this.left = true;
  }

  private async read(): Promise<void> {
    while ((await this.iterator.next()).done !== true) {
      if (this.left) await this.iterator.return?.();
    }
  }
}

const STARTS = ['get', 'put', 'hedged', 'broadcast', 'withWorker', 'list', 'list', 'load', 'sync', 'sync'] as const;
const EVENTS = ['message', 'end', 'fail', 'cancel', 'leave', 'lose', 'back', 'remove', 'add', 'restart'] as const;
const OTHERS = ['drain', 'suspect', 'clear', 'fail over', 'mute', 'wait', 'wait'] as const;
const REASONS: readonly RpcReason[] = [
  ...(['HANDLER_FAILED', 'OVERLOADED', 'DRAINING', 'CONNECTION_LOST'] as const),
  ...(['DEADLINE', 'APPLICATION', 'STREAM_LIMIT', 'EARLY_DATA_REFUSED'] as const),
];
const STEP = fc.record({
  type: fc.constantFrom(...STARTS, ...EVENTS, ...OTHERS),
  worker: fc.constantFrom('w1', 'w2', 'w3'),
  reason: fc.constantFrom(...REASONS),
  ms: fc.nat(1_500),
});

describe('the calls counted at each worker', () => {
  it('come down to none, however calls and streams end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(STEP, { maxLength: 50 }), fc.integer(), async (steps, seed) => {
        const servers = new Map<FakeChannel, FakeServer>();
        const cluster: FakeCluster = new FakeCluster({
          workers: 0,
          seed,
          onChannel: (channel) => void servers.set(channel, new FakeServer(channel, cluster.clock)),
        });
        const { client, clock, table } = cluster;
        for (const id of ['w1', 'w2', 'w3']) cluster.add(id, { methods: METHODS });
        const work: Promise<unknown>[] = [];
        const aborts: AbortController[] = [];
        const readers: Reader[] = [];
        let instance = 0;
        const options = (ms: number) => {
          const abort = new AbortController();
          aborts.push(abort);
          return { signal: abort.signal, timeoutMs: 2_000 + ms, waitForReady: ms % 3 === 0 };
        };
        const read = (stream: AsyncIterable<unknown>): void => {
          const reader = new Reader(stream);
          readers.push(reader);
          work.push(reader.done);
        };
        const check = (): void => {
          for (const { id, outstanding } of client.stats().workers) expect(outstanding, id).to.be.at.least(0);
        };

        for (const { type, worker, reason, ms } of steps) {
          const channel = cluster.channel(worker);
          const server = servers.get(channel)!;
          if (type === 'get') work.push(client.unary(GET, {}, options(ms)));
          else if (type === 'put') work.push(client.unary(PUT, {}, options(ms)));
          else if (type === 'hedged') work.push(client.unary(GET, {}, { ...options(ms), hedgeAfterMs: ms / 4 }));
          else if (type === 'broadcast') work.push(client.callAllWorkers('kv.get', {}, undefined, options(ms)));
          else if (type === 'list') read(client.serverStream(LIST, {}, options(ms)));
          else if (type === 'sync') read(client.bidiStream(SYNC, [1, 2], options(ms)));
          else if (type === 'load') work.push(client.clientStream(LOAD, [1, 2], options(ms)));
          else if (type === 'withWorker') {
            const use = () => new Promise<void>((resolve) => clock.setTimer(ms, resolve));
            work.push(client.registry.withWorker(undefined, use));
          } else if (type === 'message' || type === 'end') server.endOne(type);
          else if (type === 'fail') server.endOne(RpcError.of(reason, `fake ${reason}`));
          else if (type === 'cancel') aborts[ms % Math.max(1, aborts.length)]?.abort();
          else if (type === 'leave') readers[ms % Math.max(1, readers.length)]?.leave();
          else if (type === 'lose') channel.lose();
          else if (type === 'back' && channel.state === 'unavailable') channel.setState('ready');
          else if (type === 'remove') cluster.remove(worker);
          else if (type === 'add') cluster.add(worker, { methods: METHODS });
          else if (type === 'restart') {
            instance += 1;
            cluster.add(worker, { methods: METHODS, instance: `r${instance}` });
          } else if (type === 'drain') cluster.add(worker, { methods: METHODS, state: 'draining' });
          else if (type === 'suspect' || type === 'clear')
            table.setLiveness(nodeId(worker), type === 'suspect' ? 'suspected' : 'alive');
          else if (type === 'fail over') table.setLiveness(nodeId(worker), 'failed');
          else if (type === 'mute') {
            channel.silent = true;
            channel.pings.shift()?.settle.reject(RpcError.of('DEADLINE', 'no answer'));
          } else if (type === 'wait') await clock.advance(ms);
          for (const promise of work) promise.catch(() => undefined);
          await nextTurn();
          check();
        }

        for (const abort of aborts) abort.abort();
        for (const reader of readers) reader.leave();
        for (let round = 0; round < 3; round += 1) {
          for (const server of servers.values()) server.endAll('end');
          await clock.advance(5_000);
          await nextTurn();
        }
        await Promise.allSettled(work);
        expect(cluster.env.links.outstanding()).to.equal(0);
        expect(cluster.outstanding().every((count) => count === 0)).to.equal(true);
        expect(cluster.env.waiting.size).to.equal(0);
        await client.close();
        expect(clock.timersPending, 'timers').to.equal(0);
      }),
      { numRuns: 150 },
    );
  }).timeout(60_000);
});

/** Everything that promises still have to do is done by then. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
