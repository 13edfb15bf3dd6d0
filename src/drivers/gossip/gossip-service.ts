import { defineService, type MethodRef, methodName, unary } from '../../rpc/index.js';

/** What a node has to know before it can gossip; a secret of the cluster's directors and workers. */
export interface GossipSecrets {
  readonly clusterId: string;
  /** The sealing key first. */
  readonly keys: readonly Uint8Array[];
  /** Where the asking node's connection came from, `HOST:PORT`: where it is reached, if it listens on all interfaces. */
  readonly observed?: string | undefined;
}

/**
 * What members say to each other over control lanes; internal, refused to clients. Messages are bytes that begin
 * with the cluster's tag (`clusterTag`). None is idempotent in the sense of 0-RTT: a replay must change nothing.
 */
export const GossipService = defineService('flotilla.gossip', {
  /** First half of a push-pull: `encodeSyncRequest` to `encodeSyncReply`. */
  exchange: unary<Uint8Array, Uint8Array>(),
  /** Second half: `encodeSyncPush`; answered by nothing. */
  push: unary<Uint8Array, Uint8Array>(),
  /** A probe that datagrams did not settle: `encodeDatagram` both ways. */
  probe: unary<Uint8Array, Uint8Array>(),
  /** For a director or worker that is about to join (or has missed a rotation): the one call without the tag. */
  secrets: unary<Record<string, never>, GossipSecrets>(),
});

type MethodOfGossip = keyof typeof GossipService.methods;

export function gossipMethod(name: MethodOfGossip): MethodRef {
  return { name: methodName(GossipService.name, name), definition: GossipService.methods[name] };
}
