import { expect } from 'chai';
import { FlotillaError, type NodeId, nodeId, Prng, RpcError } from '../../../src/base/index.js';
import { GroupFoundingDuty } from '../../../src/director/group-founding.js';
import { GroupRecords } from '../../../src/director/group-records.js';
import type { GroupViews } from '../../../src/director/group-views.js';
import { LateGroups } from '../../../src/director/late-groups.js';
import { NodeMemory } from '../../../src/director/node-record.js';
import { type DirectorStorage, volatileStorage } from '../../../src/director/storage.js';
import { MemoryLogStore, MemorySnapshotStore } from '../../../src/io/memory/index.js';
import { singleKey } from '../../../src/kv/index.js';
import { type LogIndex, type MemberId, silentLogger, type Term } from '../../../src/ports/index.js';
import type { ClusterConfig } from '../../../src/raft/index.js';
import { SimulatedClock } from '../../../src/testing/index.js';
import { FakeCluster, type FakeMember } from '../../support/fake-metadata.js';
import { ListMachine } from '../../support/list-machine.js';
import { settle } from '../../support/settle.js';

const STOCK = 7;

/** What outlives a director's process. */
interface Disk {
  readonly storage: DirectorStorage;
  /** Fails the next writes of node.json. */
  failures: number;
  record: { readonly cluster?: { readonly members: Record<string, number> } } | undefined;
}

/** The metadata group of several directors, all in one. */
class World {
  readonly clock = new SimulatedClock();
  readonly metadata = new FakeCluster(this.clock);
  /** Node to metadata member id; voters all of them but the learners. */
  readonly members = new Map<string, number>();
  readonly learners = new Set<string>();
  isChanging = false;
  private dataIds = 0;

  constructor(...nodes: string[]) {
    for (const [at, node] of nodes.entries()) this.members.set(node, at + 1);
  }

  get config(): ClusterConfig {
    const members = [...this.members].map(([node, id]) => ({ id: id as MemberId, node: nodeId(node) }));
    const idsOf = (isLearner: boolean) =>
      members.filter(({ node }) => this.learners.has(node) === isLearner).map(({ id }) => id);
    const outgoing = this.isChanging ? idsOf(false) : [];
    return { members, voters: idsOf(false), learners: idsOf(true), outgoing, learnersNext: [] };
  }

  emptyDisk(): Disk {
    const storage = volatileStorage(() => ({ store: new MemoryLogStore(), snapshots: new MemorySnapshotStore() }));
    return { storage, failures: 0, record: undefined };
  }

  newDataId(): string {
    this.dataIds += 1;
    return `disk-${this.dataIds}`;
  }

  /** With whom the group began. */
  get founders(): Readonly<Record<string, string>> | undefined {
    const [first] = this.metadata.members;
    const value = first?.machine.range(
      {
        type: 'range',
        range: singleKey(`\0groups/${STOCK}`),
        limit: 1,
        revision: 0,
        keysOnly: false,
        countOnly: false,
      },
      'cluster',
    ).items[0]?.value;
    return value === undefined ? undefined : JSON.parse(Buffer.from(value).toString()).founders;
  }

  /** The data directory that has member `id` of the group. */
  claimOf(id: number): string | undefined {
    const [first] = this.metadata.members;
    const key = `\0claims/${STOCK}/${String(id).padStart(16, '0')}`;
    const found = first?.machine.range(
      { type: 'range', range: singleKey(key), limit: 1, revision: 0, keysOnly: false, countOnly: false },
      'cluster',
    ).items[0]?.value;
    return found === undefined ? undefined : JSON.parse(Buffer.from(found).toString()).dataId;
  }
}

interface LifeOptions {
  readonly groups?: number[];
  readonly views?: () => GroupViews;
  /** Nobody answers when it asks to be let in. */
  readonly isMute?: boolean;
}

function forever(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(RpcError.of('CANCELLED_BY_CALLER', 'cancelled')));
  });
}

