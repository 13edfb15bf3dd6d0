import nacl from 'tweetnacl';

/** Bytes of {@link clusterTag}. */
export const CLUSTER_TAG_BYTES = 8;

/** What stands before every gossip message on a lane, so that members of two clusters never mix, whatever their certificates. */
export function clusterTag(clusterId: string): Uint8Array {
  return nacl.hash(Buffer.from(`flotilla gossip lane 1\n${clusterId}`)).slice(0, CLUSTER_TAG_BYTES);
}
