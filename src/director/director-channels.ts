import { type NodeId, RpcError, type SocketAddress } from '../base/index.js';
import type { ChannelTarget, NodeChannel } from '../client/index.js';
import type { CallOptions, MethodRef } from '../rpc/index.js';

export interface DirectorChannelsDependencies {
  readonly open: (target: ChannelTarget) => Pick<NodeChannel, 'unary' | 'close'>;
  /** Where a director is reached; `undefined` while nobody knows. */
  readonly addressOf: (node: NodeId) => SocketAddress | undefined;
}

/** Calls to the other directors: a channel to each, to where it is reached at the moment. */
export class DirectorChannels {
  private readonly deps: DirectorChannelsDependencies;
  private readonly channels = new Map<NodeId, OpenChannel>();
  private isClosed = false;

  constructor(deps: DirectorChannelsDependencies) {
    this.deps = deps;
  }

  /** @throws RpcError that of the call; `NO_LEADER` when no address is known, `CONNECTION_LOST` when it changes, `CLOSED` */
  async unary(to: NodeId, method: MethodRef, request: unknown, options: CallOptions): Promise<unknown> {
    const { channel } = this.channelTo(to);
    try {
      return await channel.unary(method, request, options);
    } catch (thrown) {
      const error = RpcError.from(thrown);
      if (error.reason !== 'CLOSED' || this.isClosed) throw error;
      const { maybeExecuted } = error;
      throw RpcError.of('CONNECTION_LOST', `director ${to} is elsewhere by now`, { maybeExecuted, cause: error });
    }
  }

  /** Addresses may have changed. Ends the calls to where a director is no more: they might wait for it in vain. */
  refresh(): void {
    for (const [node, open] of [...this.channels]) {
      const address = this.deps.addressOf(node);
      if (address === undefined || isSame(address, open.address)) continue;
      this.channels.delete(node);
      void open.channel.close();
    }
  }

  /** Ends all calls with `CLOSED`. Idempotent. */
  async close(): Promise<void> {
    this.isClosed = true;
    await Promise.all([...this.channels.values()].map(({ channel }) => channel.close()));
  }

  private channelTo(node: NodeId): OpenChannel {
    if (this.isClosed) throw RpcError.of('CLOSED', 'the director is closing');
    this.refresh();
    const known = this.channels.get(node);
    if (known !== undefined) return known;
    const address = this.deps.addressOf(node);
    if (address === undefined) throw RpcError.of('NO_LEADER', `the address of director ${node} is not known`);
    const opened = { address, channel: this.deps.open({ address, role: 'director', id: node }) };
    this.channels.set(node, opened);
    return opened;
  }
}

interface OpenChannel {
  readonly address: SocketAddress;
  readonly channel: Pick<NodeChannel, 'unary' | 'close'>;
}

function isSame(one: SocketAddress, other: SocketAddress): boolean {
  return one.host === other.host && one.port === other.port;
}
