import { expect } from 'chai';
import type { RaftMessage } from '../../../src/raft/index.js';
import { append, type GROUP, heartbeat, type NetWorld, onBothTransports, RecordingInbox, say } from './net-world.js';

onBothTransports('messages between directors', (current) => {
  it('arrive with the node that the certificate names and the member that sent them', async () => {
    const world: NetWorld = current();
    const [a, b] = [await world.director('d1'), await world.director('d2')];
    const message = heartbeat(7);
    say(a, b, message, 5);
    await world.until('the message', () => b.group.received.length === 1);
    expect(b.group.received).to.deep.equal([{ node: a.id, from: 5, message }]);
  });

  it('keep their order in each class, whichever side dials first', async () => {
    const world = current();
    const [a, b] = [await world.director('d1'), await world.director('d2')];
    for (let n = 1; n <= 300; n += 1) {
      say(a, b, n % 3 === 0 ? append(n, 3_000) : heartbeat(n));
      say(b, a, n % 3 === 0 ? append(n, 3_000) : heartbeat(n));
      if (n % 10 === 0) await world.pass(1);
    }
    for (const { group } of [a, b]) {
      await world.until('all messages', () => group.received.length === 300);
      expect(group.rounds).to.deep.equal([...Array(300).keys()].map((n) => n + 1).filter((n) => n % 3 !== 0));
      const appends = group.received.flatMap(({ message }) =>
        message.type === 'appendRequest' ? [message.previous.index + 1] : [],
      );
      expect(appends).to.deep.equal([...Array(100).keys()].map((n) => 3 * (n + 1)));
      expect(group.lost).to.deep.equal([]);
    }
  });

  it('may be far longer than a frame', async () => {
    const world = current();
    const [a, b] = [await world.director('d1'), await world.director('d2')];
    const data = Buffer.alloc(9_000_000, 1);
    say(a, b, append(1, data.length));
    say(a, b, append(2, 10));
    await world.until('both messages', () => b.group.received.length === 2);
    const [first, second] = b.group.received.map(({ message }) => message as RaftMessage & { type: 'appendRequest' });
    expect(Buffer.compare(first?.entries[0]?.data ?? Buffer.alloc(0), data)).to.equal(0);
    expect(second?.entries[0]?.index).to.equal(2);
  });

  it('go to the group that they name, and nowhere else', async () => {
    const world = current();
    const [a, b] = [await world.director('d1'), await world.director('d2')];
    const other = new RecordingInbox(7);
    b.network.attach(other);
    a.network.send(b.id, 7 as typeof GROUP, 1 as never, heartbeat(1));
    a.network.send(b.id, 8 as typeof GROUP, 1 as never, heartbeat(2));
    say(a, b, heartbeat(3));
    await world.until('all of them', () => b.group.received.length + other.received.length === 2);
    expect(other.rounds).to.deep.equal([1]);
    expect(b.group.rounds).to.deep.equal([3]);
    expect(b.network.counters.droppedUnknownGroup).to.equal(1);
  });

  it('of all groups and of one turn leave in one frame', async () => {
    const world = current();
    const [a, b] = [await world.director('d1'), await world.director('d2')];
    say(a, b, heartbeat(1));
    await world.until('the link', () => b.group.received.length === 1);
    const before = a.network.counters.framesSent;
    for (let group = 0; group < 100; group += 1) a.network.send(b.id, group as typeof GROUP, 1 as never, heartbeat(2));
    a.network.flush();
    expect(a.network.counters.framesSent - before).to.equal(1);
    await world.until('all of them', () => b.network.counters.droppedUnknownGroup === 99);
  });

  it('reach a director that does not know where the sender is, and its answers come back', async () => {
    const world = current();
    const [a, b] = [await world.director('d1'), await world.director('d2', { knowsPeers: false })];
    say(b, a, heartbeat(1));
    await world.until('the loss to be reported', () => b.group.lost.includes(a.id));
    say(a, b, heartbeat(2));
    await world.until('the message', () => b.group.rounds.includes(2));
    say(b, a, heartbeat(3));
    await world.until('the answer', () => a.group.rounds.includes(3));
    expect(b.addresses.get(a.id)).to.deep.equal(a.endpoint.address);
  });

  it('are refused from a director of another cluster, which is said once', async () => {
    const world = current();
    const [a, b] = [await world.director('d1'), await world.director('d2', { clusterId: 'another' })];
    for (let n = 1; n <= 30; n += 1) {
      say(a, b, heartbeat(n));
      await world.pass(10);
    }
    await world.until('the refusals', () => b.network.counters.refusedCluster > 1 && a.group.lost.length > 1);
    expect(b.group.received).to.deep.equal([]);
    expect(b.warnings).to.have.length(1);
    expect(b.warnings[0]).to.contain('another').and.to.contain('d1');
    expect(a.warnings).to.have.length(1);
  });
});
