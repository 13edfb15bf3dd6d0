import { RpcError } from '../../base/index.js';
import { CLUSTER_TAG_BYTES, clusterTag } from '../../gossip/index.js';

/** Puts the cluster's tag before the bytes of a lane message, and checks it on those that come. */
export class LaneFrame {
  private readonly tag: Buffer;

  constructor(clusterId: string) {
    this.tag = Buffer.from(clusterTag(clusterId));
  }

  wrap(body: Uint8Array): Uint8Array {
    return Buffer.concat([this.tag, body]);
  }

  /** @throws RpcError `CLUSTER_MISMATCH`, `INPUT_INVALID` */
  unwrap(message: unknown): Uint8Array {
    if (!(message instanceof Uint8Array) || message.length < CLUSTER_TAG_BYTES) {
      throw RpcError.of('INPUT_INVALID', 'a gossip message is bytes that begin with the tag of the cluster');
    }
    if (this.tag.compare(message, 0, CLUSTER_TAG_BYTES) !== 0) {
      throw RpcError.of('CLUSTER_MISMATCH', 'the node gossips in another cluster');
    }
    return message.subarray(CLUSTER_TAG_BYTES);
  }

  /** The body, decoded. @throws RpcError as `unwrap`, and `INPUT_INVALID` with what is wrong with it */
  read<T extends object>(message: unknown, decode: (bytes: Uint8Array) => T | string): T {
    const decoded = decode(this.unwrap(message));
    if (typeof decoded === 'string') throw RpcError.of('INPUT_INVALID', `gossip: ${decoded}`);
    return decoded;
  }
}
