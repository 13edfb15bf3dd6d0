import { expect } from 'chai';
import { nodeId, RpcError } from '../../../src/base/index.js';
import { Admission } from '../../../src/director/admission.js';
import { GroupRecords } from '../../../src/director/group-records.js';
import type { DirectorGroups } from '../../../src/director/groups.js';
import { Membership } from '../../../src/director/membership.js';
import { AddressBook } from '../../../src/director/peers.js';
import type { RaftGroup } from '../../../src/drivers/raft/index.js';
import { type GroupId, type LogIndex, type MemberId, silentLogger } from '../../../src/ports/index.js';
import type { MemberChange } from '../../../src/raft/index.js';
import { SimulatedClock } from '../../../src/testing/index.js';
import { FakeCluster } from '../../support/fake-metadata.js';
import { settle } from '../../support/settle.js';

/** The metadata group and one of the user's, led here. */
class Groups {
  readonly all = new Map<GroupId, { name: string; group: RaftGroup }>();
  readonly members = new Map<number, Map<string, number>>();
  /** Which groups changed, in order. */
  readonly changed: number[] = [];

  constructor(founders: readonly string[]) {
    for (const id of [0, 1]) {
      this.members.set(id, new Map(founders.map((node, at) => [node, at + 1])));
      this.all.set(id as GroupId, { name: `${id}`, group: this.group(id) });
    }
  }

  get(id: number): RaftGroup {
    const named = this.all.get(id as GroupId);
    if (named === undefined) throw RpcError.of('GROUP_WAITING', 'not yet');
    return named.group;
  }

  group(id: number): RaftGroup {
    const members = this.members.get(id) as Map<string, number>;
    return {
      leadership: { term: 1, leader: nodeId('d1'), isLeading: true },
      readBarrier: async () => undefined,
      status: () => ({
        role: 'leader',
        configIndex: 1,
        commit: 1,
        config: {
          members: [...members].map(([node, member]) => ({ id: member as MemberId, node: nodeId(node) })),
          voters: [...members.values()] as MemberId[],
        },
      }),
      changeMembers: async ([change]: readonly MemberChange[]) => {
        this.changed.push(id);
        for (const [node, member] of members) {
          if (change?.type === 'remove' && member === change.id) members.delete(node);
        }
        return { index: 7 as LogIndex };
      },
    } as unknown as RaftGroup;
  }
}

function world() {
  const clock = new SimulatedClock();
  const groups = new Groups(['d1', 'd2']);
  const directors = groups as unknown as DirectorGroups;
  const metadata = new FakeCluster(clock).join('d1').store;
  const records = new GroupRecords(metadata);
  const admission = new Admission({
    groups: directors,
    ...{ metadata, records },
    cluster: { id: 'c', founders: { d1: 'disk-1', d2: 'disk-2' }, members: { 0: 1, 1: 1 } },
    book: new AddressBook({}, () => undefined),
  });
  const forward = { to: (_to: string): Promise<unknown> => Promise.reject(new Error('nobody to forward to')) };
  const coming: GroupId[] = [];
  const stuck: GroupId[] = [];
  const membership = new Membership({
    node: nodeId('d1'),
    groups: directors,
    coming: () => coming,
    stuck: () => stuck,
    forward: (to) => forward.to(to),
    clock,
    logger: silentLogger,
  });
  const admit = (node: string, dataId: string, group?: number) =>
    admission.admit({ node: nodeId(node), dataId, address: '127.0.0.1:7402', group }).then(
      ({ members }) => members,
      (error: RpcError) => error.reason,
    );
  return { clock, groups, admission, membership, records, forward, coming, stuck, admit };
}

