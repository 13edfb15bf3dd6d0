import { expect } from 'chai';
import fc from 'fast-check';
import { Prng } from '../../../../src/base/index.js';
import type { RaftGroupOptionsInput } from '../../../../src/drivers/raft/index.js';
import { DiskStores } from '../../../support/disk-stores.js';
import { bytes, endOf, GroupCluster } from '../../../support/group-cluster.js';

/** Commands that have certainly not been executed; their callers may repeat them. */
const NOT_EXECUTED = ['NO_LEADER', 'NOT_LEADER', 'PROPOSAL_LOST', 'PROPOSALS_FULL', 'CLOSED'];

describe('drivers/raft: under faults', () => {
  it('what a caller is told of a command is true, and all members end up equal', async () => {
    const seeds = fc.integer({ min: 0, max: 2 ** 31 });
    await fc.assert(fc.asyncProperty(seeds, answersAreTrue), { numRuns: 12 });
  }).timeout(120_000);
});

/** Crashes, cuts, transfers and snapshots at random while commands go on; then heals and compares. */
async function answersAreTrue(seed: number): Promise<void> {
  const random = new Prng(seed);
  const stores = new DiskStores();
  const options: RaftGroupOptionsInput = {
    batch: { commandsMax: 1 + random.int(4), timeThresholdMs: random.int(3) },
    snapshot: { logEntries: 10 + random.int(40), keepEntries: random.int(10) },
    applySliceMs: 1,
  };
  const cluster = await GroupCluster.start({ seed, stores: stores.stores, options });
  const ends = new Map<string, string>();
  const proposed: Promise<void>[] = [];
  for (let step = 0; step < 60; step += 1) {
    for (let at = random.int(5); at > 0; at -= 1) {
      const name = `s${step}n${at}`;
      const { group } = random.shuffle([...cluster.nodes])[0] ?? expect.fail('no node');
      const end = endOf(group.propose(bytes(name), { timeoutMs: 200 + random.int(2_000) }));
      proposed.push(end.then((how) => void ends.set(name, how)));
    }
    await fault(cluster, stores, random);
    await cluster.clock.advance(random.int(random.chance(0.1) ? 1_500 : 40));
  }
  cluster.network.drops = () => false;
  cluster.network.heal();
  for (const one of cluster.nodes) if (!one.isUp) await cluster.restart(one);
  await cluster.clock.advance(3_000);
  // What was proposed at a process that is gone has no answer.
  await Promise.race([Promise.all(proposed), cluster.clock.advance(1)]);
  await cluster.leader();
  await cluster.run(Promise.all(cluster.nodes.map(({ group }) => group.readBarrier('linearizable'))));
  compare(cluster, ends);
}

async function fault(cluster: GroupCluster, stores: DiskStores, random: Prng): Promise<void> {
  const one = cluster.nodes[random.int(3)] ?? expect.fail('no node');
  const kind = random.int(8);
  if (kind === 0 && cluster.nodes.every(({ isUp }) => isUp)) {
    stores.diskOf(one.node).crash();
    cluster.kill(one);
  } else if (kind === 1 && !one.isUp) await cluster.restart(one);
  else if (kind === 2) cluster.network.isolate(one.node);
  else if (kind === 3 && cluster.nodes.every(({ isUp }) => isUp)) cluster.network.heal();
  else if (kind === 4) cluster.network.drops = () => random.chance(0.2);
  else if (kind === 5) cluster.network.drops = () => false;
  else if (kind === 6 && one.isUp) one.group.handOver(500).catch(() => undefined);
  else if (kind === 7 && one.isUp) one.group.snapshotNow().catch(() => undefined);
}

function compare(cluster: GroupCluster, ends: ReadonlyMap<string, string>): void {
  const [first, ...others] = cluster.nodes.map(({ machine }) => machine.items);
  for (const items of others) expect(items).to.deep.equal(first);
  const times = new Map<string, number>();
  for (const item of first ?? []) times.set(item, (times.get(item) ?? 0) + 1);
  for (const [name, count] of times) expect(count, name).to.equal(1);
  for (const [name, how] of ends) {
    const index = (first ?? []).indexOf(name);
    if (/^\d+$/.test(how)) expect(index + 1, name).to.equal(Number(how));
    else if (NOT_EXECUTED.includes(how)) expect(index, `${name}: ${how}`).to.equal(-1);
    else expect(how, name).to.equal('PROPOSAL_UNKNOWN');
  }
  for (const { failures } of cluster.nodes) expect(failures).to.deep.equal([]);
  expect(first?.length).to.be.above(0);
}
