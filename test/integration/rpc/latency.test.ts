import { expect } from 'chai';
import { LIMITS } from '../../../src/base/index.js';
import { defineService, implement, serviceClient, unary } from '../../../src/rpc/index.js';
import { failureOf, MemoryWorld } from './world.js';

const Demo = defineService('demo', { wait: unary<{ ms: number; fails?: boolean; filler?: Buffer }, string>() });

describe('latency of unary calls in virtual time', () => {
  let world: MemoryWorld;
  beforeEach(() => {
    world = new MemoryWorld();
    world.serve(
      implement(Demo, {
        wait: async ({ ms, fails }) => {
          await new Promise<void>((resolve) => world.clock.setTimer(ms, resolve));
          if (fails === true) throw new Error('asked to');
          return 'done';
        },
      }),
    );
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
