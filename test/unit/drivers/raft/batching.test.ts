import { expect } from 'chai';
import fc from 'fast-check';
import { decodeCommands, encodeCommands } from '../../../../src/drivers/raft/command-codec.js';
import { bytes, endOf, GroupCluster, type GroupNode } from '../../../support/group-cluster.js';
import type { ListMachine } from '../../../support/list-machine.js';

describe('drivers/raft: batches', () => {
  it('the payload of an entry gives back the commands it was made of', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 20 }), (commands) => {
        const size = commands.reduce((sum, { length }) => sum + length, 0);
        const payload = encodeCommands(
          commands.map((command) => ({ bytes: command })),
          size,
        );
        expect(decodeCommands(payload)?.map((command) => [...command])).to.deep.equal(commands.map((c) => [...c]));
      }),
    );
  });

  it('bytes that are no payload are refused, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (garbage) => {
        const commands = decodeCommands(garbage);
        if (commands === undefined) return;
        const size = commands.reduce((sum, { length }) => sum + 4 + length, 4);
        expect(size).to.equal(garbage.length);
      }),
    );
    expect(decodeCommands(Uint8Array.of(0xff, 0xff, 0xff, 0xff))).to.equal(undefined);
    expect(decodeCommands(Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0, 9))).to.equal(undefined);
    expect(decodeCommands(Uint8Array.of(0, 0, 0, 0, 1))).to.equal(undefined);
  });

  it('a command on an idle group does not wait', async () => {
    const { cluster, leader } = await quiet();
    const startMs = cluster.clock.nowMs();
    await cluster.run(leader.group.propose(bytes('a')));
    expect(cluster.clock.nowMs() - startMs).to.equal(2); // there and back
  });

  it('commands of one turn share an entry, and those of the time it is in flight the next one', async () => {
    const { cluster, leader } = await quiet({ batch: { timeThresholdMs: 1_000 } });
    const proposed = [leader.group.propose(bytes('a')), leader.group.propose(bytes('b'))];
    await cluster.clock.advance(0.1);
    for (const name of ['c', 'd', 'e']) {
      proposed.push(leader.group.propose(bytes(name)));
      await cluster.clock.advance(0.1);
    }
    expect(leader.group.status().queuedProposals).to.equal(3);
    await cluster.run(Promise.all(proposed));
    expect(leader.machine.batches).to.deep.equal([2, 3]);
    expect(leader.group.counters.batches).to.equal(2);
    expect(leader.group.counters.commands).to.equal(5);
  });

  it('commands gather behind an entry in flight for the time threshold at most', async () => {
    const { cluster, leader } = await quiet({ batch: { timeThresholdMs: 3 } });
    cluster.network.latencyMs = 20;
    const proposed = [leader.group.propose(bytes('a'))];
    await cluster.clock.advance(1);
    proposed.push(leader.group.propose(bytes('b')));
    await cluster.clock.advance(2.9);
    expect(leader.group.counters.batches).to.equal(1);
    await cluster.clock.advance(0.2);
    expect(leader.group.counters.batches).to.equal(2);
    await cluster.run(Promise.all(proposed));
  });

  it('an entry has at most the commands and bytes that it may have', async () => {
    const { cluster, leader } = await quiet({ batch: { commandsMax: 4, bytesMax: 100 } });
    const many = Array.from({ length: 10 }, () => leader.group.propose(bytes('x')));
    await cluster.run(Promise.all(many));
    expect(leader.machine.batches).to.deep.equal([4, 4, 2]);
    const long = Array.from({ length: 3 }, () => leader.group.propose(bytes('y'.repeat(60))));
    await cluster.run(Promise.all([...long, leader.group.propose(bytes('z'.repeat(500)))]));
    expect(leader.machine.batches.slice(3)).to.deep.equal([1, 1, 1, 1]);
  });

  it('an urgent command goes ahead of those that wait, and takes them along', async () => {
    const { cluster, leader } = await quiet({ batch: { timeThresholdMs: 1_000 } });
    const first = leader.group.propose(bytes('a'));
    await cluster.clock.advance(0.1);
    const normal = leader.group.propose(bytes('normal'));
    await cluster.clock.advance(0.1);
    expect(leader.group.counters.batches).to.equal(1);
    const urgent = leader.group.propose(bytes('urgent'), { priority: 'urgent' });
    await cluster.clock.advance(0.1);
    expect(leader.group.counters.batches).to.equal(2);
    await cluster.run(Promise.all([first, normal, urgent]));
    expect(leader.machine.items).to.deep.equal(['a', 'urgent', 'normal']);
  });

  it('more bytes than may wait are refused with PROPOSALS_FULL; the others go on', async () => {
    const { cluster, leader } = await quiet({ queueBytesMax: 1_000 });
    const ends = Array.from({ length: 10 }, (_, at) => endOf(leader.group.propose(bytes(`${at}`))));
    const heard = await cluster.run(Promise.all(ends));
    expect(heard.filter((end) => end === 'PROPOSALS_FULL')).to.have.length(3);
    expect(leader.machine.items).to.have.length(7);
    expect(leader.group.counters.refused).to.equal(3);
    expect(await cluster.run(endOf(leader.group.propose(bytes('again'))))).to.equal('8');
  });

  it('while too much is uncommitted commands wait, and are refused only at their deadline', async () => {
    const { cluster, leader } = await quiet({
      ...{ raft: { uncommittedBytesMax: 200, electionTimeoutMs: 1_000 }, batch: { timeThresholdMs: 0 } },
    });
    for (const other of cluster.others(leader)) cluster.network.isolate(other.node);
    const first = endOf(leader.group.propose(bytes('a'.repeat(150))));
    await cluster.clock.advance(5);
    const late = endOf(leader.group.propose(bytes('b'.repeat(150)), { timeoutMs: 50 }));
    await cluster.clock.advance(5);
    expect(leader.group.status().queuedProposals).to.equal(1);
    expect(await cluster.run(late)).to.equal('PROPOSALS_FULL');
    const second = endOf(leader.group.propose(bytes('c'.repeat(150))));
    await cluster.clock.advance(5);
    cluster.network.heal();
    expect(await cluster.run(Promise.all([first, second]))).to.deep.equal(['1', '2']);
    expect(leader.machine.items.map((item) => item[0])).to.deep.equal(['a', 'c']);
  });

  it('the bytes of a command may be used again when its entry is made: what all members apply is the same', async () => {
    const { cluster, leader } = await quiet();
    const command = Buffer.from('good');
    const proposed = leader.group.propose(command);
    await cluster.until(() => leader.group.status().pendingProposals === 1, 'the entry is made');
    command.fill('x');
    await cluster.run(proposed);
    await cluster.until(() => cluster.nodes.every(({ machine }) => machine.items.length === 1), 'all have applied it');
    for (const { machine } of cluster.nodes) expect(machine.items).to.deep.equal(['good']);
  });

  it('a long run of entries is applied in slices, between which the event loop turns', async () => {
    const { cluster, leader } = await quiet({ batch: { commandsMax: 1 }, applySliceMs: 5 });
    const now = cluster.clock.nowMs.bind(cluster.clock);
    let spentMs = 0;
    cluster.clock.nowMs = () => now() + spentMs;
    leader.machine.onApply = () => {
      spentMs += 2;
    };
    const turns: number[] = [];
    const proposed = Array.from({ length: 12 }, async () => {
      await leader.group.propose(bytes('x'));
      turns.push(leader.group.counters.turns);
    });
    await cluster.run(Promise.all(proposed));
    const perTurn = [...new Set(turns)].map((turn) => turns.filter((other) => other === turn).length);
    expect(perTurn).to.deep.equal([3, 3, 3, 3]);
    expect(leader.group.counters.batches).to.equal(12);
  });

  it('a state machine that throws ends the group on that member', async () => {
    const { cluster, leader } = await quiet();
    const [other] = cluster.others(leader);
    if (other === undefined) throw new Error('expected another member');
    other.machine.onApply = () => {
      throw new Error('a bug');
    };
    await cluster.run(leader.group.propose(bytes('a')));
    await cluster.until(() => other.failures.length === 1, 'it failed');
    expect(other.failures[0]?.code).to.equal('STATE_MACHINE_FAILED');
    expect(other.failures[0]?.message).to.match(/a bug/);
    expect(await endOf(other.group.propose(bytes('b')))).to.equal('CLOSED');
    await cluster.run(leader.group.propose(bytes('c')));
  });

  it('so does one that leaves a command without a reply', async () => {
    const { cluster, leader } = await quiet();
    leader.machine.apply = () => [];
    expect(await cluster.run(endOf(leader.group.propose(bytes('a'))))).to.equal('PROPOSAL_UNKNOWN');
    expect(leader.failures.map(({ code }) => code)).to.deep.equal(['STATE_MACHINE_FAILED']);
  });
});

async function quiet(options = {}): Promise<{ cluster: GroupCluster; leader: GroupNode<ListMachine> }> {
  const cluster = await GroupCluster.start({ options });
  return { cluster, leader: await cluster.leader() };
}
