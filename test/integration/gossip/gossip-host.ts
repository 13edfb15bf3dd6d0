import type { NodeRole, SocketAddress } from '../../../src/base/index.js';
import { GossipNode, type GossipNodeOptions } from '../../../src/drivers/gossip/index.js';
import { RpcChannel, RpcServer } from '../../../src/drivers/rpc/index.js';
import { Keyring } from '../../../src/gossip/index.js';
import {
  type Clock,
  type DatagramReceiver,
  type Endpoint,
  type Logger,
  type Random,
  silentLogger,
  type Timer,
} from '../../../src/ports/index.js';
import type { Implementation } from '../../../src/rpc/index.js';
import { testIdentity } from '../../../src/testing/index.js';

export interface GossipHostOptions extends Partial<GossipNodeOptions> {
  readonly endpoint: Endpoint;
  readonly clock: Clock;
  readonly random: Random;
  readonly serverLogger?: Logger;
}

export const KEY = new Uint8Array(32).fill(7);
export const CLUSTER = 'test-cluster';

/** A gossip node with an RPC server around it, on any transport. It can stand still as a process under SIGSTOP does. */
export class GossipHost {
  readonly node: GossipNode;
  readonly endpoint: Endpoint;
  readonly server: RpcServer;
  /** Every datagram as it came from the network. */
  readonly heard: { readonly bytes: Uint8Array; readonly from: SocketAddress }[] = [];
  private readonly heldBack: (() => void)[] = [];
  private isPaused = false;
  private receiver: DatagramReceiver | undefined;

  constructor(role: NodeRole, id: string, options: GossipHostOptions) {
    const { endpoint, clock, random } = options;
    const identity = testIdentity(role, id);
    const { clusterId = CLUSTER } = options;
    this.endpoint = endpoint;
    this.node = new GossipNode({
      ...{ id: identity.id, role, address: endpoint.address, clusterId, random },
      keyring: new Keyring(clusterId, [KEY]),
      open: (target) => new RpcChannel({ endpoint, target, identity, clock, random, logger: silentLogger }),
      logger: silentLogger,
      ...options,
      clock: this.pausable(clock),
      endpoint: { datagrams: (receive, limits) => endpoint.datagrams(this.taking(receive), limits) },
    });
    const services = [this.gated(this.node.service)];
    const logger = options.serverLogger ?? silentLogger;
    this.server = new RpcServer({ identity, services, clock, random, logger });
    endpoint.listen((connection) => this.server.accept(connection));
  }

  get id() {
    return this.node.id;
  }

  get address(): SocketAddress {
    return this.endpoint.address;
  }

  states(): Record<string, string> {
    return Object.fromEntries(this.node.members().map(({ id, state }) => [id, state]));
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    for (const run of this.heldBack.splice(0)) run();
  }

  /** Bytes arrive at the node's port from somewhere. */
  inject(bytes: Uint8Array, from: SocketAddress): void {
    this.receiver?.(bytes, from);
  }

  /** The end without a word. */
  async kill(): Promise<void> {
    this.node.close();
    this.server.close();
    await this.endpoint.close();
  }

  private whenRunning(run: () => void): void {
    if (this.isPaused) this.heldBack.push(run);
    else run();
  }

  private taking(receive: DatagramReceiver): DatagramReceiver {
    this.receiver = receive;
    return (bytes, from) => {
      this.heard.push({ bytes: Uint8Array.from(bytes), from });
      this.whenRunning(() => receive(bytes, from));
    };
  }

  private pausable(clock: Clock): Clock {
    return {
      nowMs: () => clock.nowMs(),
      wallMs: () => clock.wallMs(),
      setTimer: (delayMs, fire, options): Timer => clock.setTimer(delayMs, () => this.whenRunning(fire), options),
    };
  }

  private gated({ service, handlers }: Implementation): Implementation {
    const gated = Object.entries(handlers).map(([name, handle]) => [
      name,
      async (input: unknown, context: Parameters<typeof handle>[1]) => {
        await new Promise<void>((resolve) => this.whenRunning(resolve));
        return handle(input, context);
      },
    ]);
    return { service, handlers: Object.fromEntries(gated) };
  }
}
