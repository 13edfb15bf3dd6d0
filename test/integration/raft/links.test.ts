import { expect } from 'chai';
import type { NodeId } from '../../../src/base/index.js';
import {
  append,
  heartbeat,
  MemoryNetWorld,
  type NetWorld,
  onBothTransports,
  say,
  type TestDirector,
} from './net-world.js';

/** Sends heartbeats as a leader does until one of this call arrives. */
async function beatUntilHeard(
  world: NetWorld,
  from: TestDirector,
  to: TestDirector,
  firstRound: number,
): Promise<number> {
  let round = firstRound;
  while (!to.group.rounds.some((heard) => heard >= firstRound)) {
    say(from, to, heartbeat(round));
    round += 1;
    await world.pass(20);
  }
  return round;
}

onBothTransports('links between directors', (current) => {
  it('come back after a peer was restarted, and the loss is reported', async () => {
    const world = current();
    const a = await world.director('d1');
    const b = await world.director('d2');
    await beatUntilHeard(world, a, b, 1);
    const { address } = b.endpoint;
    await world.crash(b);
    const again = await world.director('d2', { address });
    await beatUntilHeard(world, a, again, 1_000);
    expect(a.group.lost).to.include(b.id);
    say(again, a, heartbeat(5));
    await world.until('the way back', () => a.group.rounds.includes(5));
    expect(a.network.counters.restarts).to.equal(1);
  });

  it('come back when the other side was restarted and speaks first', async () => {
    const world = current();
    const a = await world.director('d1');
    const b = await world.director('d2');
    await beatUntilHeard(world, a, b, 1);
    const { address } = a.endpoint;
    await world.crash(a);
    const again = await world.director('d1', { address });
    again.network.connect(b.id);
    await world.until('the new process to be known', () => b.network.counters.restarts === 1);
    say(b, again, heartbeat(9));
    await world.until('the message', () => again.group.rounds.includes(9));
    expect(b.group.lost).to.include(a.id);
  });

  it('report every loss while a peer is away, and go on when it returns', async () => {
    const world = current();
    const a = await world.director('d1');
    const b = await world.director('d2');
    await beatUntilHeard(world, a, b, 1);
    const { address } = b.endpoint;
    await world.crash(b);
    for (let round = 1; round <= 30; round += 1) {
      a.network.send(b.id, a.group.id, 1 as never, heartbeat(round));
      a.network.flush();
      await world.pass(100);
    }
    expect(a.group.lost.length).to.be.greaterThan(1);
    const again = await world.director('d2', { address });
    await beatUntilHeard(world, a, again, 1_000);
  });

  it('follow their channel to a new connection without a loss', async () => {
    const world = current();
    const a = await world.director('d1', { connectionAgeMsMax: 300 });
    const b = await world.director('d2');
    for (let round = 1; round <= 60; round += 1) {
      say(a, b, heartbeat(round));
      say(b, a, heartbeat(round));
      await world.pass(20);
    }
    await world.until('all of them', () => a.group.rounds.length === 60 && b.group.rounds.length === 60);
    expect(a.group.lost).to.deep.equal([]);
    expect(b.group.lost).to.deep.equal([]);
    expect(a.network.counters.linksOpened).to.be.greaterThan(3);
    await world.until('the old connections to end', () => b.server.connectionCount <= 2);
  });

  it('end when a director leaves, which the others see at once', async () => {
    const world = current();
    const a = await world.director('d1');
    const b = await world.director('d2');
    await beatUntilHeard(world, a, b, 1);
    await beatUntilHeard(world, b, a, 1);
    await b.network.close();
    await world.until('the loss', () => a.group.lost.includes(b.id));
    await world.until('nothing to be in progress', () => b.server.inFlight === 0 && a.server.inFlight === 0);
    expect(await world.run(b.server.drain({ timeoutMs: 5_000 }))).to.equal(true);
  });

  it('do not hold up a server that drains, and carry on until it is done', async () => {
    const world = current();
    for (const [self, other] of [
      ['d1', 'd2'],
      ['d4', 'd3'],
    ] as const) {
      const [a, b] = [await world.director(self), await world.director(other)];
      await beatUntilHeard(world, a, b, 1);
      await beatUntilHeard(world, b, a, 1);
      a.network.startDraining();
      expect(await world.run(a.server.drain({ timeoutMs: 10_000 }))).to.equal(true);
      await beatUntilHeard(world, a, b, 1_000);
      await beatUntilHeard(world, b, a, 1_000);
    }
  });

  it('are made by nothing but a call of connect', async () => {
    const world = current();
    const [a, b] = [await world.director('d1'), await world.director('d2')];
    expect(a.network.isConnected(b.id)).to.equal(false);
    a.network.connect(b.id);
    await world.until('both to be connected', () => a.network.isConnected(b.id) && b.network.isConnected(a.id));
  });
});

