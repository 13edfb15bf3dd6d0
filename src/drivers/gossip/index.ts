export type {
  ClusterMember,
  ClusterMemberEvent,
  MembershipEvent,
  MembershipEventType,
} from './cluster-member.js';
export { memberTags } from './cluster-member.js';
export { type FetchSecretsOptions, fetchGossipSecrets } from './fetch-secrets.js';
export type { GossipLane, OpenGossipLane } from './gossip-lanes.js';
export { GossipNode } from './gossip-node.js';
export type { EventOptions, GossipNodeOptions, JoinOptions } from './gossip-node-options.js';
export { type GossipSecrets, GossipService } from './gossip-service.js';
