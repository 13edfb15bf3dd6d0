import { type FlotillaError, formatAddress, type NodeId, RpcError, type SocketAddress } from '../base/index.js';
import { type NodeRuntime, pause } from '../client/index.js';
import { type GossipSettings, gossipNodeOptions } from '../config/index.js';
import { fetchGossipSecrets, GossipNode, type OpenGossipLane } from '../drivers/gossip/index.js';
import { Keyring, type Tags } from '../gossip/index.js';
import { backoffMs, RECONNECT_BACKOFF } from '../rpc/index.js';

export interface WorkerGossipDependencies {
  readonly runtime: NodeRuntime;
  readonly id: NodeId;
  /** Where others reach it. A wildcard host is replaced by the address that the first member sees. */
  readonly advertise: SocketAddress;
  readonly tags: Tags;
  readonly open: OpenGossipLane;
  /** Members of the cluster, directors or workers: any one that answers will do. */
  readonly seeds: () => readonly SocketAddress[];
  readonly settings: GossipSettings;
  /** Directors became known. */
  readonly onDirectors: (addresses: readonly string[]) => void;
}

/**
 * A worker's part in the cluster's gossip. Any member tells it the keys and who else there is, the directors among them;
 * it goes on trying until it is closed, and its registration does not wait for it.
 */
export class WorkerGossip {
  private readonly deps: WorkerGossipDependencies;
  private readonly ended = new AbortController();
  private gossip: GossipNode | undefined;
  private waiting: (() => void)[] = [];
  private running: Promise<void> | undefined;
  private keysVersion: number | undefined;
  private refreshing = false;

  constructor(deps: WorkerGossipDependencies) {
    this.deps = deps;
  }

  /** `undefined` before a member has told the keys. */
  get node(): GossipNode | undefined {
    return this.gossip;
  }

  start(): void {
    this.running ??= this.run();
  }

  /** The node as soon as there is one; `undefined` when the worker closes before. */
  async started(): Promise<GossipNode | undefined> {
    if (this.gossip === undefined && !this.ended.signal.aborted) {
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
    return this.gossip;
  }

  /** Where the directors are, as far as gossip knows; waits for the first news of them at most `timeoutMs`. */
  async directors(timeoutMs: number): Promise<readonly string[]> {
    const { clock } = this.deps.runtime;
    const endMs = clock.nowMs() + timeoutMs;
    for (;;) {
      const found = this.knownDirectors();
      if (found.length > 0 || clock.nowMs() >= endMs || this.ended.signal.aborted) return found;
      await pause(clock, LOOK_MS, this.ended.signal);
    }
  }

  /** A director said which keys there are now. */
  heardOfKeys(version: number): void {
    if (this.keysVersion === version) return;
    const isFirst = this.keysVersion === undefined;
    this.keysVersion = version;
    // Those that it has were asked for a moment ago.
    if (!isFirst) void this.refresh();
  }

  /** Tells the others that this worker goes. */
  async leave(): Promise<void> {
    await this.gossip?.leave();
  }

  close(): void {
    this.ended.abort();
    this.gossip?.close();
    this.wake();
  }

  private async run(): Promise<void> {
    const { runtime, open, seeds } = this.deps;
    for (let attempt = 0; !this.ended.signal.aborted; attempt += 1) {
      try {
        const secrets = await fetchGossipSecrets({ open, seeds: seeds(), timeoutMs: ASK_TIMEOUT_MS });
        if (this.ended.signal.aborted) return;
        await this.join(secrets);
        return;
      } catch (thrown) {
        const { message } = thrown as FlotillaError;
        runtime.logger.debug({ error: message }, 'gossip not joined yet');
      }
      await pause(runtime.clock, backoffMs(RECONNECT_BACKOFF, attempt, runtime.random.float()), this.ended.signal);
    }
  }

  private async join(secrets: Awaited<ReturnType<typeof fetchGossipSecrets>>): Promise<void> {
    const { runtime, id, tags, open, settings, onDirectors } = this.deps;
    const { endpoint, clock, random, logger } = runtime;
    const { clusterId, keys } = secrets;
    const gossip = new GossipNode({
      ...{ id, role: 'worker', address: this.addressAmong(secrets.observed), tags, clusterId },
      ...{ endpoint, open, clock, random, logger },
      keyring: new Keyring(clusterId, keys),
      ...gossipNodeOptions(settings),
    });
    this.gossip = gossip;
    gossip.onEvent((event) => {
      if ('member' in event && event.member.role === 'director') onDirectors(this.knownDirectors());
    });
    this.wake();
    await gossip.join(this.deps.seeds(), { timeoutMs: 0 });
  }

  private addressAmong(observed: string | undefined): SocketAddress {
    const { advertise } = this.deps;
    if (!WILDCARDS.has(advertise.host)) return advertise;
    // Connections to seeds leave from the socket that this worker listens on.
    const host = observed?.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
    if (host === undefined || host === '') throw RpcError.of('NOT_CONNECTED', 'its own address is not known yet');
    return { host, port: advertise.port };
  }

  private knownDirectors(): string[] {
    const members = this.gossip?.members() ?? [];
    return members
      .filter(({ role, state }) => role === 'director' && (state === 'alive' || state === 'suspect'))
      .map(({ address }) => formatAddress(address));
  }

  private async refresh(): Promise<void> {
    const { runtime, open, seeds } = this.deps;
    if (this.refreshing || this.gossip === undefined) return;
    this.refreshing = true;
    try {
      const { keys } = await fetchGossipSecrets({ open, seeds: seeds(), timeoutMs: ASK_TIMEOUT_MS });
      this.gossip.keyring.replace(keys);
    } catch (thrown) {
      // The next lease reply asks again.
      this.keysVersion = -1;
      runtime.logger.warn({ error: RpcError.from(thrown).message }, 'the new gossip keys were not told');
    } finally {
      this.refreshing = false;
    }
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

const WILDCARDS = new Set(['0.0.0.0', '::']);
const ASK_TIMEOUT_MS = 3_000;
const LOOK_MS = 50;
