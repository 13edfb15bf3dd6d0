import { expect } from 'chai';
import { RpcError, type RpcReason } from '../../../src/base/index.js';
import type { MethodRef } from '../../../src/rpc/index.js';
import { errorOf, FakeCluster } from './fake-cluster.js';

const LIST: MethodRef = { name: 'kv.list', definition: { kind: 'serverStream', idempotent: true } };
const TAIL: MethodRef = { name: 'kv.tail', definition: { kind: 'serverStream' } };
const LOAD: MethodRef = { name: 'kv.load', definition: { kind: 'clientStream', idempotent: true } };
const SYNC: MethodRef = { name: 'kv.sync', definition: { kind: 'bidiStream', idempotent: true } };

/** Workers that serve the streams above. */
function streaming(workers: number): FakeCluster {
  const cluster = new FakeCluster({ workers });
  const methods = [LIST, TAIL, LOAD, SYNC].map(({ name, definition }) => ({
    name,
    kind: definition.kind,
    idempotent: definition.idempotent ?? false,
  }));
  for (let index = 1; index <= workers; index += 1) cluster.add(`w${index}`, { methods });
  return cluster;
}

/** Makes the first stream anywhere fail with `reason` after `after` of its messages; the others work. */
function failOnce(cluster: FakeCluster, reason: RpcReason, after: number): { failed: number } {
  const count = { failed: 0 };
  for (const channel of cluster.channels.values()) {
    const works = channel.stream;
    channel.stream = async function* (inputs, options) {
      if (count.failed > 0) return yield* works(inputs, options);
      count.failed += 1;
      let sent = 0;
      if (after > 0) {
        for await (const message of inputs) {
          yield message;
          sent += 1;
          if (sent === after) break;
        }
      }
      throw RpcError.of(reason, `fake ${reason}`);
    };
  }
  return count;
}

async function collect(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const messages: unknown[] = [];
  for await (const message of stream) messages.push(message);
  return messages;
}

describe('a stream of a cluster client', () => {
  it('counts as a call at its worker until it ends, however it does', async () => {
    const cluster = streaming(1);
    const iterator = cluster.client.serverStream(LIST, 'x')[Symbol.asyncIterator]();
    expect(cluster.outstanding()).to.deep.equal([0]);
    await iterator.next();
    expect(cluster.outstanding()).to.deep.equal([1]);
    await iterator.return?.();
    expect(cluster.outstanding()).to.deep.equal([0]);
    expect(await collect(cluster.client.bidiStream(SYNC, [1, 2]))).to.deep.equal([1, 2]);
    expect(await cluster.client.clientStream(LOAD, [1, 2])).to.deep.equal([1, 2]);
    expect(cluster.outstanding()).to.deep.equal([0]);
  });

  it('is begun again at another worker while nothing of it was delivered', async () => {
    const cluster = streaming(2);
    const count = failOnce(cluster, 'CONNECTION_LOST', 0);
    expect(await collect(cluster.client.serverStream(LIST, 'x'))).to.deep.equal(['x']);
    expect(count.failed).to.equal(1);
    expect(cluster.client.stats().retries).to.equal(1);
    expect(cluster.outstanding()).to.deep.equal([0, 0]);
  });

  it('is not begun again once a message was delivered', async () => {
    const cluster = streaming(2);
    failOnce(cluster, 'CONNECTION_LOST', 1);
    const seen: unknown[] = [];
    const reading = (async () => {
      for await (const message of cluster.client.serverStream(LIST, 'x')) seen.push(message);
    })();
    expect((await errorOf(reading)).reason).to.equal('CONNECTION_LOST');
    expect(seen).to.deep.equal(['x']);
    expect(cluster.outstanding()).to.deep.equal([0, 0]);
  });

  it('is begun again when it is not idempotent only if it certainly was not executed', async () => {
    const lost = streaming(2);
    failOnce(lost, 'CONNECTION_LOST', 0);
    expect((await errorOf(collect(lost.client.serverStream(TAIL, 'x')))).reason).to.equal('CONNECTION_LOST');
    const refused = streaming(2);
    failOnce(refused, 'DRAINING', 0);
    expect(await collect(refused.client.serverStream(TAIL, 'x'))).to.deep.equal(['x']);
  });

  it('is not begun again once one of its inputs was taken, for it cannot be taken twice', async () => {
    const untouched = streaming(2);
    failOnce(untouched, 'CONNECTION_LOST', 0);
    expect(await untouched.client.clientStream(LOAD, [1, 2])).to.deep.equal([1, 2]);
    for (const kind of ['client', 'bidi'] as const) {
      const touched = streaming(2);
      failOnce(touched, 'CONNECTION_LOST', 1);
      const result =
        kind === 'client'
          ? touched.client.clientStream(LOAD, [1, 2])
          : collect(touched.client.bidiStream(SYNC, [1, 2]));
      expect((await errorOf(result)).reason).to.equal('CONNECTION_LOST');
      expect(touched.outstanding()).to.deep.equal([0, 0]);
    }
  });

  it('has no deadline of its own, and the caller’s when there is one', async () => {
    const cluster = streaming(1);
    const times: (number | undefined)[] = [];
    const channel = cluster.channel('w1');
    channel.stream = async function* (inputs, options) {
      times.push(options?.timeoutMs);
      yield* inputs;
    };
    await collect(cluster.client.serverStream(LIST, 'x'));
    await collect(cluster.client.serverStream(LIST, 'x', { timeoutMs: 700 }));
    await cluster.client.clientStream(LOAD, []);
    expect(times).to.deep.equal([0, 700, 30_000]);
  });

  it('waits for a worker when it asks to', async () => {
    const cluster = streaming(0);
    expect((await errorOf(collect(cluster.client.serverStream(LIST, 'x')))).reason).to.equal('NO_WORKER');
    const waiting = collect(cluster.client.serverStream(LIST, 'x', { waitForReady: true }));
    await cluster.clock.advance(1_000);
    cluster.add('w1', { methods: [{ name: 'kv.list', kind: 'serverStream', idempotent: true }] });
    expect(await waiting).to.deep.equal(['x']);
  });
});
