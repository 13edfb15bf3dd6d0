import { expect } from 'chai';
import { Cluster, formatAddress } from '../../../src/index.js';
import { Probe, probeService } from './support.js';

/** Waits for a condition; the test's own timeout bounds it. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('gossip in a cluster', function () {
  this.timeout(60_000);

  it('knows all nodes, and brings a worker in that was told of another worker only', async () => {
    await using cluster = await Cluster.local({ directors: 3, workers: 2, services: [probeService('w')] });
    const [director] = cluster.directors;
    const [seed] = cluster.workers;
    const membership = await director?.membership();
    await until(() => membership?.liveCount === 5);
    const events: string[] = [];
    membership?.onEvent((event) => events.push('member' in event ? `${event.type} ${event.member.id}` : event.type));

    const newcomer = await cluster.addWorker({
      id: 'w9',
      join: formatAddress(seed!.address),
      listen: '0.0.0.0:0',
      tags: { zone: 'b' },
    });
    expect(newcomer.registered).to.equal(true);
    await until(() => events.includes('joined w9'));
    const client = await cluster.client();
    await until(() => client.workers().length === 3);
    expect(await client.service(Probe).whoami({}, { filter: 'zone=b' })).to.equal('w');
    const seen = membership?.members().find(({ id }) => id === newcomer.id);
    expect(seen).to.deep.include({ role: 'worker', state: 'alive', tags: { zone: 'b' } });

    await newcomer.drain({ timeoutMs: 1_000 });
    await until(() => events.includes('left w9'));
    expect(events).to.not.include('failed w9');
  });

  it('rotates its keys while everybody goes on', async () => {
    await using cluster = await Cluster.local({
      directors: 1,
      workers: 2,
      services: [probeService('w')],
      lease: { ttlMs: 600 },
      gossip: { profile: 'local' },
    });
    const membership = await cluster.directors[0]?.membership();
    const worker = await cluster.workers[0]?.membership();
    await until(() => membership?.liveCount === 3 && worker?.liveCount === 3);
    const [before] = membership?.keyring.keys() ?? [];
    const client = await cluster.client();
    await client.admin.rotateGossipKeys();
    const isRotated = (keys: readonly Uint8Array[] = []) => keys.length === 1 && !Buffer.from(keys[0]!).equals(before!);
    await until(() => isRotated(membership?.keyring.keys()) && isRotated(worker?.keyring.keys()));
    expect(cluster.directors[0]?.keyring?.keys()).to.deep.equal(worker?.keyring.keys());
    expect(membership?.members().map(({ state }) => state)).to.deep.equal(['alive', 'alive', 'alive']);
  });
});
