import { expect } from 'chai';
import { nodeId, type RpcError } from '../../../src/base/index.js';
import { Admission } from '../../../src/director/admission.js';
import type { DirectorGroups } from '../../../src/director/groups.js';
import { Membership } from '../../../src/director/membership.js';
import { AddressBook } from '../../../src/director/peers.js';
import type { RaftGroup } from '../../../src/drivers/raft/index.js';
import { type GroupId, type LogIndex, type MemberId, silentLogger } from '../../../src/ports/index.js';
import type { MemberChange } from '../../../src/raft/index.js';
import { SimulatedClock } from '../../../src/testing/index.js';
import { FakeCluster } from '../../support/fake-metadata.js';

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
    return this.all.get(id as GroupId)?.group as RaftGroup;
  }

  private group(id: number): RaftGroup {
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
  const admission = new Admission({
    groups: directors,
    metadata: new FakeCluster(clock).join('d1').store,
    cluster: { id: 'c', founders: { d1: 'disk-1', d2: 'disk-2' }, members: { 0: 1, 1: 1 } },
    book: new AddressBook({}, () => undefined),
  });
  const membership = new Membership({
    groups: directors,
    forward: () => Promise.reject(new Error('nobody to forward to')),
    clock,
    logger: silentLogger,
  });
  const admit = (node: string, dataId: string) =>
    admission.admit({ node: nodeId(node), dataId, address: '127.0.0.1:7402' }).then(
      ({ members }) => members,
      (error: RpcError) => error.reason,
    );
  return { groups, admission, membership, admit };
}

describe('director: members and their data directories', () => {
  it('gives an id to one data directory only, in each group', async () => {
    const { groups, admission, admit } = world();
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

  it('changes the metadata group last when a director leaves: it stops when it is out of that', async () => {
    const { groups, membership } = world();
    await membership.change({ action: 'remove', node: nodeId('d2') }, 1_000);
    expect(groups.changed).to.deep.equal([1, 0]);
  });
});