/** One life of a director, as far as its groups go. */
class Life {
  readonly node: NodeId;
  readonly records: GroupRecords;
  readonly late: LateGroups;
  readonly duty: GroupFoundingDuty;
  readonly errors: Record<string, unknown>[] = [];
  readonly failed: FlotillaError[] = [];
  /** What the others answer when it asks to be let in. */
  answer: () => number = () => {
    throw RpcError.of('NO_LEADER', 'nobody there');
  };
  /** What the others say of the group when it asks. */
  views: () => GroupViews = () => ({ answers: 2, views: [] });
  /** Its own group, once it runs. */
  readonly group = {
    leadership: { leader: undefined as NodeId | undefined },
    status: () => ({ config: this.ownConfig, configIndex: 3, commit: 3 }),
  };
  ownConfig = { members: [1, 2, 3, 21, 44].map((id) => ({ id })) };
  readonly member: FakeMember;
  /** As which member it runs the group. */
  runsAs: number | undefined;
  private readonly all = new Map();

  static async begin(world: World, node: string, disk: Disk, options: LifeOptions = {}): Promise<Life> {
    const file = {
      read: async () => disk.record,
      write: async (value: object) => {
        if (disk.failures > 0) {
          disk.failures -= 1;
          throw new FlotillaError('DISK_FULL', 'no room');
        }
        disk.record = value as NonNullable<Disk['record']>;
      },
    };
    const memory = await NodeMemory.open(file, nodeId(node), () => world.newDataId());
    const metadata = world.members.get(node) ?? 0;
    if (memory.record.cluster === undefined) {
      await memory.write({ cluster: { id: 'c', founders: {}, members: { 0: metadata } } });
    }
    return new Life(world, node, disk, memory, options);
  }

  private constructor(world: World, node: string, disk: Disk, memory: NodeMemory, options: LifeOptions) {
    const { groups = [STOCK], views } = options;
    if (views !== undefined) this.views = views;
    this.node = nodeId(node);
    const { clock } = world;
    const known = world.metadata.members.find((each) => each.node === node);
    this.member = known ?? world.metadata.join(node);
    this.records = new GroupRecords(this.member.store);
    this.duty = new GroupFoundingDuty({
      ...{ group: this.member, records: this.records, clock, logger: silentLogger },
      status: () => ({ config: world.config, configIndex: 1 as LogIndex, commit: 1 as LogIndex }),
    });
    const { all } = this;
    this.late = new LateGroups({
      node: this.node,
      ...{ memory, records: this.records, clock },
      storage: disk.storage,
      userGroups: groups.map((id) => ({ id, name: 'stock', machine: new ListMachine() })),
      groups: {
        all,
        add: async ({ id }, member) => {
          this.runsAs = member;
          all.set(id, { name: 'stock', group: this.group });
        },
      },
      config: () => world.config,
      askForGroup: async (_id, signal) => (options.isMute === true ? await forever(signal) : this.answer()),
      viewsOf: async () => this.views(),
      random: new Prng(node),
      logger: { ...silentLogger, error: (fields: unknown) => this.errors.push(fields as Record<string, unknown>) },
      onFailed: (error) => this.failed.push(error),
    });
    this.late.start();
  }

  async end(world: World): Promise<void> {
    this.duty.close();
    await settle(world.clock, this.late.close());
    this.records.close();
  }
}

async function three(): Promise<{ world: World; disks: Disk[]; lives: Life[] }> {
  const world = new World('d1', 'd2', 'd3');
  const disks = [world.emptyDisk(), world.emptyDisk(), world.emptyDisk()];
  const lives = [await Life.begin(world, 'd1', disks[0]!), await Life.begin(world, 'd2', disks[1]!)];
  await world.clock.advance(3_000);
  return { world, disks, lives };
}

