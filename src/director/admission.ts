import { type NodeId, parseAddress, RpcError } from '../base/index.js';
import type { AdmissionReply, AdmissionRequest } from '../client/index.js';
import type { MetadataStore } from '../drivers/metadata/index.js';
import { singleKey } from '../kv/index.js';
import { type Claim, claimKey, claimPut, decodeClaim } from './claims.js';
import type { GroupRecords } from './group-records.js';
import { type DirectorGroups, METADATA_GROUP } from './groups.js';
import type { ClusterRecord } from './node-record.js';
import type { AddressBook } from './peers.js';

export interface AdmissionDependencies {
  readonly groups: DirectorGroups;
  readonly metadata: MetadataStore;
  readonly records: GroupRecords;
  readonly cluster: ClusterRecord;
  readonly book: AddressBook;
}

/**
 * Tells directors that were added what they are, each data directory once.
 *
 * A member's promises (votes, acknowledgements) are in its data directory. So the first directory that asks for a
 * member id gets it for good (a record under the group and the member's id), and one that comes later, after the first was lost, is
 * refused: it must be removed and added again, which gives it another id. The founders' claims are written before the
 * first director is added.
 */
export class Admission {
  private readonly deps: AdmissionDependencies;

  constructor(deps: AdmissionDependencies) {
    this.deps = deps;
  }

  /**
   * For a director that was added, in all groups that this one runs, or in one (`group`) for a director that is a member
   * already. A director that is in the metadata group may start: it looks for the way into others by itself.
   *
   * @throws RpcError `MEMBER_UNKNOWN`, `MEMBER_CLAIMED`, `MEMBERSHIP_BUSY`, `NO_LEADER`, `GROUP_UNKNOWN`, `GROUP_WAITING`
   */
  async admit({ node, dataId, address, group: only }: AdmissionRequest): Promise<AdmissionReply> {
    const { groups, cluster, book } = this.deps;
    const members: Record<string, number> = {};
    for (const id of only === undefined ? groups.all.keys() : [METADATA_GROUP, only]) {
      const group = groups.get(id);
      await group.readBarrier('linearizable');
      const { config, configIndex, commit } = group.status();
      // Until its entry is committed, another leader's entry at that index may add another node.
      if (configIndex > commit) throw RpcError.of('MEMBERSHIP_BUSY', `group ${id} is changing its members`);
      const member = config.members.find((each) => each.node === node);
      if (member === undefined) {
        if (id !== METADATA_GROUP && id !== only) continue;
        throw RpcError.of('MEMBER_UNKNOWN', `${node} is no member of group ${id}: run \`flotilla member add ${node}\``);
      }
      members[String(id)] = member.id;
    }
    for (const [group, member] of Object.entries(members))
      await this.claim(Number(group), member, { node, dataId }, only);
    book.learn(node, parseAddress(address));
    return { clusterId: cluster.id, members, addresses: book.toRecord() };
  }

  /** Before the first director is added: from then on a claim decides. At any director that knows the founders. */
  async claimForFounders(): Promise<void> {
    const { cluster, records } = this.deps;
    const nodes = Object.keys(cluster.founders).sort() as NodeId[];
    if (nodes.length === 0) return;
    for (const [at, node] of nodes.entries()) {
      await this.claim(METADATA_GROUP, at + 1, { node, dataId: cluster.founders[node] ?? '' });
    }
    // Also of groups that this director does not run; those that began later are claimed since.
    const groups = Object.keys(cluster.members).map(Number);
    for (const id of groups) if (id !== METADATA_GROUP) await records.ensure(id, cluster.founders);
  }

  /** @param only the group that a director asks for which runs already */
  private async claim(group: number, member: number, claim: Claim, only?: number): Promise<void> {
    const { metadata, cluster, records } = this.deps;
    const { node, dataId } = claim;
    // An id among the founders' is never given away, whether their claims are written yet or not.
    const founder = records.founding(group) === undefined ? cluster.founders[node] : undefined;
    if (founder !== undefined && founder !== dataId && isFounderId(cluster, member)) {
      throw claimed(node, group, member, only);
    }
    const { answer } = await metadata.execute({
      type: 'txn',
      compare: [{ target: 'exists', key: claimKey(group, member), operand: false }],
      thenOps: [claimPut(group, member, claim)],
      elseOps: [
        {
          type: 'range',
          range: singleKey(claimKey(group, member)),
          limit: 1,
          revision: 0,
          keysOnly: false,
          countOnly: false,
        },
      ],
    });
    if (answer.type !== 'txn' || answer.succeeded) return;
    const [found] = answer.replies;
    const item = found?.type === 'range' ? found.items[0] : undefined;
    if (item === undefined || decodeClaim(item.value)?.dataId !== dataId) {
      throw claimed(node, group, member, only);
    }
  }
}

function isFounderId(cluster: ClusterRecord, member: number): boolean {
  return member <= Object.keys(cluster.founders).length;
}

function claimed(node: NodeId, group: number, member: number, only: number | undefined): RpcError {
  const remedy =
    group === only
      ? `run \`flotilla member remove ${node} --group ${group}\`, and it becomes a new member by itself`
      : `run \`flotilla member remove ${node}\`, then \`flotilla member add ${node}\``;
  const message = `${node} (member ${member} of group ${group}) has run with another data directory: ${remedy}`;
  return RpcError.of('MEMBER_CLAIMED', message);
}
