import { expect } from 'chai';
import fc from 'fast-check';
import { decodeByteList, encodeByteList } from '../../../../src/base/index.js';
import { encodeCommands } from '../../../../src/drivers/raft/command-codec.js';
import { bytes, endOf, GroupCluster, type GroupNode } from '../../../support/group-cluster.js';
import type { ListMachine } from '../../../support/list-machine.js';

describe('drivers/raft: batches', () => {
  it('the payload of an entry gives back the commands it was made of, alone or listed', () => {
    const command = fc.uint8Array({ maxLength: 50 });
    fc.assert(
      fc.property(fc.array(fc.oneof(command, fc.array(command, { maxLength: 5 })), { maxLength: 20 }), (commands) => {
        const payload = encodeCommands(
          commands.map((given) =>
            Array.isArray(given)
              ? { bytes: encodeByteList(given), listed: given.length }
              : { bytes: given, listed: undefined },
          ),
        );
        expect(decodeByteList(payload)?.map((bytes) => [...bytes])).to.deep.equal(
          commands.flatMap((given) => (Array.isArray(given) ? given : [given])).map((bytes) => [...bytes]),
        );
      }),
    );
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

  it('commands that came as a list stay together, and are answered with the list of their replies', async () => {
    const { cluster, leader } = await quiet({ batch: { commandsMax: 4 } });
    const listOf = (...names: string[]) =>
      new Promise<Uint8Array>((resolve, reject) =>
        leader.group.submitAll(encodeByteList(names.map(bytes)), names.length, undefined, { resolve, reject }),
      );
    const lists = [listOf('a', 'b', 'c'), listOf('d', 'e'), listOf('f', 'g', 'h', 'i', 'j')];
    const alone = leader.group.propose(bytes('k'));
    expect(leader.group.status().queuedProposals).to.equal(11);
    const replies = await cluster.run(Promise.all(lists));
    expect(replies.map((list) => decodeByteList(list)?.map(String))).to.deep.equal([
      ['1', '2', '3'],
      ['4', '5'],
      ['6', '7', '8', '9', '10'],
    ]);
    expect(String(await cluster.run(alone))).to.equal('11');
    expect(leader.machine.batches).to.deep.equal([3, 2, 5, 1]);
    expect(leader.group.counters.commands).to.equal(11);
  });

  it('a list is refused that does not hold as many commands as it is said to', async () => {
    const { leader } = await quiet();
    const list = encodeByteList([bytes('a'), bytes('b')]);
    for (const [given, count] of [
      [list, 1],
      [list, 3],
      [list, 0],
      [bytes('nonsense'), 1],
    ] as const) {
      const end = endOf(
        new Promise((resolve, reject) => leader.group.submitAll(given, count, undefined, { resolve, reject })),
      );
      expect(await end).to.equal('INPUT_INVALID');
    }
  });

  it('a list whose time is over before it is proposed is refused whole', async () => {
    const { cluster, leader } = await quiet({
      ...{ raft: { uncommittedBytesMax: 200, electionTimeoutMs: 1_000 }, batch: { timeThresholdMs: 0 } },
    });
    for (const other of cluster.others(leader)) cluster.network.isolate(other.node);
    const first = endOf(leader.group.propose(bytes('a'.repeat(150))));
    await cluster.clock.advance(5);
    const list = encodeByteList(['b'.repeat(80), 'c'.repeat(80)].map(bytes));
    const late = endOf(
      new Promise((resolve, reject) => leader.group.submitAll(list, 2, { timeoutMs: 50 }, { resolve, reject })),
    );
    expect(await cluster.run(late)).to.equal('PROPOSALS_FULL');
    expect(leader.group.counters.refused).to.equal(2);
    cluster.network.heal();
    expect(await cluster.run(first)).to.equal('1');
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
