import type { NodeId } from '../../../base/index.js';
import { RpcError } from '../../../base/index.js';
import { bidiStream, type CallContext, defineService, type MethodRef, methodName, unary } from '../../../rpc/index.js';

/**
 * What directors say to each other; internal, refused to every other role. All messages are bytes: see `link-frames`,
 * `proposal-codec` and `snapshot-frames`.
 */
export const RaftService = defineService('flotilla.raft', {
  /** One stream per class and connection, for as long as the connection lives. */
  link: bidiStream<Uint8Array, Uint8Array>({ compressible: false }),
  /** A command for the leader on the called node. */
  propose: unary<Uint8Array, Uint8Array>(),
  /** One transfer of one snapshot. */
  snapshot: bidiStream<Uint8Array, Uint8Array>({ compressible: false }),
});

type MethodOfRaft = keyof typeof RaftService.methods;

export function raftMethod(name: MethodOfRaft): MethodRef {
  return { name: methodName(RaftService.name, name), definition: RaftService.methods[name] };
}

/** The director at the other end, as its certificate says. @throws RpcError `FORBIDDEN` when it is none */
export function callingDirector({ peer }: CallContext): NodeId {
  if (peer.role === 'director') return peer.id;
  throw RpcError.of('FORBIDDEN', `${peer.id} is a ${peer.role}; only directors may call ${RaftService.name}`);
}
