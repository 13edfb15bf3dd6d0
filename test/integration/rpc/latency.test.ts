import { expect } from 'chai';
import { LIMITS } from '../../../src/base/index.js';
import { defineService, implement, serverStream, serviceClient, unary } from '../../../src/rpc/index.js';
import { failureOf, MemoryWorld } from './world.js';

const Demo = defineService('demo', {
  wait: unary<{ ms: number; fails?: boolean; filler?: Buffer }, string>(),
  now: unary<{ fails?: boolean }, string>(),
  count: serverStream<Record<string, never>, number>(),
});

describe('latency of unary calls in virtual time', () => {
  let world: MemoryWorld;
  beforeEach(() => {
    world = new MemoryWorld();
    world.serve(implementDemo(world));
  });
  afterEach(() => world.close());

  it('is recorded in the histogram of the class that carried the call', async () => {
    const channel = world.channel();
    const demo = serviceClient(Demo, channel);
    await world.run(() => demo.wait({ ms: 10 }, { priority: 'control' }));
    await world.run(() => demo.wait({ ms: 100 }));
    await world.run(() => demo.wait({ ms: 1_000 }, { priority: 'bulk' }));
    const { control, data, bulk } = channel.latency.snapshot();
    expect([control.count, data.count, bulk.count]).to.deep.equal([1, 1, 1]);
    expect(control.p50Ms).to.be.within(10 * 0.87, 20);
    expect(data.p50Ms).to.be.within(100 * 0.87, 130);
    expect(bulk.p50Ms).to.be.within(1_000 * 0.87, 1_200);
  });

  it('is that of class bulk for a message too long for a lane', async () => {
    const channel = world.channel();
    const filler = Buffer.alloc(LIMITS.laneFrameBytesMax + 1);
    await world.run(() => serviceClient(Demo, channel).wait({ ms: 1, filler }));
    expect(channel.latency.data.count).to.equal(0);
    expect(channel.latency.bulk.count).to.equal(1);
  });

  it('counts errors of the handler, and nothing for calls without an answer', async () => {
    const channel = world.channel();
    const demo = serviceClient(Demo, channel);
    for (const priority of ['control', 'data', 'bulk'] as const) {
      await world.run(() => failureOf(demo.wait({ ms: 1, fails: true }, { priority })));
      expect(channel.latency[priority].count, priority).to.equal(1);
      await world.run(() => failureOf(demo.wait({ ms: 60_000 }, { priority, signal: AbortSignal.abort() })));
      await world.run(() => failureOf(demo.wait({ ms: 60_000 }, { priority, timeoutMs: 50 })));
      await world.pass(100);
      expect(channel.latency[priority].count, priority).to.equal(1);
    }
  });
});

describe('the time of unary handlers at the server in virtual time', () => {
  let world: MemoryWorld;
  beforeEach(() => {
    world = new MemoryWorld();
    world.serve(implementDemo(world));
  });
  afterEach(() => world.close());

  it('is recorded by class without the time on the network, failures and long messages too', async () => {
    const demo = serviceClient(Demo, world.channel());
    await world.run(() => demo.wait({ ms: 100 }));
    await world.run(() => failureOf(demo.wait({ ms: 100, fails: true })));
    await world.run(() => demo.wait({ ms: 1_000, filler: Buffer.alloc(LIMITS.laneFrameBytesMax + 1) }));
    const { control, data, bulk } = world.rpc.handlerLatency.snapshot();
    expect([control.count, data.count, bulk.count]).to.deep.equal([0, 2, 1]);
    expect(data.p99Ms).to.be.within(87.5, 112.5);
    expect(bulk.p99Ms).to.be.within(875, 1_125);
    expect(world.rpc.counters).to.include({ callsFailed: 1, dataCallsFailed: 1, controlCallsFailed: 0 });
  });

  it('goes on after the caller has gone, for the handler does', async () => {
    const demo = serviceClient(Demo, world.channel());
    await world.run(() => failureOf(demo.wait({ ms: 400 }, { timeoutMs: 50 })));
    expect(world.rpc.handlerLatency.data.count).to.equal(0);
    await world.pass(1_000);
    expect(world.rpc.handlerLatency.data.snapshot().p50Ms).to.be.within(350, 450);
  });

  it('is taken of one in sixteen handlers that return no promise, which stands for all of them', async () => {
    const demo = serviceClient(Demo, world.channel());
    for (let call = 0; call < 32; call++) {
      await world.run(async () => {
        if (call % 2 === 0) await demo.now({});
        else await failureOf(demo.now({ fails: true }));
      });
    }
    expect(world.rpc.handlerLatency.data.count).to.equal(32);
    expect(world.rpc.counters.dataCallsFailed).to.equal(16);
  });

  it('leaves streams out', async () => {
    const demo = serviceClient(Demo, world.channel());
    const read = async () => {
      const numbers: number[] = [];
      for await (const number of demo.count({})) numbers.push(number);
      return numbers;
    };
    expect(await world.run(read)).to.deep.equal([1, 2]);
    const { control, data, bulk } = world.rpc.handlerLatency;
    expect(control.count + data.count + bulk.count).to.equal(0);
  });
});

function implementDemo(world: MemoryWorld) {
  return implement(Demo, {
    wait: async ({ ms, fails }) => {
      await new Promise<void>((resolve) => world.clock.setTimer(ms, resolve));
      if (fails === true) throw new Error('asked to');
      return 'done';
    },
    now: ({ fails }) => {
      if (fails === true) throw new Error('asked to');
      return 'done';
    },
    count: async function* () {
      yield 1;
      await new Promise<void>((resolve) => world.clock.setTimer(10_000, resolve));
      yield 2;
    },
  });
}
