import { ClassLatency, type NodeId } from '../base/index.js';
import type { RpcServer } from '../drivers/rpc/index.js';
import type { Clock, LoopMeter, TrafficClass } from '../ports/index.js';
import type { ClassStats, NodeStats } from './protocol/index.js';

export interface NodeReporterDependencies {
  readonly identity: { readonly id: NodeId; readonly role: NodeStats['role'] };
  readonly server: () => Pick<
    RpcServer,
    'counters' | 'handlerLatency' | 'inFlight' | 'inFlightOf' | 'draining' | 'connectionCount'
  >;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Default: the delay of the event loop is not told. */
  readonly loop?: LoopMeter | undefined;
}

/** Answers `flotilla.node.stats`. Costs nothing while nobody asks. */
export class NodeReporter {
  private readonly deps: NodeReporterDependencies;
  private readonly startedAtMs: number;
  /** Handler times as they were at the beginning of the present and of the last window. */
  private present = new ClassLatency();
  private last = new ClassLatency();
  private presentSinceMs: number;

  constructor(deps: NodeReporterDependencies) {
    this.deps = deps;
    this.startedAtMs = deps.clock.nowMs();
    this.presentSinceMs = this.startedAtMs;
  }

  report(): NodeStats {
    const { identity, clock, loop } = this.deps;
    const server = this.deps.server();
    const nowMs = clock.nowMs();
    const recent = this.recent(server.handlerLatency, nowMs);
    const ofClass = (trafficClass: TrafficClass): ClassStats => ({
      inFlight: server.inFlightOf(trafficClass),
      started: server.counters[`${trafficClass}CallsStarted`],
      failed: server.counters[`${trafficClass}CallsFailed`],
      handlerMs: server.handlerLatency[trafficClass].snapshot(),
      recentHandlerMs: recent[trafficClass].snapshot(),
    });
    const loopDelayMs = loop?.delayMs(nowMs);
    return {
      id: identity.id,
      role: identity.role,
      uptimeMs: nowMs - this.startedAtMs,
      isDraining: server.draining,
      connections: server.connectionCount,
      inFlight: server.inFlight,
      calls: { control: ofClass('control'), data: ofClass('data'), bulk: ofClass('bulk') },
      ...(loopDelayMs === undefined ? {} : { loopDelayMs }),
    };
  }

  /** What came since the beginning of the last window. */
  private recent(total: ClassLatency, nowMs: number): ClassLatency {
    const recent = copyOf(total);
    recent.subtract(this.last);
    if (nowMs - this.presentSinceMs >= WINDOW_MS) {
      this.last = this.present;
      this.present = copyOf(total);
      this.presentSinceMs = nowMs;
    }
    return recent;
  }
}

function copyOf(latency: ClassLatency): ClassLatency {
  const copy = new ClassLatency();
  copy.merge(latency);
  return copy;
}

const WINDOW_MS = 10_000;
