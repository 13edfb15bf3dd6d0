import { expect } from 'chai';
import { RpcError } from '../../../../src/base/index.js';
import { bytes, endOf, GroupCluster, text } from '../../../support/group-cluster.js';
import { rejects } from '../../../support/rejects.js';

describe('drivers/raft: proposals', () => {
  it('a founded group elects a leader that all members know', async () => {
    const cluster = await GroupCluster.start();
    const leader = await cluster.leader();
    expect(leader.group.status().role).to.equal('leader');
    for (const other of cluster.others(leader)) {
      expect(other.group.leadership).to.deep.equal({
        ...{ term: leader.group.leadership.term, leader: leader.node, isLeading: false },
      });
    }
    expect(text(await cluster.run(leader.group.propose(bytes('a'))))).to.equal('1');
  });

  it('a group of one leads itself', async () => {
    const cluster = await GroupCluster.start({ size: 1 });
    const leader = await cluster.leader();
    expect(text(await cluster.run(leader.group.propose(bytes('a'))))).to.equal('1');
  });

  it('a command proposed at any member is executed once, on all of them', async () => {
    const cluster = await GroupCluster.start();
    await cluster.leader();
    for (const [at, { group }] of cluster.nodes.entries()) {
      expect(text(await cluster.run(group.propose(bytes(`from ${at}`))))).to.equal(String(at + 1));
    }
    await cluster.until(() => cluster.nodes.every(({ machine }) => machine.items.length === 3), 'all have applied it');
    for (const { machine } of cluster.nodes) expect(machine.items).to.deep.equal(['from 0', 'from 1', 'from 2']);
    expect(cluster.network.forwarded).to.equal(2);
  });

  it('each command gets the reply to itself, and the leader has applied it by then', async () => {
    const cluster = await GroupCluster.start();
    const leader = await cluster.leader();
    const replies = await cluster.run(
      Promise.all(
        Array.from({ length: 100 }, async (_, at) => {
          const reply = text(await leader.group.propose(bytes(`c${at}`)));
          return leader.machine.items[Number(reply) - 1];
        }),
      ),
    );
    expect(replies).to.deep.equal(Array.from({ length: 100 }, (_, at) => `c${at}`));
  });

  it('submit at a member that does not lead is refused at once', async () => {
    const cluster = await GroupCluster.start();
    const [other] = cluster.others(await cluster.leader());
    const refusals: RpcError[] = [];
    const settle = { resolve: () => expect.fail('executed'), reject: (error: RpcError) => void refusals.push(error) };
    other?.group.submit(bytes('a'), undefined, settle);
    expect(refusals.map(({ reason }) => reason)).to.deep.equal(['NOT_LEADER']);
  });

  it('a forwarded command is not forwarded again', async () => {
    const cluster = await GroupCluster.start();
    const [other] = cluster.others(await cluster.leader());
    const end = await cluster.run(endOf(other?.group.proposeHere(bytes('a'))));
    expect(end).to.equal('NOT_LEADER');
    expect(cluster.network.forwarded).to.equal(0);
  });

  it('a command waits for a leader and is executed when there is one', async () => {
    const cluster = await GroupCluster.start();
    const leader = await cluster.leader();
    const [a, b] = cluster.others(leader);
    cluster.kill(leader);
    const proposed = a?.group.propose(bytes('late'));
    expect(text(await cluster.run(proposed as Promise<Uint8Array>))).to.equal('1');
    await cluster.until(() => b?.machine.items.length === 1, 'the other one has it');
  });

  it('without a leader a command is refused with NO_LEADER when its time has run out, and never executed', async () => {
    const cluster = await GroupCluster.start();
    const leader = await cluster.leader();
    for (const node of cluster.nodes) cluster.network.isolate(node.node);
    const others = cluster.others(leader);
    await cluster.until(() => others.every(({ group }) => group.leadership.leader === undefined), 'no leader is known');
    const startMs = cluster.clock.nowMs();
    const end = await cluster.run(endOf(others[0]?.group.propose(bytes('never'), { timeoutMs: 700 })));
    expect(end).to.equal('NO_LEADER');
    expect(cluster.clock.nowMs() - startMs).to.be.within(700, 800);
    cluster.network.heal();
    const next = await cluster.leader();
    await cluster.run(next.group.propose(bytes('after')));
    expect(next.machine.items).to.deep.equal(['after']);
  });

  it('a command waits for the next leader when the last one was started again without the group', async () => {
    const cluster = await GroupCluster.start();
    const leader = await cluster.leader();
    const [other] = cluster.others(leader);
    let refused = 0;
    cluster.network.drops = (_message, from) => from === leader.node;
    cluster.network.attach(leader.node, {
      ...{ id: leader.group.id, snapshots: leader.group.snapshots },
      receive: () => undefined,
      unreachable: () => undefined,
      proposeHere: async () => {
        refused += 1;
        throw RpcError.of('GROUP_UNKNOWN', `${leader.node} runs no such group`, { retryable: false });
      },
    });
    expect(await cluster.run(endOf(other?.group.propose(bytes('early'), { timeoutMs: 20 })))).to.equal('NO_LEADER');
    const early = refused;
    expect(early).to.be.above(0);
    expect(await cluster.run(endOf(other?.group.propose(bytes('a'))))).to.equal('1');
    expect(refused).to.be.above(early);
    expect(other?.machine.items).to.deep.equal(['a']);
  });

  it('a command of a deposed leader whose place another entry took is lost', async () => {
    const cluster = await GroupCluster.start();
    const old = await cluster.leader();
    cluster.network.isolate(old.node);
    const lost = endOf(old.group.propose(bytes('lost')));
    await cluster.until(() => cluster.others(old).some(({ group }) => group.leadership.isLeading), 'another leader');
    const next = cluster.others(old).find(({ group }) => group.leadership.isLeading);
    await cluster.run(next?.group.propose(bytes('kept')) as Promise<Uint8Array>);
    cluster.network.heal();
    expect(await cluster.run(lost)).to.equal('PROPOSAL_LOST');
    await cluster.until(() => old.machine.items.length === 1, 'the old leader follows');
    expect(old.machine.items).to.deep.equal(['kept']);
    expect(old.group.status().pendingProposals).to.equal(0);
  });

  it('a command that was not decided in time is unknown', async () => {
    const cluster = await GroupCluster.start();
    const leader = await cluster.leader();
    for (const other of cluster.others(leader)) cluster.network.isolate(other.node);
    const startMs = cluster.clock.nowMs();
    expect(await cluster.run(endOf(leader.group.propose(bytes('a'), { timeoutMs: 150 })))).to.equal('PROPOSAL_UNKNOWN');
    expect(cluster.clock.nowMs() - startMs).to.be.within(150, 200);
    expect(leader.group.counters.unknown).to.equal(1);
  });

  it('a command of a deposed leader that nobody decides is unknown at its deadline', async () => {
    const cluster = await GroupCluster.start();
    const leader = await cluster.leader();
    cluster.network.isolate(leader.node);
    const end = endOf(leader.group.propose(bytes('a'), { timeoutMs: 2_000 }));
    await cluster.until(() => leader.group.status().role !== 'leader', 'it stepped down');
    expect(leader.group.status().pendingProposals).to.equal(1);
    expect(await cluster.run(end)).to.equal('PROPOSAL_UNKNOWN');
    expect(leader.group.status().pendingProposals).to.equal(0);
  });

  it('a command whose entry a snapshot jumped over is unknown', async () => {
    const cluster = await GroupCluster.start({ options: { snapshot: { keepEntries: 0 } } });
    const old = await cluster.leader();
    cluster.network.isolate(old.node);
    const end = endOf(old.group.propose(bytes('which?'), { timeoutMs: 60_000 }));
    const others = cluster.others(old);
    await cluster.until(() => others.some(({ group }) => group.leadership.isLeading), 'another leader');
    const next = others.find(({ group }) => group.leadership.isLeading);
    for (let at = 0; at < 5; at += 1) await cluster.run(next?.group.propose(bytes(`n${at}`)) as Promise<Uint8Array>);
    await cluster.run(next?.group.snapshotNow() as Promise<unknown>);
    cluster.network.heal();
    expect(await cluster.run(end)).to.equal('PROPOSAL_UNKNOWN');
    expect(old.machine.items).to.deep.equal(['n0', 'n1', 'n2', 'n3', 'n4']);
    expect(old.group.counters.snapshotsInstalled).to.equal(1);
  });

  it('a command that is too long is refused wherever it is proposed', async () => {
    const cluster = await GroupCluster.start({ options: { commandBytesMax: 10 } });
    await cluster.leader();
    for (const { group } of cluster.nodes) {
      expect(await cluster.run(endOf(group.propose(bytes('12345678901'))))).to.equal('KV_TOO_LARGE');
    }
    expect(cluster.network.forwarded).to.equal(0);
  });

  it('a forwarded command whose answer was lost is unknown, and not sent again', async () => {
    const cluster = await GroupCluster.start();
    const leader = await cluster.leader();
    const [other] = cluster.others(leader);
    if (other === undefined) throw new Error('expected a follower');
    const end = endOf(other.group.propose(bytes('a')));
    await cluster.until(() => leader.machine.items.length === 1, 'it was executed');
    cluster.network.isolate(other.node);
    expect(await cluster.run(end)).to.equal('PROPOSAL_UNKNOWN');
    cluster.network.heal();
    await cluster.clock.advance(2_000);
    expect(leader.machine.items).to.deep.equal(['a']);
  });

  it('after close everything is refused with CLOSED, and what was in flight has its answer', async () => {
    const cluster = await GroupCluster.start();
    const leader = await cluster.leader();
    const inFlight = endOf(leader.group.propose(bytes('a')));
    await cluster.until(() => leader.group.status().pendingProposals === 1, 'it is in flight');
    await cluster.run(leader.group.close());
    expect(await inFlight).to.equal('1');
    expect(await endOf(leader.group.propose(bytes('b')))).to.equal('CLOSED');
    await rejects(leader.group.readBarrier('linearizable'), /closed/);
    await rejects(leader.group.transferLeadership(leader.node), /closed/);
  });

  it('a command that was forwarded to a leader that stops is executed by the next one', async () => {
    const cluster = await GroupCluster.start();
    const leader = await cluster.leader();
    const [other] = cluster.others(leader);
    const closing = leader.group.close();
    const end = endOf(other?.group.propose(bytes('a')));
    await cluster.run(closing);
    expect(await cluster.run(end)).to.equal('1');
    expect(await cluster.run(endOf(leader.group.proposeHere(bytes('b'))))).to.equal('NOT_LEADER');
  });

  it('a leader that is closed hands leadership over first', async () => {
    const cluster = await GroupCluster.start();
    const leader = await cluster.leader();
    const term = leader.group.leadership.term;
    await cluster.run(leader.group.close());
    const next = cluster.others(leader).find(({ group }) => group.status().role === 'leader');
    expect(next?.group.status().term).to.equal(term + 1);
  });

  it('a member may write when it has applied its own first entry, and listeners hear of that once', async () => {
    const cluster = await GroupCluster.start();
    const leader = await cluster.leader();
    const [next] = cluster.others(leader);
    if (next === undefined) throw new Error('expected another member');
    const heard: { readonly isLeading: boolean; readonly applied: number; readonly last: number }[] = [];
    next.group.onLeadership(({ isLeading }) => {
      const { appliedIndex, lastIndex } = next.group.status();
      heard.push({ isLeading, applied: appliedIndex, last: lastIndex });
    });
    await cluster.run(leader.group.transferLeadership(next.node));
    await cluster.until(() => next.group.leadership.isLeading, 'it may write');
    const leading = heard.filter(({ isLeading }) => isLeading);
    expect(leading).to.have.length(1);
    expect(leading[0]?.applied).to.equal(leading[0]?.last);
    // Before that it knew itself as the leader, with its first entry in the log and not applied.
    const elected = heard.at(-2);
    expect(elected?.applied).to.be.below(elected?.last ?? 0);
  });

  it('an idle group wakes for its heartbeats and elections only', async () => {
    const cluster = await GroupCluster.start();
    const leader = await cluster.leader();
    await cluster.clock.advance(1_000);
    const turns = cluster.nodes.map(({ group }) => group.counters.turns);
    const messages = cluster.network.sent.length;
    await cluster.clock.advance(6_000);
    const more = cluster.nodes.map(({ group }, at) => group.counters.turns - (turns[at] ?? 0));
    // 100 heartbeat intervals of 60 ms, a message to and from each of two members.
    expect(cluster.network.sent.length - messages).to.be.within(390, 410);
    expect(more[cluster.nodes.indexOf(leader)]).to.be.below(350);
  });
});
