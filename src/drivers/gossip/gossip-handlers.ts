import { formatAddress, RpcError } from '../../base/index.js';
import {
  decodeDatagram,
  decodeSyncPush,
  decodeSyncRequest,
  encodeDatagram,
  encodeSyncReply,
  type GossipCore,
  type Keyring,
} from '../../gossip/index.js';
import type { Clock } from '../../ports/index.js';
import { type CallContext, type Implementation, implement } from '../../rpc/index.js';
import { GossipService } from './gossip-service.js';
import type { LaneFrame } from './lane-frame.js';

export interface GossipHandlersDependencies {
  readonly core: GossipCore;
  readonly frame: LaneFrame;
  readonly clusterId: string;
  readonly keyring: Keyring;
  readonly clock: Clock;
  pump(): void;
  /** False when this node has answered too many exchanges this second. */
  admit(): boolean;
  /** @throws RpcError with the code `UNAVAILABLE`: a node that has ended must not look alive */
  checkOpen(): void;
}

/** What a member answers over lanes; see {@link GossipService}. Speakers are who their certificates say they are. */
export function implementGossip(deps: GossipHandlersDependencies): Implementation {
  const { core, frame, clock, checkOpen } = deps;
  return implement(GossipService, {
    exchange: (bytes, context) => {
      checkOpen();
      const request = frame.read(bytes, decodeSyncRequest);
      checkSpeaker(request.self.id, context);
      if (!deps.admit()) throw RpcError.of('OVERLOADED', 'the node answers no more exchanges at the moment');
      const reply = core.answerSync(request, clock.nowMs());
      deps.pump();
      return frame.wrap(encodeSyncReply(reply));
    },
    push: (bytes, context) => {
      checkOpen();
      const push = frame.read(bytes, decodeSyncPush);
      checkSpeaker(push.sender, context);
      core.acceptSync(push, clock.nowMs());
      deps.pump();
      return new Uint8Array(0);
    },
    probe: (bytes, context) => {
      checkOpen();
      const datagram = frame.read(bytes, decodeDatagram);
      checkSpeaker(datagram.sender, context);
      const messages = core.answerFallback(datagram, context.remote, clock.nowMs());
      deps.pump();
      const { id } = core.self;
      return frame.wrap(encodeDatagram(id, messages));
    },
    secrets: (_input, context) => {
      checkOpen();
      checkMember(context);
      return { clusterId: deps.clusterId, keys: deps.keyring.keys(), observed: formatAddress(context.remote) };
    },
  });
}

/** @throws RpcError `FORBIDDEN` */
function checkSpeaker(said: string, context: CallContext): void {
  checkMember(context);
  const { peer } = context;
  if (said !== peer.id) throw RpcError.of('FORBIDDEN', `${peer.id} speaks for ${said}`);
}

/** @throws RpcError `FORBIDDEN` */
function checkMember({ peer }: CallContext): void {
  if (peer.role === 'client') throw RpcError.of('FORBIDDEN', `${peer.id} is a client; only members gossip`);
}
