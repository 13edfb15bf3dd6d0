import type { Settings } from './parse-options.js';
import type { TransportSettings } from './transport-schema.js';

/**
 * The transport settings of a node's two sockets. Control and data share the main one, so their windows and stream
 * limits add up and the smaller keep-alive holds; bulk has its own. What a class leaves open is as in `transport`.
 */
export function endpointSettings(settings: Pick<Settings, 'transport' | 'network'>): {
  readonly main: TransportSettings;
  readonly bulk: TransportSettings;
} {
  const { transport, network } = settings;
  return {
    main: withClass(transport, {
      windowBytes: sum(
        network.control.windowBytes,
        network.data.windowBytes,
        [2 * MiB, transport.connectionWindowBytes],
        256 * MiB,
      ),
      streamsMax: sum(network.control.streamsMax, network.data.streamsMax, [100, transport.streamsMax], 100_000),
      keepAliveMs: shortest(network.control.keepAliveMs, network.data.keepAliveMs),
    }),
    // One bulk stream may fill the window: there are few, and the connection's window bounds the memory.
    bulk: withClass(
      { ...transport, streamWindowBytes: network.bulk.windowBytes ?? transport.streamWindowBytes },
      network.bulk,
    ),
  };
}

/** How the send scheduler divides a connection between the classes; `ClassScheduler` takes it as it is. */
export function schedulerSettings(settings: Pick<Settings, 'network'>): {
  readonly controlReserveBytes: number;
  readonly streamQuantumBytes: number;
  readonly bulkQuantumBytes: number;
} {
  const { control, data, bulk } = settings.network;
  return {
    controlReserveBytes: control.reserveBytes,
    streamQuantumBytes: data.quantumBytes,
    bulkQuantumBytes: bulk.quantumBytes,
  };
}

/** The limits of calls by class; a time that a class leaves open is that of `rpc`, a number of calls has then no bound. */
export function callSettings(settings: Pick<Settings, 'network' | 'rpc'>): {
  readonly classTimeoutsMs: ByClass;
  readonly classCallsMax: Partial<ByClass>;
} {
  const { network, rpc } = settings;
  const timeoutMs = (of: 'control' | 'data' | 'bulk') => network[of].timeoutMs ?? rpc.timeoutMs;
  const callsMax = (of: 'control' | 'data' | 'bulk') => {
    const { concurrentCallsMax } = network[of];
    return concurrentCallsMax === undefined ? {} : { [of]: concurrentCallsMax };
  };
  return {
    classTimeoutsMs: { control: timeoutMs('control'), data: timeoutMs('data'), bulk: timeoutMs('bulk') },
    classCallsMax: { ...callsMax('control'), ...callsMax('data'), ...callsMax('bulk') },
  };
}

/** The limits of a node as `RpcServer` takes them. */
export function serverLimits(settings: Pick<Settings, 'network' | 'rpc'>): {
  readonly concurrentCallsMax: number;
  readonly connectionsPerPeerMax: number;
  readonly messageBytesMax: number;
  readonly classCallsMax: Partial<ByClass>;
} {
  const { concurrentCallsMax, connectionsPerPeerMax, messageBytesMax } = settings.rpc;
  const { classCallsMax } = callSettings(settings);
  return { concurrentCallsMax, connectionsPerPeerMax, messageBytesMax, classCallsMax };
}

type ByClass = Readonly<Record<'control' | 'data' | 'bulk', number>>;

interface ClassLimits {
  readonly windowBytes?: number | undefined;
  readonly streamsMax?: number | undefined;
  readonly keepAliveMs?: number | undefined;
}

function withClass(transport: TransportSettings, limits: ClassLimits): TransportSettings {
  const connectionWindowBytes = limits.windowBytes ?? transport.connectionWindowBytes;
  return {
    ...transport,
    connectionWindowBytes,
    streamWindowBytes: Math.min(transport.streamWindowBytes, connectionWindowBytes),
    streamsMax: limits.streamsMax ?? transport.streamsMax,
    keepAliveMs: limits.keepAliveMs ?? transport.keepAliveMs,
  };
}

/** `undefined` when neither class says anything; one that is silent counts as `silent` says. */
function sum(
  control: number | undefined,
  data: number | undefined,
  silent: readonly [control: number, data: number],
  max: number,
): number | undefined {
  if (control === undefined && data === undefined) return undefined;
  return Math.min(max, (control ?? silent[0]) + (data ?? silent[1]));
}

/** The shorter of two intervals; 0 is off. */
function shortest(a: number | undefined, b: number | undefined): number | undefined {
  const intervals = [a, b].filter((interval) => interval !== undefined);
  const on = intervals.filter((interval) => interval > 0);
  return on.length > 0 ? Math.min(...on) : intervals[0];
}

const MiB = 2 ** 20;
