import type { NodeId } from '../../base/index.js';
import type { MemberId } from '../../ports/index.js';
import { type ClusterConfig, EMPTY_CONFIG, isVoter } from '../../raft/index.js';

/** Which node each member lives on. */
export class Members {
  private latest: ClusterConfig = EMPTY_CONFIG;
  /** Also those that left: they still have to hear of it. A member's id is never used again. */
  private readonly nodes = new Map<MemberId, NodeId>();
  /** Of members that no configuration here names: a node that has just been added knows none. */
  private readonly heard = new Map<MemberId, NodeId>();

  update(config: ClusterConfig): void {
    this.latest = config;
    if (this.nodes.size > REMEMBERED_MAX) this.nodes.clear();
    for (const { id, node } of config.members) this.nodes.set(id, node);
  }

  nodeOf(id: MemberId): NodeId | undefined {
    return this.nodes.get(id) ?? this.heard.get(id);
  }

  /** The present members on `node`; usually one, two while it is replaced. */
  idsOf(node: NodeId): MemberId[] {
    return this.latest.members.filter((member) => member.node === node).map((member) => member.id);
  }

  /** The voter on `node`. */
  voterOn(node: NodeId): MemberId | undefined {
    return this.idsOf(node).find((id) => isVoter(this.latest, id));
  }

  get config(): ClusterConfig {
    return this.latest;
  }

  /** Whether `node` may speak for member `id`: false when a configuration says that it lives elsewhere. */
  admits(id: MemberId, node: NodeId): boolean {
    const known = this.nodes.get(id);
    if (known !== undefined) return known === node;
    if (this.heard.get(id) === node) return true;
    if (this.heard.size > REMEMBERED_MAX) this.heard.clear();
    this.heard.set(id, node);
    return true;
  }
}

const REMEMBERED_MAX = 256;
