import { expect } from 'chai';
import { RpcError } from '../../../src/base/index.js';
import type { ClusterCallOptions } from '../../../src/rpc/index.js';
import { errorOf, FakeCluster, GET, PUT } from './fake-cluster.js';

describe('a call of a cluster client', () => {
  it('goes to one worker and returns its answer', async () => {
    const cluster = new FakeCluster({ workers: 3 });
    const result = cluster.client.unary(GET, { key: 'a' });
    const holder = cluster.holder();
    expect(holder.calls[0]?.input).to.deep.equal({ key: 'a' });
    holder.answer('value');
    expect(await result).to.equal('value');
    expect(cluster.outstanding()).to.deep.equal([0, 0, 0]);
  });

  it('is repeated at once at another worker when the connection is lost and the method is idempotent', async () => {
    const cluster = new FakeCluster({ workers: 2 });
    const result = cluster.client.unary(GET, {});
    const first = cluster.holder();
    first.lose();
    const second = cluster.holder();
    expect(second).not.to.equal(first);
    second.answer('again');
    expect(await result).to.equal('again');
    expect(cluster.client.stats().retries).to.equal(1);
  });

  it('is not repeated after CONNECTION_LOST when the method is not idempotent', async () => {
    const cluster = new FakeCluster({ workers: 2 });
    const result = errorOf(cluster.client.unary(PUT, {}));
    cluster.holder().lose();
    const error = await result;
    expect(error.reason).to.equal('CONNECTION_LOST');
    expect(error.maybeExecuted).to.equal(true);
    expect([...cluster.channels.values()].flatMap((channel) => channel.calls)).to.deep.equal([]);
  });

  it('is repeated whatever the method when it certainly was not executed', async () => {
    for (const reason of ['NOT_CONNECTED', 'CONNECT_FAILED', 'DRAINING', 'OVERLOADED', 'EARLY_DATA_REFUSED'] as const) {
      const cluster = new FakeCluster({ workers: 2 });
      const result = cluster.client.unary(PUT, {});
      cluster.holder().fail(reason);
      await cluster.clock.advance(1_100);
      cluster.holder().answer(reason);
      expect(await result).to.equal(reason);
    }
  });

  it('goes to the same worker after the handshake when that refused it in 0-RTT data, also without retries', async () => {
    const cluster = new FakeCluster({ workers: 2, settings: { retry: { attemptsMax: 1 } } });
    const result = cluster.client.unary(PUT, {}, { idempotent: true });
    const first = cluster.holder();
    first.fail('EARLY_DATA_REFUSED');
    expect(cluster.holder()).to.equal(first);
    expect(first.calls[0]?.options).to.include({ idempotent: false });
    first.answer('once');
    expect(await result).to.equal('once');
    expect(cluster.client.stats().retries).to.equal(0);
  });

  it('is waited for by drain between two attempts; new calls are refused meanwhile', async () => {
    const cluster = new FakeCluster({ workers: 1 });
    const result = cluster.client.unary(GET, {});
    cluster.holder().fail('OVERLOADED');
    expect(cluster.client.stats().waiting).to.equal(1);
    const drained = cluster.client.drain({ timeoutMs: 60_000 });
    expect((await errorOf(cluster.client.unary(GET, {}))).reason).to.equal('CLOSED');
    expect((await errorOf(cluster.client.clientStream(GET, []))).reason).to.equal('CLOSED');
    expect((await errorOf(cluster.client.callAllWorkers('kv.get', {}))).reason).to.equal('CLOSED');
    await cluster.clock.advance(1_100);
    cluster.holder().answer('late');
    expect(await result).to.equal('late');
    await cluster.clock.advance(100);
    expect(await drained).to.equal(true);
  });

  it('is not repeated after an error of its own making', async () => {
    for (const reason of ['APPLICATION', 'HANDLER_FAILED', 'INPUT_INVALID', 'DEADLINE', 'FORBIDDEN'] as const) {
      const cluster = new FakeCluster({ workers: 2 });
      const result = errorOf(cluster.client.unary(GET, {}));
      cluster.holder().fail(reason);
      expect((await result).reason).to.equal(reason);
    }
  });

  it('goes to a second worker as well when it is hedged and late, and the loser is cancelled', async () => {
    const cluster = new FakeCluster({ workers: 2 });
    const result = cluster.client.unary(GET, {}, { hedgeAfterMs: 50 });
    const first = cluster.holder();
    await cluster.clock.advance(49);
    expect(cluster.outstanding().reduce((sum, count) => sum + count)).to.equal(1);
    await cluster.clock.advance(1);
    expect(cluster.outstanding()).to.deep.equal([1, 1]);
    const second = [...cluster.channels.values()].find((channel) => channel !== first);
    const lost = first.calls[0]?.options?.signal;
    second?.answer('second');
    expect(await result).to.equal('second');
    expect(lost?.aborted).to.equal(true);
    expect(cluster.client.stats()).to.include({ hedges: 1, rescues: 0, retries: 0 });
  });

  it('is not hedged when it may not be executed twice, nor after it has its answer', async () => {
    const cluster = new FakeCluster({ workers: 2 });
    const put = cluster.client.unary(PUT, {}, { hedgeAfterMs: 50 });
    await cluster.clock.advance(100);
    cluster.holder().answer('put');
    expect(await put).to.equal('put');
    const get = cluster.client.unary(GET, {}, { hedgeAfterMs: 50 });
    cluster.holder().answer('get');
    expect(await get).to.equal('get');
    await cluster.clock.advance(100);
    expect(cluster.client.stats().hedges).to.equal(0);
    expect(cluster.outstanding()).to.deep.equal([0, 0]);
  });

  it('takes an error that no repetition would change from either of two attempts', async () => {
    const cluster = new FakeCluster({ workers: 2 });
    const result = errorOf(cluster.client.unary(GET, {}, { hedgeAfterMs: 50 }));
    const first = cluster.holder();
    await cluster.clock.advance(50);
    first.fail('INPUT_INVALID');
    expect((await result).reason).to.equal('INPUT_INVALID');
  });

  it('lets the caller mark a call as idempotent or not', async () => {
    const cluster = new FakeCluster({ workers: 2 });
    const refused = errorOf(cluster.client.unary(GET, {}, { idempotent: false }));
    cluster.holder().fail('CONNECTION_LOST');
    expect((await refused).reason).to.equal('CONNECTION_LOST');
    const repeated = cluster.client.unary(PUT, {}, { idempotent: true });
    cluster.holder().fail('CONNECTION_LOST');
    cluster.holder().answer('done');
    expect(await repeated).to.equal('done');
  });

  it('ends with the last error after attemptsMax attempts', async () => {
    const cluster = new FakeCluster({ workers: 1, settings: { retry: { attemptsMax: 3 } } });
    let attempts = 0;
    cluster.channel('w1').auto = (call) => {
      attempts += 1;
      call.settle.reject(RpcError.of('CONNECTION_LOST', `attempt ${attempts}`));
    };
    const result = errorOf(cluster.client.unary(GET, {}));
    await cluster.clock.advance(5_000);
    expect((await result).message).to.equal('attempt 3');
    expect(attempts).to.equal(3);
  });

  it('says maybeExecuted when an earlier attempt may have been', async () => {
    const cluster = new FakeCluster({ workers: 1 });
    const result = errorOf(cluster.client.unary(GET, {}));
    cluster.holder().lose();
    await cluster.clock.advance(5_000);
    const error = await result;
    expect(error.reason).to.equal('NOT_CONNECTED');
    expect(error.maybeExecuted).to.equal(true);
  });

  it('takes its retries from the budget, except those that never arrived', async () => {
    const settings = { retry: { budget: { tokensMax: 1, tokensPerSuccess: 0 } } };
    const cluster = new FakeCluster({ workers: 3, settings });
    for (const channel of cluster.channels.values()) {
      channel.auto = (call) => call.settle.reject(RpcError.of('CONNECTION_LOST', 'gone'));
    }
    await errorOf(cluster.client.unary(GET, {}));
    expect(cluster.client.stats()).to.include({ retries: 1, retriesDenied: 1 });
    for (const channel of cluster.channels.values()) {
      channel.auto = (call) => call.settle.reject(RpcError.of('CONNECT_FAILED', 'gone'));
    }
    const result = errorOf(cluster.client.unary(GET, {}));
    await cluster.clock.advance(5_000);
    await result;
    expect(cluster.client.stats()).to.include({ retries: 3, retriesDenied: 1 });
  });

  it('gives a retry only the time that is left', async () => {
    const cluster = new FakeCluster({ workers: 2 });
    const result = cluster.client.unary(GET, {}, { timeoutMs: 500 });
    await cluster.clock.advance(200);
    cluster.holder().fail('CONNECTION_LOST');
    expect(cluster.holder().calls[0]?.options?.timeoutMs).to.equal(300);
    cluster.holder().answer();
    await result;
  });

  it('waits as long as an overloaded worker asks', async () => {
    const cluster = new FakeCluster({ workers: 1 });
    const result = cluster.client.unary(GET, {});
    cluster
      .holder()
      .calls.shift()
      ?.settle.reject(RpcError.of('OVERLOADED', 'busy', { retryAfterMs: 700 }));
    await cluster.clock.advance(699);
    expect(cluster.channel('w1').calls).to.have.lengthOf(0);
    await cluster.clock.advance(1);
    cluster.holder().answer('at last');
    expect(await result).to.equal('at last');
  });

  it('does not wait for a retry past its deadline', async () => {
    const cluster = new FakeCluster({ workers: 1 });
    const result = errorOf(cluster.client.unary(GET, {}, { timeoutMs: 100 }));
    cluster
      .holder()
      .calls.shift()
      ?.settle.reject(RpcError.of('OVERLOADED', 'busy', { retryAfterMs: 700 }));
    expect((await result).reason).to.equal('OVERLOADED');
    expect(cluster.clock.nowMs()).to.equal(0);
  });

  it('ends when its caller cancels between two attempts', async () => {
    const cluster = new FakeCluster({ workers: 1 });
    const abort = new AbortController();
    const result = errorOf(cluster.client.unary(GET, {}, { signal: abort.signal }));
    cluster.holder().fail('CONNECTION_LOST');
    abort.abort();
    const error = await result;
    expect(error.reason).to.equal('CANCELLED_BY_CALLER');
    expect(error.maybeExecuted).to.equal(true);
  });

  it('ends with the deadline of the context it is made in', async () => {
    const cluster = new FakeCluster({ workers: 0 });
    const context = { deadline: 400, signal: new AbortController().signal } as ClusterCallOptions['context'];
    const result = errorOf(cluster.client.unary(GET, {}, { waitForReady: true, context }));
    await cluster.clock.advance(399);
    expect(cluster.client.stats().waiting).to.equal(1);
    await cluster.clock.advance(1);
    expect((await result).reason).to.equal('DEADLINE');
  });

  it('fails with FILTER_INVALID for a filter that cannot be read', async () => {
    const cluster = new FakeCluster({ workers: 1 });
    const error = (await errorOf(cluster.client.unary(GET, {}, { filter: 'zone=' }))) as unknown as { code: string };
    expect(error.code).to.equal('FILTER_INVALID');
  });

  it('fails with CLOSED once the client is closed, also while it waits', async () => {
    const cluster = new FakeCluster({ workers: 0 });
    const waiting = errorOf(cluster.client.unary(GET, {}, { waitForReady: true }));
    await cluster.client.close();
    expect((await waiting).reason).to.equal('CLOSED');
    expect((await errorOf(cluster.client.unary(GET, {}))).reason).to.equal('CLOSED');
    expect(cluster.clock.timersPending).to.equal(0);
  });

  it('passes interceptors once, retries inside', async () => {
    const seen: string[] = [];
    const cluster = new FakeCluster({
      workers: 2,
      interceptors: [
        (next) => (request) => {
          seen.push(request.method.name);
          return next({ ...request, options: { ...request.options, headers: { trace: '1' } } });
        },
      ],
    });
    const result = cluster.client.unary(GET, {});
    cluster.holder().fail('CONNECTION_LOST');
    expect(cluster.holder().calls[0]?.options?.headers).to.deep.equal({ trace: '1' });
    cluster.holder().answer('x');
    expect(await result).to.equal('x');
    expect(seen).to.deep.equal(['kv.get']);
  });
});

