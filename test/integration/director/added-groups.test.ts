import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  type ClusterAdmin,
  type Director,
  type DirectorOptions,
  formatAddress,
  type RpcError,
} from '../../../src/index.js';
import { ListMachine } from '../../support/list-machine.js';
import { codeOf, Directors } from './directors.js';

const STOCK = 7;
const IDS = ['d1', 'd2', 'd3'];

/** Directors with a group of the user's own, and the state machine of each. */
class World extends Directors {
  readonly machines = new Map<string, ListMachine>();

  /** Three directors that found a cluster without the group. */
  async found(): Promise<void> {
    const own = new Map<string, (address: string) => void>();
    const addresses = Promise.all(
      IDS.map((id) => new Promise<string>((resolve) => own.set(id, resolve)).then((address) => [id, address] as const)),
    ).then((pairs) => Object.fromEntries(pairs));
    const peers = (id: string) => (address: string) => {
      own.get(id)?.(address);
      return addresses;
    };
    await Promise.all(IDS.map((id) => this.start(id, { peers: peers(id) })));
  }

  /** Starts `id` again, or for the first time, with the group in its options. */
  async startWith(id: string, options: Partial<DirectorOptions> = {}, dataDir?: string): Promise<Director> {
    await this.running.get(id)?.close();
    const machine = new ListMachine();
    this.machines.set(id, machine);
    return await this.start(id, { groups: [{ id: STOCK, name: 'stock', machine }], ...options }, dataDir);
  }

  async restartAllWith(): Promise<void> {
    for (const id of IDS) await this.startWith(id);
    for (const id of IDS) await this.of(id).groupStarted(STOCK, { timeoutMs: 30_000 });
  }

  of(id: string): Director {
    const director = this.running.get(id);
    if (director === undefined) throw new Error(`${id} does not run`);
    return director;
  }

  admin(through: string): Promise<ClusterAdmin> {
    return this.adminAt(this.of(through));
  }

  async write(id: string, text: string): Promise<void> {
    await this.of(id).group(STOCK).propose(Buffer.from(text), { timeoutMs: 30_000 });
  }

  /** What the group holds, as `id` reads it. */
  async read(id: string): Promise<string[]> {
    await this.of(id).group(STOCK).readBarrier('linearizable', { timeoutMs: 30_000 });
    return this.machines.get(id)?.items ?? [];
  }

  rolesAt(id: string): Record<string, string> {
    const group = this.of(id)
      .status()
      .groups.find((each) => each.id === STOCK);
    return Object.fromEntries((group?.members ?? []).map(({ node, role }) => [node, role]));
  }

  async membersOf(id: string): Promise<Record<string, number>> {
    const record = JSON.parse(await readFile(join(this.dataDir(id), 'node.json'), 'utf8'));
    return record.cluster.members;
  }
}

function reasonOf(act: () => unknown): string {
  try {
    act();
    return 'nothing';
  } catch (error) {
    return (error as RpcError).reason;
  }
}

