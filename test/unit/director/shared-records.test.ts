import { expect } from 'chai';
import { nodeId, Prng } from '../../../src/base/index.js';
import { DirectorDirectory } from '../../../src/director/director-directory.js';
import { LeaderContact } from '../../../src/director/leader-contact.js';
import { TicketKeys } from '../../../src/director/ticket-keys.js';
import { silentLogger } from '../../../src/ports/index.js';
import { SimulatedClock } from '../../../src/testing/index.js';
import { FakeCluster, type FakeMember } from '../../support/fake-metadata.js';
import { settle } from '../../support/settle.js';

const HOUR_MS = 3_600_000;

class Director {
  readonly member: FakeMember;
  readonly ticketKeys: TicketKeys;
  readonly directors: DirectorDirectory;
  readonly contact: LeaderContact;
  readonly keys: string[] = [];
  readonly id;

  constructor(cluster: FakeCluster, id: string, rotationMs = HOUR_MS) {
    this.id = nodeId(id);
    this.member = cluster.join(id);
    const { clock } = cluster;
    const common = { metadata: this.member.store, clock, random: new Prng(id), logger: silentLogger };
    this.ticketKeys = new TicketKeys({
      ...common,
      rotationMs,
      onKey: ({ key }) => this.keys.push(Buffer.from(key).toString('hex')),
    });
    this.directors = new DirectorDirectory(common);
    this.contact = new LeaderContact({ group: this.member, clock, graceMs: 2_000 });
  }

  publish(port = 7_401): Promise<void> {
    const address = { host: '127.0.0.1', port };
    return this.directors.publish({ id: this.id, address, bulkPort: port + 1, version: '1' });
  }
}

function start(ticketRotationMs?: number) {
  const clock = new SimulatedClock();
  const cluster = new FakeCluster(clock);
  const first = new Director(cluster, 'd1', ticketRotationMs);
  const second = new Director(cluster, 'd2', ticketRotationMs);
  return { clock, cluster, first, second };
}

describe('session ticket keys in the metadata', () => {
  it('are made by the leader and taken over by all', async () => {
    const { clock, cluster, first, second } = start();
    expect(second.ticketKeys.current).to.equal(undefined);
    await clock.advance(10);
    expect(first.keys).to.have.lengthOf(1);
    expect(first.keys[0]).to.have.lengthOf(96);
    expect(second.keys).to.deep.equal(first.keys);
    const late = new Director(cluster, 'd3');
    expect(late.keys, 'it is there when the director comes').to.deep.equal(first.keys);
    expect(late.ticketKeys.current).to.deep.equal(first.ticketKeys.current);
  });

  it('change at the interval, also when leaders change', async () => {
    const { clock, cluster, first, second } = start(10_000);
    await clock.advance(9_990);
    expect(second.keys).to.have.lengthOf(1);
    await clock.advance(20);
    expect(second.keys).to.have.lengthOf(2);
    await clock.advance(5_000);
    // Cluster time moves with commands, such as renewals.
    await settle(clock, first.member.store.execute({ type: 'grantLease', ttlMs: 60_000, nowMs: 0 }));
    cluster.lead(second.member);
    await clock.advance(4_900);
    expect(second.keys).to.have.lengthOf(2);
    await clock.advance(200);
    expect(second.keys).to.have.lengthOf(3);
    expect(new Set(second.keys).size).to.equal(3);
    expect(first.keys).to.deep.equal(second.keys);
  });

  it('change at the latest one interval after a new leader began', async () => {
    const { clock, cluster, first, second } = start(10_000);
    await clock.advance(25_000);
    expect(first.keys).to.have.lengthOf(3);
    cluster.lead(second.member);
    await clock.advance(9_990);
    expect(first.keys).to.have.lengthOf(3);
    await clock.advance(20);
    expect(first.keys).to.have.lengthOf(4);
  });

  it('stay when the interval is 0', async () => {
    const { clock, first } = start(0);
    await clock.advance(3 * HOUR_MS);
    expect(first.keys).to.have.lengthOf(1);
  }).timeout(20_000);

  it('are made later when there is no leader', async () => {
    const { clock, cluster, first, second } = start();
    cluster.lead(undefined);
    await clock.advance(60_000);
    expect(first.keys).to.deep.equal([]);
    cluster.lead(second.member);
    await clock.advance(10);
    expect(first.keys).to.have.lengthOf(1);
  });

  it('are not made any more once the director is closed', async () => {
    const { clock, first, second } = start(1_000);
    await clock.advance(10);
    first.ticketKeys.close();
    await clock.advance(5_000);
    expect(second.keys).to.have.lengthOf(1);
  });
});