describe('waitForReady', () => {
  it('fails at once with NO_WORKER without it', async () => {
    const cluster = new FakeCluster({ workers: 1 });
    expect((await errorOf(cluster.client.unary(GET, {}, { filter: 'name=w9' }))).message).to.equal(
      'no worker serves kv.get and matches "name=w9"',
    );
    cluster.add('w1', { state: 'draining' });
    expect((await errorOf(cluster.client.unary(GET, {}))).message).to.equal(
      '1 worker known for kv.get, but none takes calls at the moment',
    );
  });

  it('waits for a worker that matches', async () => {
    const cluster = new FakeCluster({ workers: 1 });
    const result = cluster.client.unary(GET, {}, { waitForReady: true, filter: 'name=w2' });
    await cluster.clock.advance(1_000);
    cluster.add('w2');
    cluster.holder().answer('new');
    expect(await result).to.equal('new');
  });

  it('waits for a connection when there is none', async () => {
    const cluster = new FakeCluster({ workers: 2 });
    for (const channel of cluster.channels.values()) channel.setState('unavailable');
    const result = cluster.client.unary(PUT, {}, { waitForReady: true, timeoutMs: 5_000 });
    await cluster.clock.advance(2_000);
    cluster.channel('w2').setState('ready');
    expect(cluster.channel('w2').calls[0]?.options?.timeoutMs).to.equal(3_000);
    cluster.channel('w2').answer('back');
    expect(await result).to.equal('back');
  });
});