describe('a group that is added to the options of a cluster', function () {
  this.timeout(120_000);
  let world: World;
  beforeEach(async () => {
    world = new World();
    await world.found();
  });
  afterEach(() => world.close());

  it('begins when the last voter was restarted with it, and lives on as the founded ones do', async () => {
    expect(reasonOf(() => world.of('d1').group(STOCK))).to.equal('GROUP_UNKNOWN');
    await world.startWith('d1');
    await world.startWith('d2');
    const waiting = () => world.of('d1').status().waitingGroups?.[0];
    while (waiting()?.missing.join() !== 'd3') await new Promise((resolve) => setTimeout(resolve, 20));
    expect(waiting()).to.deep.equal({ id: STOCK, name: 'stock', hasBegun: false, missing: ['d3'] });
    expect(() => world.of('d1').group(STOCK)).to.throw(/have been started with it: d3/);
    expect(reasonOf(() => world.of('d1').group(STOCK))).to.equal('GROUP_WAITING');
    expect(await codeOf(world.of('d1').groupStarted(STOCK, { timeoutMs: 50 }))).to.equal('GROUP_WAITING');
    // Who has no part in it says so too.
    expect(world.of('d3').status().waitingGroups).to.deep.equal([waiting()]);
    await world.startWith('d3');
    for (const id of IDS) await world.of(id).groupStarted(STOCK, { timeoutMs: 30_000 });
    await world.write('d1', 'a');
    await world.write('d3', 'b');
    for (const id of IDS) expect(await world.read(id)).to.deep.equal(['a', 'b']);
    expect(await Promise.all(IDS.map((id) => world.membersOf(id)))).to.deep.equal([
      { 0: 1, 7: 1 },
      { 0: 2, 7: 2 },
      { 0: 3, 7: 3 },
    ]);
    expect(world.of('d3').status().waitingGroups).to.equal(undefined);

    // A director that is started without it is counted as down, and says so; the others go on.
    await world.of('d2').close();
    await world.start('d2', {});
    // Also when the others take it for the leader still.
    await world.write('d3', 'c');
    expect(world.of('d2').status().waitingGroups?.[0]?.problem).to.match(/was started without it/);
    expect(reasonOf(() => world.of('d2').group(STOCK))).to.equal('GROUP_UNKNOWN');
    await world.startWith('d2');
    expect(await world.read('d2')).to.deep.equal(['a', 'b', 'c']);
  });

  it('is what directors get that are added later, whether they were members before it began or not', async () => {
    const seed = formatAddress(world.of('d1').address);
    await (await world.admin('d1')).addDirector('d4');
    await world.startWith('d4', { join: seed });
    await world.restartAllWith();
    await world.write('d1', 'a');
    // A learner of the metadata is let in without anybody's doing.
    await world.of('d4').groupStarted(STOCK, { timeoutMs: 30_000 });
    expect(await world.read('d4')).to.deep.equal(['a']);
    expect(world.rolesAt('d4')).to.deep.equal({ d1: 'voter', d2: 'voter', d3: 'voter', d4: 'learner' });
    const admin = await world.admin('d2');
    await admin.promoteDirector('d4');
    // One that is added now is added to it with the rest.
    await admin.addDirector('d5');
    await world.startWith('d5', { join: formatAddress(world.of('d2').address) });
    expect(await world.read('d5')).to.deep.equal(['a']);
    await admin.transferLeadership('d4', { group: STOCK });
    await admin.removeDirector('d1');
    await world.write('d5', 'b');
    expect(await world.read('d4')).to.deep.equal(['a', 'b']);
    expect(world.rolesAt('d4')).to.deep.equal({ d2: 'voter', d3: 'voter', d4: 'voter', d5: 'learner' });
  });

  it('takes a founder that was removed before it came as a new member, and says so of one that runs', async () => {
    await world.startWith('d1');
    await world.startWith('d3');
    const announced = () => world.of('d1').status().waitingGroups?.[0]?.missing.join() === 'd2';
    while (!announced()) await new Promise((resolve) => setTimeout(resolve, 20));
    await world.of('d3').close();
    world.running.delete('d3');
    await world.startWith('d2');
    await world.of('d1').groupStarted(STOCK, { timeoutMs: 30_000 });
    await world.of('d2').groupStarted(STOCK, { timeoutMs: 30_000 });
    const admin = await world.admin('d1');
    await admin.removeDirector('d3', { group: STOCK });
    await world.write('d1', 'a');
    await world.startWith('d3');
    await world.of('d3').groupStarted(STOCK, { timeoutMs: 60_000 });
    expect(await world.read('d3')).to.deep.equal(['a']);
    expect(world.rolesAt('d1')).to.deep.equal({ d1: 'voter', d2: 'voter', d3: 'learner' });
    expect((await world.membersOf('d3'))[STOCK]).to.be.greaterThan(3);

    await world.of('d3').close();
    world.running.delete('d3');
    await admin.removeDirector('d3', { group: STOCK });
    await world.startWith('d3');
    const problem = () => world.of('d3').status().waitingGroups?.[0]?.problem;
    while (problem() === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(problem()).to.match(/was removed from group 7/);

    // What it says to do helps.
    await world.of('d3').close();
    await rename(join(world.dataDir('d3'), 'groups', `${STOCK}`), join(world.dataDir('d3'), 'left'));
    const file = join(world.dataDir('d3'), 'node.json');
    const record = JSON.parse(await readFile(file, 'utf8'));
    delete record.cluster.members[STOCK];
    await writeFile(file, JSON.stringify(record));
    await world.startWith('d3');
    await world.of('d3').groupStarted(STOCK, { timeoutMs: 60_000 });
    expect(await world.read('d3')).to.deep.equal(['a']);
    expect(world.of('d3').status().waitingGroups).to.equal(undefined);
  });

  it('does not take a director that lost its disk for the member that it was', async () => {
    await world.restartAllWith();
    await world.write('d1', 'a');
    await world.of('d3').close();
    world.running.delete('d3');
    const seed = formatAddress(world.of('d1').address);
    const disk = world.emptyDisk('d3');
    expect(await codeOf(world.startWith('d3', { join: seed }, disk))).to.equal('MEMBER_DATA_LOST');
    // Replaced in the metadata only: its membership of the group is still that of the lost disk.
    const admin = await world.admin('d1');
    await admin.removeDirector('d3', { group: 0 });
    await admin.addDirector('d3', undefined, { group: 0 });
    expect(await codeOf(world.startWith('d3', { join: seed }, disk))).to.equal('MEMBER_DATA_LOST');
    await admin.removeDirector('d3', { group: STOCK });
    await world.startWith('d3', { join: seed }, disk);
    await world.of('d3').groupStarted(STOCK, { timeoutMs: 30_000 });
    expect(await world.read('d3')).to.deep.equal(['a']);
    expect(world.rolesAt('d1')).to.deep.equal({ d1: 'voter', d2: 'voter', d3: 'learner' });
  });
});