describe('the directors in the metadata', () => {
  it('are known to all once they have said where they are', async () => {
    const { clock, first, second } = start();
    let changes = 0;
    second.directors.onChange(() => {
      changes += 1;
    });
    await settle(clock, Promise.all([first.publish(7_401), second.publish(7_402)]));
    for (const { directors } of [first, second]) {
      expect(directors.addresses).to.deep.equal(['127.0.0.1:7401', '127.0.0.1:7402']);
      expect(directors.addressOf(first.id)).to.deep.equal({ host: '127.0.0.1', port: 7_401 });
    }
    expect(changes).to.equal(2);
    await settle(clock, first.publish(7_401));
    expect(changes, 'what is known already is not written again').to.equal(2);
    await settle(clock, first.publish(7_501));
    expect(second.directors.addresses).to.deep.equal(['127.0.0.1:7501', '127.0.0.1:7402']);
    await settle(clock, second.directors.remove(first.id));
    expect(first.directors.list()).to.deep.equal([
      { id: 'd2', address: { host: '127.0.0.1', port: 7_402 }, bulkPort: 7_403, version: '1' },
    ]);
  });

  it('say it until there is a leader to take it, or they are closed', async () => {
    const { clock, cluster, first, second } = start();
    cluster.lead(undefined);
    const published = first.publish();
    const given = second.publish();
    await clock.advance(60_000);
    expect(first.directors.addresses).to.deep.equal([]);
    second.directors.close();
    cluster.lead(first.member);
    await settle(clock, Promise.all([published, given]));
    expect(first.directors.list().map(({ id }) => id)).to.include('d1');
  });

  it('are left out where a record cannot be read', async () => {
    const { clock, first } = start();
    for (const value of ['', '{', '{"id":"d9"}', '{"id":"d9","address":{"host":1,"port":2}}', 'null']) {
      const put = {
        type: 'put',
        key: '\0directors/d9',
        value: Buffer.from(value),
        lease: 0,
        returnPrevious: false,
      } as const;
      await settle(clock, first.member.store.execute(put));
      expect(first.directors.addresses).to.deep.equal([]);
    }
  });

  it('are read anew after a snapshot of the metadata was taken over', async () => {
    const { clock, first, second } = start();
    second.member.pause(true);
    await settle(clock, first.publish());
    await clock.advance(10);
    await settle(clock, first.member.store.execute({ type: 'compact', revision: first.member.machine.revision }));
    await settle(clock, second.member.machine.restore(first.member.machine.snapshot()));
    expect(second.directors.addresses).to.deep.equal(['127.0.0.1:7401']);
    expect(second.keys).to.deep.equal(first.keys);
  });
});

describe('contact with the leader', () => {
  it('is lost when no leader is known for longer than the grace, and back with the next', async () => {
    const { clock, cluster, first, second } = start();
    const lost: number[] = [];
    second.contact.onLost(() => lost.push(clock.nowMs()));
    await clock.advance(1_000);
    cluster.lead(undefined);
    await clock.advance(1_900);
    cluster.lead(first.member);
    await clock.advance(10_000);
    expect(second.contact.lost).to.equal(false);
    second.member.cutOff(true);
    await clock.advance(1_999);
    expect(second.contact.lost).to.equal(false);
    await clock.advance(1);
    expect(second.contact.lost).to.equal(true);
    expect(first.contact.lost).to.equal(false);
    expect(lost).to.deep.equal([14_900]);
    second.member.cutOff(false);
    expect(second.contact.lost).to.equal(false);
  });
});
