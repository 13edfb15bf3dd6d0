import { expect } from 'chai';
import { type Director, formatAddress } from '../../../src/index.js';
import { codeOf, Directors } from './directors.js';

function votersOf(director: Director | undefined): string[] {
  const [group] = director?.status().groups ?? [];
  return (group?.members ?? []).filter(({ role }) => role === 'voter').map(({ node }) => node);
}

describe('the members of a cluster', function () {
  this.timeout(90_000);
  let directors: Directors;
  beforeEach(() => {
    directors = new Directors();
  });
  afterEach(() => directors.close());

  it('grow from one to three under writes, survive the first one, and take a lost disk as a new member', async () => {
    const first = await directors.start('d1', {});
    const client = await directors.client();
    const admin = await directors.adminAt(first);
    const seed = formatAddress(first.address);
    let written = 0;
    let isWriting = true;
    const writing = (async () => {
      while (isWriting) await client.metadata.put('counter', String(++written), { timeoutMs: 30_000 });
    })();

    for (const id of ['d2', 'd3']) {
      expect(await codeOf(directors.start(id, { join: seed }))).to.equal('NOT_ADMITTED');
      await admin.addDirector(id);
      await directors.start(id, { join: seed });
      await admin.promoteDirector(id);
    }
    expect(votersOf(directors.running.get('d2'))).to.have.members(['d1', 'd2', 'd3']);

    await admin.transferLeadership('d2');
    await directors.running.get('d1')?.close();
    const before = written;
    while (written < before + 20) await new Promise((resolve) => setTimeout(resolve, 10));

    // The disk of d1 is lost: neither its old command line nor its old id brings it back.
    const second = directors.running.get('d2') as Director;
    const join_ = formatAddress(second.address);
    expect(await codeOf(directors.start('d1', { join: join_ }, directors.emptyDisk('d1')))).to.equal(
      'MEMBER_DATA_LOST',
    );
    const next = await directors.adminAt(second);
    await next.removeDirector('d1');
    expect(await codeOf(next.removeDirector('d1'))).to.equal('MEMBERSHIP_INVALID');
    await next.addDirector('d1');
    await directors.start('d1', { join: join_ }, directors.emptyDisk('d1'));
    await next.promoteDirector('d1');

    isWriting = false;
    await writing;
    const entry = await directors.running.get('d1')?.metadata.get('counter');
    expect(entry?.text()).to.equal(String(written));
    expect(entry?.version).to.equal(written);
    expect(votersOf(directors.running.get('d1'))).to.have.members(['d1', 'd2', 'd3']);
  });

  it('are changed by operators only, where they are named', async () => {
    const first = await directors.start('d1', { operators: ['admin'] });
    expect(votersOf(first)).to.deep.equal(['d1']);
    const [client, admin] = [await directors.client('app'), await directors.client('admin')];
    expect(await codeOf(client.admin.addDirector('d2'))).to.equal('FORBIDDEN');
    expect(await codeOf(client.admin.backup()[Symbol.asyncIterator]().next())).to.equal('FORBIDDEN');
    expect(await codeOf(admin.admin.addDirector('d2'))).to.equal('nothing');
    expect(first.status().groups[0]?.members.map(({ role }) => role)).to.deep.equal(['voter', 'learner']);
  });

  it('that are removed say so and end', async () => {
    const first = await directors.start('d1', {});
    const admin = await directors.adminAt(first);
    await admin.addDirector('d2');
    const second = await directors.start('d2', { join: formatAddress(first.address) });
    await admin.promoteDirector('d2');
    await admin.removeDirector('d2');
    const error = await second.failed;
    expect(error.code).to.equal('MEMBER_UNKNOWN');
    expect(error.message).to.match(/director d2 was removed from the cluster/);
    await first.metadata.put('still', 'there');
  });

  it('say that the leader was removed although it ended before it could', async () => {
    const first = await directors.start('d1', {});
    const admin = await directors.adminAt(first);
    const join = formatAddress(first.address);
    for (const id of ['d2', 'd3']) {
      await admin.addDirector(id);
      const added = await directors.start(id, { join });
      void added.failed.then(() => added.close());
      await admin.promoteDirector(id);
    }
    await admin.transferLeadership('d2');
    // d1, which is asked, passes it on to d2, and has to find the next leader.
    await admin.removeDirector('d2', { timeoutMs: 30_000 });
    expect(votersOf(first)).to.have.members(['d1', 'd3']);
  });
});