describe('director: a group that is added to the options', () => {
  it('begins once every voter has announced it, with the data directories that did', async () => {
    const { world, disks, lives } = await three();
    expect(world.founders).to.equal(undefined);
    expect(lives[0]!.late.waiting()).to.deep.equal([{ id: STOCK, name: 'stock', hasBegun: false, missing: ['d3'] }]);
    expect(lives[0]!.late.whyAbsent(STOCK)).to.include({ reason: 'GROUP_WAITING', retryable: true });
    expect(lives[0]!.late.coming()).to.deep.equal([]);
    const started = lives[1]!.late.started(STOCK, undefined);
    lives.push(await Life.begin(world, 'd3', disks[2]!));
    await settle(world.clock, started);
    await world.clock.advance(10);
    expect(world.founders).to.deep.equal({ d1: 'disk-1', d2: 'disk-2', d3: 'disk-3' });
    expect(lives.map(({ runsAs }) => runsAs)).to.deep.equal([1, 2, 3]);
    expect(disks[2]!.record?.cluster?.members).to.deep.equal({ 0: 3, 7: 3 });
    expect([1, 2, 3].map((id) => world.claimOf(id))).to.deep.equal(['disk-1', 'disk-2', 'disk-3']);
    // The next voter finds it begun.
    expect(lives[0]!.records.announced()).to.deep.equal([]);
    expect(lives[2]!.late.waiting()).to.deep.equal([]);
  });

  it('begins when a voter that was missing is none any more, and not while the voters change', async () => {
    const { world } = await three();
    world.isChanging = true;
    world.members.delete('d3');
    await world.clock.advance(5_000);
    expect(world.founders).to.equal(undefined);
    world.isChanging = false;
    await world.clock.advance(5_000);
    expect(world.founders).to.have.keys('d1', 'd2');
  });

  it('does not begin with what an earlier membership of a director has announced', async () => {
    const { world, disks } = await three();
    // The disk that announced is lost before the others have; its director comes back as another member.
    world.members.set('d2', 9);
    const last = await Life.begin(world, 'd3', disks[2]!);
    await world.clock.advance(5_000);
    expect(world.founders).to.equal(undefined);
    expect(last.late.waiting()[0]?.missing).to.deep.equal(['d2']);
    const empty = world.emptyDisk();
    await Life.begin(world, 'd2', empty);
    await world.clock.advance(5_000);
    expect(world.founders).to.deep.equal({ d1: 'disk-1', d2: 'disk-4', d3: 'disk-3' });
    expect(empty.record?.cluster?.members).to.deep.equal({ 0: 9, 7: 2 });
  });

  it('does not begin with a director that was started without it again', async () => {
    const { world, disks, lives } = await three();
    await lives[1]!.end(world);
    await Life.begin(world, 'd2', disks[1]!, { groups: [] });
    await world.clock.advance(100);
    await Life.begin(world, 'd3', disks[2]!);
    await world.clock.advance(5_000);
    expect(world.founders).to.equal(undefined);
  });

  it('does not begin with what somebody has taken back unheard', async () => {
    const { world, lives } = await three();
    const [first, second] = lives.map(({ member }) => member);
    world.metadata.lead(second);
    first!.pause(true);
    await settle(
      world.clock,
      lives[1]!.records.withdraw(nodeId('d2'), () => true),
    );
    const stale = lives[0]!.records.announcements(STOCK);
    expect(stale.map(({ node }) => node)).to.deep.equal(['d1', 'd2']);
    expect(await settle(world.clock, lives[0]!.records.found(STOCK, stale))).to.equal(false);
    first!.pause(false);
    expect(world.founders).to.equal(undefined);
  });

  it('begins under the next leader, and once only', async () => {
    const { world, disks, lives } = await three();
    world.metadata.lead(undefined);
    await Life.begin(world, 'd3', disks[2]!);
    await world.clock.advance(2_000);
    expect(world.founders).to.equal(undefined);
    world.metadata.lead(lives[1]!.member);
    await world.clock.advance(10_000);
    const first = world.founders;
    expect(first).to.have.keys('d1', 'd2', 'd3');
    const later = { node: nodeId('d9'), member: 9, dataId: 'disk-9', name: 'stock' };
    expect(await settle(world.clock, lives[0]!.records.found(STOCK, [later]))).to.equal(false);
    await settle(world.clock, lives[0]!.records.ensure(STOCK, { d9: 'disk-9' }));
    await settle(world.clock, lives[0]!.records.announce(STOCK, later));
    expect(world.founders).to.deep.equal(first);
    expect(world.claimOf(1)).to.equal('disk-1');
    expect(lives[0]!.records.announcements(STOCK)).to.deep.equal([]);
  });

  it('is said to begin by the leader that made it so, and when it does', async () => {
    const said: unknown[] = [];
    for (const succeeds of [false, true]) {
      const { world, lives } = await three();
      const { records } = lives[0]!;
      const announced = [1, 2, 3].map((member) => ({
        node: nodeId(`d${member}`),
        member,
        dataId: 'disk',
        name: 'stock',
      }));
      const duty = new GroupFoundingDuty({
        group: {
          leadership: { term: 1 as Term, leader: nodeId('d1'), isLeading: true },
          onLeadership: () => () => undefined,
        },
        status: () => ({ config: world.config, configIndex: 1 as LogIndex, commit: 1 as LogIndex }),
        records: Object.assign(Object.create(records) as GroupRecords, {
          announced: () => [STOCK],
          announcements: () => announced,
          found: async () => succeeds,
        }),
        clock: world.clock,
        logger: { ...silentLogger, info: (fields: unknown) => said.push(fields) },
      });
      await world.clock.advance(100);
      duty.close();
      expect(said).to.have.length(succeeds ? 1 : 0);
    }
  });

  it('is begun again by a founder whose node.json was not written, with the same first state', async () => {
    const { world, disks } = await three();
    const disk = disks[2]!;
    let last = await Life.begin(world, 'd3', disk);
    disk.failures = 1_000;
    await world.clock.advance(5_000);
    expect(world.founders).to.have.keys('d1', 'd2', 'd3');
    expect(last.runsAs, 'it votes under no id that it may forget').to.equal(undefined);
    const { store, snapshots } = await disk.storage.group(STOCK as never);
    expect((await snapshots.latest())?.meta.index).to.equal(3);
    expect((await store.open()).hardState).to.deep.equal({ term: 1, vote: undefined, commit: 3 });
    await store.close();
    // The process ends here.
    await last.end(world);
    disk.failures = 0;
    last = await Life.begin(world, 'd3', disk);
    await world.clock.advance(1_000);
    expect(last.runsAs).to.equal(3);
    expect(disk.record?.cluster?.members).to.deep.equal({ 0: 3, 7: 3 });
  });

  it('is not begun on a log that has been in use: the record that it was is lost', async () => {
    const { world, disks } = await three();
    const disk = disks[2]!;
    const { store } = await disk.storage.group(STOCK as never);
    await store.open();
    await store.append({ snapshot: undefined, entries: [], hardState: { term: 5, vote: 3, commit: 0 } as never });
    await store.close();
    const last = await Life.begin(world, 'd3', disk);
    await world.clock.advance(20_000);
    expect(last.runsAs).to.equal(undefined);
    // Said once, however often it is tried.
    expect(last.errors.map(({ code }) => code)).to.deep.equal(['DATA_DIR_FOREIGN']);
    expect(last.late.waiting()[0]).to.include({ hasBegun: true }).and.to.have.property('problem');
  });

  it('takes a founder on another data directory as another member, once the first is gone', async () => {
    const { world, disks } = await three();
    const before = await Life.begin(world, 'd3', disks[2]!);
    await world.clock.advance(1_000);
    await before.end(world);
    world.members.set('d3', 12);
    const disk = world.emptyDisk();
    const after = await Life.begin(world, 'd3', disk);
    after.answer = () => {
      throw RpcError.of('MEMBER_CLAIMED', 'd3 (member 3 of group 7) has run with another data directory');
    };
    await world.clock.advance(20_000);
    expect(after.runsAs).to.equal(undefined);
    expect(after.errors.map(({ code }) => code)).to.deep.equal(['MEMBER_CLAIMED']);
    expect(after.late.coming(), 'there is nothing to wait for').to.deep.equal([]);
    expect(after.late.stuck()).to.deep.equal([STOCK]);
    after.answer = () => {
      throw RpcError.of('NO_LEADER', 'nobody there');
    };
    await world.clock.advance(10_000);
    expect(after.late.coming(), 'a change of members must not leave it out').to.deep.equal([STOCK]);
    expect(after.late.stuck()).to.deep.equal([]);
    after.answer = () => 44;
    await world.clock.advance(10_000);
    expect(after.runsAs).to.equal(44);
    expect(disk.record?.cluster?.members).to.deep.equal({ 0: 12, 7: 44 });
  });

  it('lets a learner in after it began, which it does not wait for', async () => {
    const { world, disks } = await three();
    world.members.set('d4', 8);
    world.learners.add('d4');
    const disk = world.emptyDisk();
    const learner = await Life.begin(world, 'd4', disk);
    learner.answer = () => 21;
    await Life.begin(world, 'd3', disks[2]!);
    await world.clock.advance(5_000);
    expect(world.founders).to.have.keys('d1', 'd2', 'd3');
    expect(learner.runsAs).to.equal(21);
    // What it begins with is nothing: all comes from the leader.
    const { store } = await disk.storage.group(STOCK as never);
    expect((await store.open()).hardState).to.deep.equal({ term: 0, vote: undefined, commit: 0 });
  });

  it('is prepared for once, however often it asks to be let in', async () => {
    const { world, disks } = await three();
    await Life.begin(world, 'd3', disks[2]!);
    await world.clock.advance(5_000);
    world.members.set('d4', 8);
    world.learners.add('d4');
    const { storage } = world.emptyDisk();
    const { store, snapshots } = await storage.group(STOCK as never);
    let openings = 0;
    const counted = new Proxy(store, {
      get: (target, name) => {
        if (name === 'open') openings += 1;
        const found: unknown = Reflect.get(target, name);
        return typeof found === 'function' ? found.bind(target) : found;
      },
    });
    const disk = { storage: { ...storage, group: async () => ({ store: counted, snapshots }) } };
    const learner = await Life.begin(world, 'd4', { ...disk, failures: 0, record: undefined });
    let asked = 0;
    learner.answer = () => {
      asked += 1;
      throw RpcError.of('NO_LEADER', 'nobody there');
    };
    await world.clock.advance(60_000);
    expect(asked).to.be.greaterThan(5);
    expect(openings).to.equal(1);
  });

  it('takes a founder that was removed before it came as another member', async () => {
    const { world, disks } = await three();
    const disk = disks[2]!;
    const before = await Life.begin(world, 'd3', disk);
    await before.end(world);
    await world.clock.advance(1_000);
    await settle(
      world.clock,
      before.records.announce(STOCK, { node: nodeId('d3'), member: 3, dataId: 'disk-3', name: 'stock' }),
    );
    await world.clock.advance(5_000);
    expect(world.founders).to.have.keys('d1', 'd2', 'd3');
    const views = () => ({
      answers: 2,
      views: [
        { commitIndex: 3, members: [1, 2, 3] },
        { commitIndex: 9, members: [1, 2] },
      ],
    });
    const after = await Life.begin(world, 'd3', disk, { views });
    await world.clock.advance(1_000);
    expect(after.runsAs).to.equal(undefined);
    after.answer = () => 44;
    await world.clock.advance(10_000);
    expect(after.runsAs).to.equal(44);
    expect(disk.record?.cluster?.members).to.deep.equal({ 0: 3, 7: 44 });
  });

  it('is begun by a founder when enough of the others answer, and none says that it was removed', async () => {
    const { world, disks } = await three();
    let views: GroupViews = { answers: 0, views: [] };
    const last = await Life.begin(world, 'd3', disks[2]!, { views: () => views });
    await world.clock.advance(10_000);
    expect(world.founders).to.have.keys('d1', 'd2', 'd3');
    expect(last.runsAs).to.equal(undefined);
    expect(last.late.waiting()[0]?.problem).to.match(/it takes 1 to begin/);
    // Who has heard nothing yet, or not enough, says nothing.
    const behind = [
      { commitIndex: 0, members: [] },
      { commitIndex: 2, members: [1, 2] },
    ];
    views = { answers: 1, views: behind };
    await world.clock.advance(10_000);
    expect(last.runsAs).to.equal(3);
  });

  it('says that it was removed while it was down, until that is not so', async () => {
    const { world, disks } = await three();
    let views: GroupViews = { answers: 2, views: [] };
    const last = await Life.begin(world, 'd3', disks[2]!, { views: () => views });
    await world.clock.advance(1_000);
    expect(last.runsAs).to.equal(3);
    expect(last.late.waiting()).to.deep.equal([]);
    views = { answers: 2, views: [{ commitIndex: 9, members: [1, 2, 8] }] };
    // As long as a leader talks to it, it is a member.
    last.group.leadership.leader = nodeId('d1');
    await world.clock.advance(60_000);
    expect(last.late.waiting()).to.deep.equal([]);
    last.group.leadership.leader = undefined;
    await world.clock.advance(60_000);
    expect(last.late.waiting()[0]?.problem).to.match(/removed from group 7/);
    expect(last.errors.map(({ code }) => code)).to.deep.equal(['MEMBER_UNKNOWN']);
    views = { answers: 2, views: [] };
    await world.clock.advance(60_000);
    expect(last.late.waiting()).to.deep.equal([]);
    last.ownConfig = { members: [{ id: 1 }, { id: 2 }] };
    await world.clock.advance(60_000);
    expect(last.late.waiting()[0]?.problem).to.match(/removed from group 7/);
  });

  it('is waited for no longer than asked, and not after the director has closed', async () => {
    const { world, lives } = await three();
    const reason = (error: RpcError) => error.reason;
    const late = settle(world.clock, lives[0]!.late.started(STOCK, 500).catch(reason));
    expect(await late).to.equal('GROUP_WAITING');
    expect(await lives[0]!.late.started(8, 500).catch(reason)).to.equal('GROUP_UNKNOWN');
    const closed = lives[0]!.late.started(STOCK, undefined).catch(reason);
    await lives[0]!.end(world);
    expect(await closed).to.equal('CLOSED');
  });

  it('keeps no director from closing whose questions nobody answers', async () => {
    const { world, disks, lives } = await three();
    await Life.begin(world, 'd3', disks[2]!);
    await world.clock.advance(5_000);
    world.members.set('d4', 8);
    world.learners.add('d4');
    const learner = await Life.begin(world, 'd4', world.emptyDisk(), { isMute: true });
    await world.clock.advance(5_000);
    // No time passes in either.
    await learner.late.close();
    expect(learner.runsAs).to.equal(undefined);
    world.metadata.lead(undefined);
    const leaderless = await Life.begin(world, 'd2', disks[1]!, { groups: [STOCK, 8] });
    await world.clock.advance(0);
    await leaderless.late.close();
    expect(lives[0]!.records.announcements(8)).to.deep.equal([]);
  });

  it('ends the director when the disk fails under its first state', async () => {
    const { world, disks } = await three();
    const broken = { ...disks[2]!, storage: { ...disks[2]!.storage } };
    broken.storage.group = () => Promise.reject(new FlotillaError('DISK_FAILED', 'the disk broke'));
    const last = await Life.begin(world, 'd3', broken);
    await world.clock.advance(20_000);
    // Tried once: a second write may succeed and still be lost.
    expect(last.failed.map(({ code }) => code)).to.deep.equal(['DISK_FAILED']);
  });
});
