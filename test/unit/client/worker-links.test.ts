import { expect } from 'chai';
import fc from 'fast-check';
import { nodeId, RpcError } from '../../../src/base/index.js';
import { errorOf, FakeCluster, GET, PUT } from './fake-cluster.js';

describe('the workers of a cluster client', () => {
  it('hold no calls once all calls have ended, whatever happened to them', async () => {
    const step = fc.record({
      type: fc.constantFrom(
        ...(['call', 'call', 'call', 'answer', 'fail', 'lose', 'back', 'remove', 'restart', 'wait'] as const),
        ...(['fall silent', 'miss a ping', 'speak again'] as const),
      ),
      worker: fc.constantFrom('w1', 'w2', 'w3'),
      reason: fc.constantFrom(
        'CANCELLED_BY_CALLER',
        'DEADLINE',
        'OVERLOADED',
        'CONNECTION_LOST',
        'APPLICATION',
        'DRAINING',
      ),
      ms: fc.nat(2_000),
    } as const);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.integer(), async (steps, seed) => {
        const cluster = new FakeCluster({ workers: 3, seed });
        const calls: Promise<unknown>[] = [];
        let instance = 0;
        for (const { type, worker, reason, ms } of steps) {
          const channel = cluster.channel(worker);
          if (type === 'call') {
            const options = { timeoutMs: 10_000, waitForReady: ms % 2 === 0 };
            calls.push(cluster.client.unary(ms % 3 === 0 ? PUT : GET, {}, options).catch(() => undefined));
          } else if (type === 'answer') channel.answer();
          else if (type === 'fail') channel.fail(reason);
          else if (type === 'lose') channel.lose();
          else if (type === 'back' && channel.state === 'unavailable') channel.setState('ready');
          else if (type === 'remove') cluster.remove(worker);
          else if (type === 'fall silent' || type === 'speak again') channel.silent = type === 'fall silent';
          else if (type === 'miss a ping') channel.pings.shift()?.settle.reject(RpcError.of('DEADLINE', 'no answer'));
          else if (type === 'restart') {
            instance += 1;
            cluster.add(worker, { instance: `r${instance}` });
          } else await cluster.clock.advance(ms);
          const held = cluster.everyChannel.reduce((sum, { calls: { length } }) => sum + length, 0);
          expect(cluster.env.links.outstanding()).to.equal(held);
        }
        for (const channel of cluster.everyChannel) channel.silent = false;
        for (const channel of cluster.everyChannel) channel.auto = ({ settle }) => settle.resolve('end');
        for (const channel of cluster.everyChannel) while (channel.calls.length > 0) channel.answer();
        await cluster.clock.advance(20_000);
        await Promise.all(calls);
        expect(cluster.env.links.outstanding()).to.equal(0);
        expect(cluster.env.waiting.size).to.equal(0);
      }),
      { numRuns: 200 },
    );
  });

  it('get calls by their tags and methods, following every change', () => {
    const cluster = new FakeCluster({ workers: 3 });
    void cluster.client.unary(GET, 1, { filter: 'name=w2' });
    expect(cluster.holder()).to.equal(cluster.channel('w2'));
    cluster.add('w2', { tags: { name: 'other' } });
    expect(cluster.channel('w2').calls, 'the same process keeps its channel and calls').to.have.lengthOf(1);
    cluster.add('w3', { tags: { name: 'w2' } });
    void cluster.client.unary(GET, 2, { filter: 'name=w2' });
    expect(cluster.channel('w3').calls.map((call) => call.input)).to.deep.equal([2]);
  });

  it('fail their calls over when they restart at the same address', async () => {
    const cluster = new FakeCluster({ workers: 2 });
    const before = cluster.channel('w1');
    const result = cluster.client.unary(GET, {}, { filter: 'name in (w1,w2)' });
    const holder = cluster.holder();
    const id = String(holder.target.id);
    cluster.add(id, { instance: 'second' });
    expect(holder.state).to.equal('closed');
    cluster.holder().answer('moved');
    expect(await result).to.equal('moved');
    if (id === 'w1') expect(cluster.channel('w1')).not.to.equal(before);
    const direct = cluster.client.unary(PUT, {}, { filter: `name=${id}` });
    cluster.channel(id).answer('from the new process');
    expect(await direct).to.equal('from the new process');
  });

  it('finish their calls when they leave the registry alive', async () => {
    const cluster = new FakeCluster({ workers: 1 });
    const result = cluster.client.unary(PUT, {});
    cluster.remove('w1');
    await cluster.clock.advance(60_000);
    expect((await errorOf(cluster.client.unary(PUT, {}))).reason).to.equal('NO_WORKER');
    cluster.channel('w1').answer('late');
    expect(await result).to.equal('late');
    await cluster.clock.advance(200);
    expect(cluster.channel('w1').state).to.equal('closed');
  });

  it('are passed over after failures in a row, and tried again later', async () => {
    const cluster = new FakeCluster({ workers: 2, settings: { retry: { attemptsMax: 1 } } });
    const sick = cluster.channel('w1');
    const well = cluster.channel('w2');
    sick.auto = ({ settle }) => settle.reject(RpcError.of('HANDLER_FAILED', 'sick'));
    well.auto = ({ settle }) => settle.resolve('well');
    let failures = 0;
    const call = () => cluster.client.unary(GET, {}).catch(() => (failures += 1));
    for (let n = 0; n < 100; n += 1) await call();
    expect(failures).to.equal(5);
    await cluster.clock.advance(1_100);
    for (let n = 0; n < 100; n += 1) await call();
    expect(failures).to.be.within(6, 10);
  });

  it('have their idempotent calls answered by others as soon as they do not answer a ping', async () => {
    const cluster = new FakeCluster({ workers: 2 });
    const silent = cluster.channel('w1');
    const other = cluster.channel('w2');
    silent.silent = true;
    void cluster.client.unary(GET, 'busy', { filter: 'name=w2' });
    const get = cluster.client.unary(GET, 'get');
    void cluster.client.unary(GET, 'busy', { filter: 'name=w2' });
    const put = cluster.client.unary(PUT, 'put');
    expect(silent.calls.map((call) => call.input)).to.deep.equal(['get', 'put']);
    await cluster.clock.advance(400);
    silent.pings.shift()?.settle.reject(RpcError.of('DEADLINE', 'no answer'));
    expect(other.calls.map((call) => call.input)).to.deep.equal(['busy', 'busy', 'get']);
    while (other.calls.length > 0) other.answer('rescued');
    expect(await get).to.equal('rescued');
    expect(cluster.client.stats()).to.include({ rescues: 1, retries: 0 });
    silent.answer('too late');
    silent.answer('only slow');
    expect(await put).to.equal('only slow');
    expect(cluster.outstanding()).to.deep.equal([0, 0]);
  });

  it('may still answer a call that is being rescued, and the rescue may fail', async () => {
    for (const end of ['answer first', 'lose first', 'rescue fails'] as const) {
      const cluster = new FakeCluster({ workers: 2 });
      const silent = cluster.channel('w1');
      const other = cluster.channel('w2');
      silent.silent = true;
      void cluster.client.unary(GET, 'busy', { filter: 'name=w2' });
      const call = cluster.client.unary(GET, 'call');
      await cluster.clock.advance(400);
      silent.pings.shift()?.settle.reject(RpcError.of('DEADLINE', 'no answer'));
      expect(other.calls).to.have.lengthOf(2);
      other.answer();
      if (end === 'answer first') {
        silent.answer('first');
        expect(await call).to.equal('first');
        other.answer('second');
      } else if (end === 'lose first') {
        silent.lose();
        other.answer('second');
        expect(await call).to.equal('second');
      } else {
        other.fail('OVERLOADED');
        silent.lose();
        other.answer('third');
        expect(await call).to.equal('third');
      }
      expect(cluster.env.links.outstanding(), end).to.equal(0);
    }
  });

  it('are pinged when they go silent, avoided without an answer, and given up in the end', async () => {
    const cluster = new FakeCluster({ workers: 2 });
    const silent = cluster.channel('w1');
    const other = cluster.channel('w2');
    silent.silent = true;
    void cluster.client.unary(GET, {}, { filter: 'name=w2' });
    const stuck = cluster.client.unary(GET, {});
    expect(silent.calls).to.have.lengthOf(1);
    await cluster.clock.advance(400);
    expect(silent.pings).to.have.lengthOf(1);
    silent.pings.shift()?.settle.reject(RpcError.of('DEADLINE', 'no answer'));
    for (let n = 0; n < 10; n += 1) void cluster.client.unary(GET, n);
    expect(silent.calls, 'new calls avoid it').to.have.lengthOf(1);
    await cluster.clock.advance(5_000);
    expect(silent.state, 'its connection is given up').to.equal('closed');
    while (other.calls.length > 0) other.answer('rescued');
    expect(await stuck).to.equal('rescued');
  });

  it('get calls while the cluster suspects them only when no other is left', async () => {
    const cluster = new FakeCluster({ workers: 2 });
    cluster.table.setLiveness(nodeId('w1'), 'suspected');
    for (let n = 0; n < 5; n += 1) void cluster.client.unary(GET, n);
    expect(cluster.channel('w1').calls).to.have.lengthOf(0);
    expect(cluster.client.stats().workers.map(({ suspected }) => suspected)).to.deep.equal([true, false]);
    cluster.remove('w2');
    const last = cluster.client.unary(GET, 'last');
    cluster.channel('w1').answer('suspected, and yet it answers');
    expect(await last).to.equal('suspected, and yet it answers');
    expect(cluster.client.stats().workers[0]?.suspected, 'an answer to us does not refute the cluster').to.equal(true);
    cluster.table.setLiveness(nodeId('w1'), 'alive');
    expect(cluster.client.stats().workers[0]?.suspected).to.equal(false);
  });

  it('get no call once the cluster says that they have failed, and their idempotent ones go elsewhere', async () => {
    const cluster = new FakeCluster({ workers: 1 });
    const get = cluster.client.unary(GET, 'get');
    const put = cluster.client.unary(PUT, 'put');
    cluster.add('w2');
    cluster.table.setLiveness(nodeId('w1'), 'failed');
    expect(cluster.channel('w2').calls.map(({ input }) => input)).to.deep.equal(['get']);
    cluster.channel('w2').answer('rescued');
    expect(await get).to.equal('rescued');
    cluster.remove('w2');
    expect((await errorOf(cluster.client.unary(GET, {}))).reason).to.equal('NO_WORKER');
    const waiting = cluster.client.unary(GET, 'waits', { waitForReady: true });
    cluster.channel('w1').answer();
    cluster.channel('w1').answer('only cut off');
    expect(await put).to.equal('only cut off');
    cluster.table.setLiveness(nodeId('w1'), 'alive');
    cluster.channel('w1').answer('back');
    expect(await waiting).to.equal('back');
    expect(cluster.outstanding()).to.deep.equal([0]);
  });

  it('begin free of suspicion when they restart', () => {
    const cluster = new FakeCluster({ workers: 2 });
    cluster.table.setLiveness(nodeId('w1'), 'failed');
    cluster.add('w1', { instance: 'second' });
    void cluster.client.unary(GET, {}, { filter: 'name=w1' });
    expect(cluster.channel('w1').calls).to.have.lengthOf(1);
  });

  it('are loaded as their weight tag says, from their next registration on', () => {
    const cluster = new FakeCluster({ workers: 2 });
    cluster.add('w2', { tags: { weight: '3' } });
    for (let n = 0; n < 40; n += 1) void cluster.client.unary(GET, n);
    expect(cluster.channel('w2').calls).to.have.lengthOf(30);
    cluster.add('w2', { tags: { weight: 'heavy' } });
    for (let n = 0; n < 20; n += 1) void cluster.client.unary(GET, n);
    expect(cluster.channel('w1').calls, 'a weight that cannot be read is 1').to.have.lengthOf(30);
  });

  it('of other zones get calls while the preferred one is overloaded, as far as the option says', () => {
    for (const [zoneSpillFactor, abroad] of [
      [2, true],
      [0, false],
    ] as const) {
      const cluster = new FakeCluster({ workers: 0, settings: { balancing: { zone: 'a', zoneSpillFactor } } });
      cluster.add('w1', { tags: { zone: 'a' } });
      cluster.add('w2', { tags: { zone: 'b' } });
      for (let n = 0; n < 9; n += 1) void cluster.client.unary(GET, n);
      expect(cluster.outstanding()).to.deep.equal([9, 0]);
      for (let n = 0; n < 41; n += 1) void cluster.client.unary(GET, n);
      const [local = 0, other = 0] = cluster.outstanding();
      if (abroad) expect(local).to.be.within(2 * other + 7, 2 * other + 9);
      else expect(other).to.equal(0);
    }
  });

  it('get no new call from the moment they are known to drain, and finish what they have', async () => {
    for (const heardFrom of ['the worker', 'the director'] as const) {
      const cluster = new FakeCluster({ workers: 2 });
      const draining = cluster.channel('w1');
      const kept = cluster.client.unary(PUT, 'kept', { filter: 'name=w1' });
      if (heardFrom === 'the director') cluster.add('w1', { state: 'draining' });
      else {
        draining.peerDraining = true;
        draining.setState(draining.state);
      }
      for (let n = 0; n < 10; n += 1) void cluster.client.unary(GET, n);
      expect(
        draining.calls.map(({ input }) => input),
        heardFrom,
      ).to.deep.equal(['kept']);
      draining.answer('finished');
      expect(await kept).to.equal('finished');
      expect(cluster.outstanding()).to.deep.equal([0, 10]);
    }
  });

  it('are not suspected while they answer pings, however slow their handlers are', async () => {
    const cluster = new FakeCluster({ workers: 1 });
    const result = cluster.client.unary(GET, {}, { timeoutMs: 60_000 });
    await cluster.clock.advance(30_000);
    expect(cluster.client.stats().workers[0]).to.include({ suspected: false, outstanding: 1 });
    cluster.channel('w1').answer('slow');
    expect(await result).to.equal('slow');
  });

  it('are measured together, those that are gone too', async () => {
    const cluster = new FakeCluster({ workers: 3 });
    for (const id of ['w1', 'w2', 'w3']) cluster.channel(id).latency.data.record(10);
    cluster.channel('w3').latency.bulk.record(500);
    const before = cluster.client.stats().latencyMs;
    expect(before).to.deep.include({ control: { count: 0, p50Ms: 0, p99Ms: 0 } });
    expect([before.data.count, before.bulk.count]).to.deep.equal([3, 1]);
    expect(before.data.p50Ms).to.be.within(8.75, 11.25);
    cluster.remove('w3');
    expect(cluster.client.stats().latencyMs).to.deep.equal(before);
    await cluster.client.close();
    expect(cluster.client.stats().latencyMs).to.deep.equal(before);
  });

  it('get a growing share of the calls when they are new', async () => {
    const cluster = new FakeCluster({ workers: 1, slowStartMs: 1_000 });
    cluster.env.links.start();
    cluster.add('w2');
    for (let n = 0; n < 44; n += 1) void cluster.client.unary(GET, n);
    expect(cluster.channel('w2').calls.length).to.be.within(3, 5);
    await cluster.clock.advance(1_100);
    for (let n = 0; n < 44; n += 1) void cluster.client.unary(GET, n);
    expect(cluster.channel('w2').calls.length).to.equal(44);
  });

  it('count the load that others put on them', () => {
    const cluster = new FakeCluster({ workers: 2 });
    cluster.channel('w1').peerLoad = 20;
    void cluster.client.unary(GET, {}, { filter: 'name=w1' });
    cluster.channel('w1').answer();
    for (let n = 0; n < 20; n += 1) void cluster.client.unary(GET, n);
    expect(cluster.channel('w1').calls).to.have.lengthOf(0);
  });

  it('are forgotten as loaded when nothing was heard of it for a second', async () => {
    const cluster = new FakeCluster({ workers: 2 });
    cluster.channel('w1').peerLoad = 1_000;
    void cluster.client.unary(GET, {}, { filter: 'name=w1' });
    cluster.channel('w1').answer();
    await cluster.clock.advance(1_500);
    for (let n = 0; n < 20; n += 1) void cluster.client.unary(GET, n);
    expect(cluster.channel('w1').calls).to.have.lengthOf(10);
  });
});

