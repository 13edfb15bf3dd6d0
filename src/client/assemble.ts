import type { SocketAddress } from '../base/index.js';
import { type ClientSettings, callSettings } from '../config/index.js';
import { type ClientInterceptor, type ClusterCallOptions, RetryBudget } from '../rpc/index.js';
import { createStrategy, type Strategy } from './balance/index.js';
import type { CallEnvironment } from './call-environment.js';
import type { ClusterCallerDependencies } from './cluster-caller.js';
import { LinkSet } from './link-set.js';
import { ClusterPort, Metadata } from './metadata/index.js';
import type { ChannelTarget, NodeChannel } from './node-channel.js';
import type { NodeRuntime } from './node-runtime.js';
import { OutlierDetector } from './outlier.js';
import { RegistryWatcher } from './registry-watcher.js';
import { Router } from './router.js';
import { WaitingRoom } from './waiting-room.js';
import type { WorkerLink } from './worker-link.js';
import { createListRouter, WorkerRegistry } from './worker-registry.js';
import { WorkerTable } from './worker-table.js';

/** What a client is made of besides the network. */
export interface AssembleOptions {
  readonly runtime: Pick<NodeRuntime, 'clock' | 'random' | 'logger'>;
  readonly settings: Pick<ClientSettings, 'balancing' | 'network' | 'outlier' | 'retry' | 'rpc'>;
  readonly directors: readonly SocketAddress[];
  readonly open: (target: ChannelTarget) => NodeChannel;
  /** Instead of the one that `balancing.strategy` names. */
  readonly strategy: Strategy | undefined;
  readonly dispose: () => Promise<void>;
}

export interface AssembleClientOptions extends AssembleOptions {
  readonly interceptors: readonly ClientInterceptor<ClusterCallOptions>[];
  readonly warmMax: number;
  readonly slowStartMs: number;
}

/** Puts a `ClusterClient`'s parts together; it watches the registry as soon as `watcher.start()` is called. */
export function assembleClient(
  options: AssembleClientOptions,
): ClusterCallerDependencies & { readonly table: WorkerTable } {
  const { runtime, settings, open } = options;
  const { clock, random, logger } = runtime;
  const table = new WorkerTable();
  const watcher = new RegistryWatcher({ ...runtime, directors: options.directors, open, table });
  const waiting = new WaitingRoom(clock);
  const router = new Router<WorkerLink>(strategyOf(options), random, () => links.links());
  const links: LinkSet = new LinkSet({
    table,
    open: ({ address, id }) => open({ address, role: 'worker', id }),
    outliers: new OutlierDetector(settings.outlier),
    clock,
    logger,
    warmMax: options.warmMax,
    slowStartMs: options.slowStartMs,
    onLinks: () => {
      router.invalidate();
      waiting.wake();
    },
    onUsable: () => waiting.wake(),
  });
  const env: CallEnvironment = {
    router,
    links,
    waiting,
    budget: new RetryBudget(settings.retry.budget),
    clock,
    random,
    classTimeoutsMs: callSettings(settings).classTimeoutsMs,
    attemptsMax: settings.retry.attemptsMax,
    backoff: settings.retry.backoff,
    counters: { retries: 0, rescues: 0, hedges: 0, retriesDenied: 0 },
    draining: false,
    closed: false,
  };
  const registry = new WorkerRegistry({ table, watcher, router, dispose: async () => undefined });
  const openMetadata = metadataOpener(runtime, () => watcher.directors.list(), open);
  const { interceptors, dispose } = options;
  return { table, env, registry, watcher, openMetadata, interceptors, dispose };
}

/** Makes the metadata's client when it is first needed. */
export function metadataOpener(
  { clock, random, logger }: AssembleOptions['runtime'],
  directors: () => readonly SocketAddress[],
  open: (target: ChannelTarget) => NodeChannel,
): () => Metadata {
  const common = { clock, random, logger };
  return () => new Metadata({ ...common, port: new ClusterPort({ ...common, directors, open }) });
}

/** Puts a `WorkerRegistry` that is used alone together. */
export function assembleRegistry(options: AssembleOptions): { registry: WorkerRegistry; watcher: RegistryWatcher } {
  const { runtime, directors, open, dispose } = options;
  const table = new WorkerTable();
  const watcher = new RegistryWatcher({ ...runtime, directors, open, table });
  const router = createListRouter(table, strategyOf(options), runtime.random);
  return { registry: new WorkerRegistry({ table, watcher, router, dispose }), watcher };
}

function strategyOf({ strategy, settings }: AssembleOptions): Strategy {
  const { balancing } = settings;
  return strategy ?? createStrategy(balancing.strategy, balancing.zone, balancing.zoneSpillFactor);
}