describe('director: members and their data directories', () => {
  it('gives an id to one data directory only, in each group', async () => {
    const { groups, admission, admit } = world();
    await admission.claimForFounders();
    // As after an attempt whose end was not known.
    await admission.claimForFounders();
    // Replaced in the metadata group only: in the other one the lost disk's promises still count.
    groups.members.get(0)?.set('d2', 9);
    expect(await admit('d2', 'disk-new')).to.equal('MEMBER_CLAIMED');
    groups.members.get(1)?.set('d2', 8);
    expect(await admit('d2', 'disk-new')).to.deep.equal({ 0: 9, 1: 8 });
    // The same directory may ask again, another one may not.
    expect(await admit('d2', 'disk-new')).to.deep.equal({ 0: 9, 1: 8 });
    expect(await admit('d2', 'disk-newer')).to.equal('MEMBER_CLAIMED');
    groups.members.get(0)?.set('d2', 12);
    expect(await admit('d2', 'disk-newer')).to.equal('MEMBER_CLAIMED');
  });

  it('claims the ids of the founders in all groups that began with the cluster, run here or not', async () => {
    const { groups, admission, records, admit } = world();
    groups.all.delete(1 as GroupId);
    await admission.claimForFounders();
    expect(records.founding(1)?.founders).to.deep.equal({ d1: 'disk-1', d2: 'disk-2' });
    groups.all.set(1 as GroupId, { name: '1', group: groups.group(1) });
    groups.members.get(0)?.set('d2', 9);
    expect(await admit('d2', 'disk-new')).to.equal('MEMBER_CLAIMED');
  });

  it('judges a group that began later by its own founders', async () => {
    const { groups, admission, records, admit } = world();
    await admission.claimForFounders();
    // d2 has another disk since, with which it founded group 7.
    groups.members.get(0)?.set('d2', 9);
    groups.members.get(1)?.set('d2', 8);
    groups.members.set(7, new Map([['d2', 1]]));
    groups.all.set(7 as GroupId, { name: '7', group: groups.group(7) });
    await records.ensure(7, { d2: 'disk-new' });
    await admission.claimForFounders();
    expect(await admit('d2', 'disk-new')).to.deep.equal({ 0: 9, 1: 8, 7: 1 });
    expect(await admit('d2', 'disk-newer')).to.equal('MEMBER_CLAIMED');
  });

  it('lets a director into the cluster that is in none of the users’ groups, and into one of those alone', async () => {
    const { groups, admission, admit } = world();
    await admission.claimForFounders();
    groups.members.get(0)?.set('d3', 9);
    expect(await admit('d3', 'disk-3')).to.deep.equal({ 0: 9 });
    expect(await admit('d3', 'disk-3', 1)).to.equal('MEMBER_UNKNOWN');
    groups.members.get(1)?.set('d3', 5);
    // Who is not the metadata's member d3 has no business in other groups.
    expect(await admit('d3', 'disk-of-another', 1)).to.equal('MEMBER_CLAIMED');
    expect(await admit('d3', 'disk-3', 1)).to.deep.equal({ 0: 9, 1: 5 });
    expect(await admit('d4', 'disk-4', 1)).to.equal('MEMBER_UNKNOWN');
  });

  it('changes the groups that began later for a director that is in the metadata group already', async () => {
    const { groups, membership } = world();
    groups.members.get(1)?.delete('d2');
    const { groups: changed } = await membership.change({ action: 'add', node: nodeId('d2') }, 1_000);
    expect(changed).to.deep.equal([{ group: 1, index: 7 }]);
    groups.members.get(1)?.set('d2', 7);
    const again = membership.change({ action: 'add', node: nodeId('d2') }, 1_000);
    expect(await again.catch((error: RpcError) => error.reason)).to.equal('MEMBERSHIP_INVALID');
  });

  it('waits for a group that is about to run here before it changes any', async () => {
    const { groups, membership, clock, coming } = world();
    coming.push(7 as GroupId);
    const change = membership.change({ action: 'remove', node: nodeId('d2') }, 10_000);
    change.catch(() => undefined);
    await clock.advance(2_000);
    // The metadata group last: who is out of that stops.
    expect(groups.changed).to.deep.equal([1]);
    groups.members.set(
      7,
      new Map([
        ['d2', 2],
        ['d1', 1],
      ]),
    );
    groups.all.set(7 as GroupId, { name: '7', group: groups.group(7) });
    await settle(clock, change);
    expect(groups.changed).to.deep.equal([1, 7, 0]);
  });

  it('waits for the next leader of a group when the last one was started again without it', async () => {
    const { groups, membership, clock, forward } = world();
    const led = groups.group(1);
    const asked: string[] = [];
    forward.to = async (to) => {
      asked.push(to);
      groups.all.set(1 as GroupId, { name: '1', group: led });
      throw RpcError.of('GROUP_UNKNOWN', 'this director runs no group 1');
    };
    const following = {
      leadership: { term: 1, leader: nodeId('d2'), isLeading: false },
      onLeadership: () => () => undefined,
      status: () => ({ ...led.status(), role: 'follower' }),
    } as unknown as RaftGroup;
    groups.all.set(1 as GroupId, { name: '1', group: following });
    const change = membership.change({ action: 'remove', node: nodeId('d2'), group: 1 }, 10_000);
    change.catch(() => undefined);
    await clock.advance(1_000);
    expect(await change).to.deep.equal({ groups: [{ group: 1, index: 7 }] });
    expect(asked).to.deep.equal(['d2']);
  });

  it('does not wait for a group that cannot run here, and removes nobody without it', async () => {
    const { groups, membership, stuck } = world();
    stuck.push(1 as GroupId, 7 as GroupId);
    const { groups: added } = await membership.change({ action: 'add', node: nodeId('d9') }, 1_000);
    expect(added).to.deep.equal([{ group: 0, index: 7 }]);
    const remove = (group?: number) =>
      membership
        .change({ action: 'remove', node: nodeId('d2'), group }, 1_000)
        .catch((error: RpcError) => error.reason);
    // A voter that is gone in 0 only would be a dead one in 1 and 7.
    expect(await remove()).to.equal('GROUP_WAITING');
    expect(groups.changed).to.deep.equal([0]);
    expect(await remove(0)).to.deep.equal({ groups: [{ group: 0, index: 7 }] });
  });

  it('removes a director from a group too that begins with it meanwhile', async () => {
    const { groups, membership } = world();
    const begin = () => {
      const members = [
        ['d1', 1],
        ['d2', 2],
      ] as const;
      groups.members.set(7, new Map(members));
      groups.all.set(7 as GroupId, { name: '7', group: groups.group(7) });
    };
    // Known here once this director has caught up with the metadata.
    groups.all.set(0 as GroupId, {
      name: '0',
      group: { ...groups.group(0), readBarrier: async () => begin() } as unknown as RaftGroup,
    });
    await membership.change({ action: 'remove', node: nodeId('d2') }, 1_000);
    expect(groups.changed).to.deep.equal([1, 7, 0]);
  });

  it('lets a director out of the cluster that is asked itself, and has left the groups', async () => {
    const { groups, membership, stuck } = world();
    groups.members.get(1)?.delete('d1');
    stuck.push(1 as GroupId);
    await membership.change({ action: 'remove', node: nodeId('d1') }, 1_000);
    expect(groups.changed).to.deep.equal([0]);
    stuck.push(7 as GroupId);
    const other = membership.change({ action: 'remove', node: nodeId('d1') }, 1_000);
    expect(await other.catch((error: RpcError) => error.reason)).to.equal('GROUP_WAITING');
  });

  it('changes the metadata group last when a director leaves: it stops when it is out of that', async () => {
    const { groups, membership } = world();
    await membership.change({ action: 'remove', node: nodeId('d2') }, 1_000);
    expect(groups.changed).to.deep.equal([1, 0]);
  });
});
