import { expect } from 'chai';
import { FlotillaError, nodeId, Prng } from '../../../../src/base/index.js';
import {
  bootstrapGroup,
  RAFT_GROUP_DEFAULTS,
  RaftGroup,
  type RaftGroupOptionsInput,
  raftGroupOptions,
} from '../../../../src/drivers/raft/index.js';
import { MemoryLogStore, MemorySnapshotStore } from '../../../../src/io/memory/index.js';
import { type MemberId, silentLogger } from '../../../../src/ports/index.js';
import { SimulatedClock } from '../../../../src/testing/index.js';
import { bytes, endOf, reasonOf } from '../../../support/group-cluster.js';
import { GroupNetwork, TEST_GROUP } from '../../../support/group-network.js';
import { ListMachine } from '../../../support/list-machine.js';
import { rejects } from '../../../support/rejects.js';

describe('drivers/raft: a group', () => {
  it('fills in the defaults, within groups of options too', () => {
    expect(raftGroupOptions()).to.deep.equal(RAFT_GROUP_DEFAULTS);
    const options = raftGroupOptions({ batch: { commandsMax: 7 }, persistence: 'memFirst' });
    expect(options.batch).to.deep.equal({ ...RAFT_GROUP_DEFAULTS.batch, commandsMax: 7 });
    expect(options.persistence).to.equal('memFirst');
  });

  it('refuses options that cannot be, and names them', () => {
    const wrong: [RaftGroupOptionsInput, RegExp][] = [
      [{ batch: { commandsMax: 0 } }, /raftGroup\.batch\.commandsMax is 0/],
      [{ commandBytesMax: -1 }, /raftGroup\.commandBytesMax is -1/],
      [{ snapshot: { logBytes: Number.NaN } }, /raftGroup\.snapshot\.logBytes is NaN/],
      [{ read: { timeThresholdMs: -1 } }, /raftGroup\.read\.timeThresholdMs is -1; it must be a number of at least 0/],
      [{ flush: { type: 'batch', threshold: 0, intervalMs: 1 } }, /raftGroup\.flush\.threshold is 0/],
    ];
    for (const [options, message] of wrong) {
      expect(() => makeGroup({ options })).to.throw(FlotillaError, message);
    }
  });

  it('knows no leader and takes nothing on before it has started', async () => {
    const { group } = makeGroup();
    expect(group.leadership).to.deep.equal({ term: 0, leader: undefined, isLeading: false });
    expect(group.appliedIndex).to.equal(0);
    expect(await endOf(group.proposeHere(bytes('a')))).to.equal('NOT_LEADER');
    expect(await reasonOf(group.readBarrier('linearizable'))).to.equal('NO_LEADER');
    await group.readBarrier('eventual');
    group.receive(nodeId('d2'), 2 as MemberId, { type: 'newerTerm', to: 1, term: 9 } as never);
    group.unreachable(nodeId('d2'));
    expect(() => group.status()).to.throw(/not been started/);
    await group.close();
    expect(await endOf(group.propose(bytes('a')))).to.equal('CLOSED');
  });

  it('that is closed while it starts ends cleanly', async () => {
    const { group, clock, store } = makeGroup();
    let closed = 0;
    store.close = () => {
      closed += 1;
      return Promise.resolve();
    };
    const started = group.start();
    const isClosed = group.close();
    await started;
    await clock.advance(5_000);
    await isClosed;
    expect(closed).to.equal(1);
    expect(clock.timersPending).to.equal(0);
  });

  it('whose store cannot be opened rejects its start', async () => {
    const { group, store } = makeGroup();
    store.open = () => Promise.reject(new FlotillaError('LOG_CORRUPT', 'damaged'));
    await rejects(group.start(), /damaged/, 'LOG_CORRUPT');
    await group.close();
  });

  it('whose snapshots are all damaged rejects its start and closes the log', async () => {
    const { group, store, snapshots } = makeGroup();
    let isClosed = false;
    store.close = () => {
      isClosed = true;
      return Promise.resolve();
    };
    snapshots.latest = () => Promise.reject(new FlotillaError('SNAPSHOT_CORRUPT', 'damaged'));
    await rejects(group.start(), /damaged/, 'SNAPSHOT_CORRUPT');
    expect(isClosed).to.equal(true);
  });

  it('begins with the state of the machine that it was founded with', async () => {
    const { group, clock, store, snapshots, machine } = makeGroup();
    const founding = new ListMachine();
    founding.items = ['a', 'b'];
    await bootstrapGroup(store, snapshots, [nodeId('d1')], founding);
    await group.start();
    expect(machine.items).to.deep.equal(['a', 'b']);
    await clock.runUntil(() => group.leadership.isLeading, 10_000);
    const proposed = endOf(group.propose(bytes('c')));
    await clock.advance(10);
    expect(await proposed).to.equal('3');
  });

  it('that has just been added waits to be told of a leader: it does not campaign', async () => {
    const { group, clock, network } = makeGroup();
    await group.start();
    await clock.advance(60_000);
    expect(network.sent).to.deep.equal([]);
    expect(group.counters.turns).to.equal(1);
    expect(clock.timersPending).to.equal(0);
  });
});

function makeGroup({ options = {} }: { options?: RaftGroupOptionsInput } = {}) {
  const clock = new SimulatedClock();
  const store = new MemoryLogStore();
  const snapshots = new MemorySnapshotStore();
  const machine = new ListMachine();
  const network = new GroupNetwork(clock);
  const group = new RaftGroup({
    ...{ id: TEST_GROUP, node: nodeId('d1'), member: 1 as MemberId, store, snapshots, machine, options },
    ...{ clock, random: new Prng(1), logger: silentLogger, network: network.portOf(nodeId('d1'), () => true) },
    onFailed: (error) => expect.fail(String(error)),
  });
  return { group, clock, store, snapshots, machine, network };
}
