export {
  type ClusterMember,
  ClusterService,
  type ClusterStatus,
  type GroupMember,
  type GroupStatus,
  type WaitingGroup,
} from './cluster-service.js';
export {
  type AdmissionReply,
  type AdmissionRequest,
  DirectorService,
  decodeAdmissionReply,
  decodeIntroductionReply,
  decodeMembershipReply,
  type Introduction,
  type IntroductionReply,
  type MembershipAction,
  type MembershipReply,
  type MembershipRequest,
} from './director-service.js';
export {
  type ClassStats,
  decodeNodeStats,
  INTERNAL_PREFIX,
  implementNodeService,
  NodeService,
  type NodeStats,
} from './node-service.js';
export {
  decodeLeaseReply,
  decodeWatchMessage,
  type LeaseReply,
  type RegisterRequest,
  type RenewRequest,
  type SetStateRequest,
  type WatchMessage,
  type WatchRequest,
  type WorkerKeyRequest,
} from './registry-messages.js';
export { RegistryService } from './registry-service.js';