describe('links between directors in memory', () => {
  let world: MemoryNetWorld;
  beforeEach(() => {
    world = new MemoryNetWorld();
  });
  afterEach(() => world.close());

  it('are given up when a peer says nothing, long before the connection is', async () => {
    const [a, b] = [await world.director('d1'), await world.director('d2')];
    await beatUntilHeard(world, a, b, 1);
    world.network.cut(a.endpoint.address, b.endpoint.address);
    const cutMs = world.clock.nowMs();
    while (a.network.counters.silences === 0) {
      say(a, b, heartbeat(2));
      await world.pass(60);
    }
    expect(world.clock.nowMs() - cutMs).to.be.within(2_000, 3_500);
    expect(a.group.lost).to.include(b.id);
    world.network.heal(a.endpoint.address, b.endpoint.address);
    await beatUntilHeard(world, a, b, 1_000);
  });

  it('are kept while a peer has nothing to say but answers for its links', async () => {
    const [a, b] = [await world.director('d1'), await world.director('d2')];
    for (let round = 1; round <= 400; round += 1) {
      say(a, b, heartbeat(round));
      await world.pass(60);
    }
    expect(b.group.rounds).to.have.length(400);
    expect(a.network.counters.silences).to.equal(0);
    expect(a.network.counters.linksBroken).to.equal(0);
  });

  it('hold no more than the budget for a peer that does not read, and say what was lost', async () => {
    const options = { peerBytesMax: 1_000_000, silenceMsMax: 3_600_000 };
    const [a, b] = [await world.director('d1', { options }), await world.director('d2')];
    await beatUntilHeard(world, a, b, 1);
    world.network.cut(a.endpoint.address, b.endpoint.address);
    for (let index = 1; index <= 400; index += 1) {
      say(a, b, append(index, 20_000));
      say(a, b, heartbeat(index));
      if (index % 20 === 0) await world.pass(1);
    }
    expect(a.network.waitingBytes).to.be.within(900_000, 1_100_000);
    expect(a.network.counters.droppedOverBudget).to.be.greaterThan(100);
    expect(a.group.lost).to.include(b.id);
    world.network.heal(a.endpoint.address, b.endpoint.address);
    await world.until('all to be sent', () => a.network.waitingBytes === 0);
    expect(b.group.rounds.at(-1)).to.equal(400);
  });

  it('share one budget', async () => {
    const options = { processBytesMax: 500_000, silenceMsMax: 3_600_000 };
    const a = await world.director('d1', { options });
    const others = [await world.director('d2'), await world.director('d3')];
    for (const other of others) {
      await beatUntilHeard(world, a, other, 1);
      world.network.cut(a.endpoint.address, other.endpoint.address);
    }
    for (let index = 1; index <= 200; index += 1) {
      for (const other of others) say(a, other, append(index, 20_000));
      if (index % 20 === 0) await world.pass(1);
    }
    expect(a.network.waitingBytes).to.be.within(450_000, 600_000);
  });

  it('collect heartbeats of many groups for the time they are told to', async () => {
    const [a, b] = [await world.director('d1', { options: { heartbeatWindowMs: 10 } }), await world.director('d2')];
    await beatUntilHeard(world, a, b, 1);
    const before = a.network.counters.framesSent;
    for (let group = 1; group <= 50; group += 1) {
      a.network.send(b.id, group as never, 1 as never, heartbeat(1));
      a.network.flush();
      if (group % 10 === 0) await world.pass(1);
    }
    await world.until('all of them', () => b.network.counters.droppedUnknownGroup === 50);
    expect(a.network.counters.framesSent - before).to.equal(1);
    a.network.send(b.id, 1 as never, 1 as never, heartbeat(2));
    say(a, b, append(1, 10));
    expect(a.network.counters.framesSent - before).to.equal(3);
  });

  it('to a peer whose address nobody knows drop what is sent, and say so', async () => {
    const a = await world.director('d1');
    a.network.send('d9' as NodeId, a.group.id, 1 as never, heartbeat(1));
    a.network.flush();
    await world.until('the report', () => a.group.lost.length === 1);
    expect(a.group.lost).to.deep.equal(['d9']);
    expect(a.network.counters.droppedUnreachable).to.equal(1);
  });
});
