import { expect } from 'chai';
import { Prng } from '../../../src/base/index.js';
import { CrashCluster } from './crash-cluster.js';

/** Each round adds one more group, so that there is one more beginning to be killed in. */
async function addGroupsUnderKills(cluster: CrashCluster, random: Prng, rounds: number): Promise<void> {
  const groups: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    groups.push(round);
    let starting: Promise<unknown> = Promise.resolve();
    for (const id of cluster.ids) {
      await starting;
      await cluster.kill(id);
      starting = cluster.startDirector(id, groups).catch(() => undefined); // it may be killed before it serves
    }
    await untilBeginning(cluster, round, round % 2 === 0 ? ['member'] : ['stores', 'member']);
    const killed = cluster.ids.filter(() => random.float() < 0.7);
    await Promise.all(killed.map((id) => cluster.kill(id)));
    await starting;
    await Promise.all(killed.map((id) => cluster.startDirector(id, groups)));
    for (const id of cluster.ids) expect(await cluster.propose(id, round, `${round} at ${id}`)).to.equal(undefined);
    for (const group of groups) {
      const expected = cluster.ids.map((id) => `${group} at ${id}`);
      for (const id of cluster.ids) expect(await cluster.items(id, group), `group ${group}`).to.deep.equal(expected);
    }
  }
}

/** The first director has stored that much of the group. */
async function untilBeginning(cluster: CrashCluster, group: number, states: readonly string[]): Promise<void> {
  while (!cluster.ids.some((id) => states.includes(cluster.beginningOf(id, group)))) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

describe('groups that are added to three directors', () => {
  it('begin once, whichever directors are killed in the middle of it, and keep what they acknowledged', async function () {
    this.timeout(240_000);
    const seed = 'added';
    const cluster = await CrashCluster.start(3);
    try {
      await addGroupsUnderKills(cluster, new Prng(seed), 4);
    } catch (error) {
      console.log(`seed ${seed}`);
      throw error;
    } finally {
      await cluster.close();
    }
  });
});