describe('callWorker and callAllWorkers', () => {
  it('learn from the registry whether a method is idempotent', async () => {
    const cluster = new FakeCluster({ workers: 2 });
    const repeated = cluster.client.callWorker('kv.get', {});
    cluster.holder().fail('CONNECTION_LOST');
    cluster.holder().answer('again');
    expect(await repeated).to.equal('again');
    const lost = errorOf(cluster.client.callWorker('kv.put', {}));
    cluster.holder().fail('CONNECTION_LOST');
    expect((await lost).reason).to.equal('CONNECTION_LOST');
  });

  it('name the method that no worker serves, and refuse streaming ones', async () => {
    const cluster = new FakeCluster({ workers: 1 });
    expect((await errorOf(cluster.client.callWorker('kv.none', {}))).message).to.equal('no worker serves kv.none');
    cluster.add('w1', { methods: [{ name: 'kv.watch', kind: 'serverStream', idempotent: false }] });
    expect((await errorOf(cluster.client.callWorker('kv.watch', {}))).reason).to.equal('KIND_MISMATCH');
    expect((await errorOf(cluster.client.callAllWorkers('kv.watch', {}))).reason).to.equal('KIND_MISMATCH');
  });

  it('return a value or an error for every worker that matches', async () => {
    const cluster = new FakeCluster({ workers: 4 });
    cluster.add('w3', { state: 'draining' });
    const results = cluster.client.callAllWorkers('kv.get', {}, 'name != w4');
    cluster.channel('w2').answer('two');
    cluster.channel('w1').fail('HANDLER_FAILED');
    const [first, second, ...others] = await results;
    expect(first).to.include({ worker: 'w1', ok: false });
    expect(second).to.deep.equal({ worker: 'w2', ok: true, value: 'two' });
    expect(others).to.deep.equal([]);
    expect(await cluster.client.callAllWorkers('kv.get', {}, 'name=nobody')).to.deep.equal([]);
    expect(cluster.outstanding()).to.deep.equal([0, 0, 0, 0]);
  });
});
