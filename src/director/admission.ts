import * as v from 'valibot';
import { type NodeId, parseAddress, RpcError } from '../base/index.js';
import type { AdmissionReply, AdmissionRequest } from '../client/index.js';
import type { MetadataStore } from '../drivers/metadata/index.js';
import { singleKey } from '../kv/index.js';
import { type DirectorGroups, METADATA_GROUP } from './groups.js';
import type { ClusterRecord } from './node-record.js';
import type { AddressBook } from './peers.js';

export interface AdmissionDependencies {
  readonly groups: DirectorGroups;
  readonly metadata: MetadataStore;
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

  /** @throws RpcError `MEMBER_UNKNOWN`, `MEMBER_CLAIMED`, `MEMBERSHIP_BUSY`, `NO_LEADER` */
  async admit({ node, dataId, address }: AdmissionRequest): Promise<AdmissionReply> {
    const { groups, cluster, book } = this.deps;
    const members: Record<string, number> = {};
    for (const [id, { group }] of groups.all) {
      await group.readBarrier('linearizable');
      const { config, configIndex, commit } = group.status();
      // Until its entry is committed, another leader's entry at that index may add another node.
      if (configIndex > commit) throw RpcError.of('MEMBERSHIP_BUSY', `group ${id} is changing its members`);
      const member = config.members.find((each) => each.node === node);
      if (member === undefined) {
        throw RpcError.of('MEMBER_UNKNOWN', `${node} is no member of group ${id}: run \`flotilla member add ${node}\``);
      }
      members[String(id)] = member.id;
    }
    for (const [group, member] of Object.entries(members)) await this.claim(Number(group), member, node, dataId);
    book.learn(node, parseAddress(address));
    return { clusterId: cluster.id, members, addresses: book.toRecord() };
  }

  /** Before the first director is added: from then on a claim decides. At any director that knows the founders. */
  async claimForFounders(): Promise<void> {
    const founders = Object.entries(this.deps.cluster.founders).sort();
    for (const group of this.deps.groups.all.keys()) {
      for (const [at, [node, dataId]] of founders.entries()) await this.claim(group, at + 1, node as NodeId, dataId);
    }
  }

  private async claim(group: number, member: number, node: NodeId, dataId: string): Promise<void> {
    const { metadata, cluster } = this.deps;
    // An id among the founders' is never given away, whether their claims are written yet or not.
    const founder = cluster.founders[node];
    if (founder !== undefined && founder !== dataId && isFounderId(cluster, member)) throw claimed(node, group, member);
    const key = `${CLAIM_PREFIX}${group === METADATA_GROUP ? '' : `${group}/`}${String(member).padStart(16, '0')}`;
    const value = Buffer.from(JSON.stringify({ node, dataId }));
    const { answer } = await metadata.execute({
      type: 'txn',
      compare: [{ target: 'exists', key, operand: false }],
      thenOps: [{ type: 'put', key, value, lease: 0, returnPrevious: false }],
      elseOps: [
        {
          type: 'range',
          range: singleKey(key),
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
    if (item === undefined || holderOf(item.value)?.dataId !== dataId) throw claimed(node, group, member);
  }
}

function isFounderId(cluster: ClusterRecord, member: number): boolean {
  return member <= Object.keys(cluster.founders).length;
}

function holderOf(value: Uint8Array): { readonly node: string; readonly dataId: string } | undefined {
  try {
    const parsed = v.safeParse(holderSchema, JSON.parse(Buffer.from(value).toString('utf8')));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

function claimed(node: NodeId, group: number, member: number): RpcError {
  return RpcError.of(
    'MEMBER_CLAIMED',
    `${node} (member ${member} of group ${group}) has run with another data directory: run \`flotilla member remove ${node}\`, then \`flotilla member add ${node}\``,
  );
}

const holderSchema = v.object({ node: v.string(), dataId: v.string() });
const CLAIM_PREFIX = '\u0000claims/';
