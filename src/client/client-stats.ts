import type { ClassLatencySummary } from '../base/index.js';
import type { CallCounters } from './call-environment.js';
import type { NodeChannelState } from './node-channel.js';

export interface ClientStats extends CallCounters {
  /** Calls that wait for a worker or for their next attempt. */
  readonly waiting: number;
  /** A director feeds the registry at the moment. */
  readonly directorConnected: boolean;
  /** Unary calls from request to answer, over all workers so far; each attempt counts, and health probes (control). */
  readonly latencyMs: ClassLatencySummary;
  readonly workers: readonly WorkerStats[];
}

/** One worker as this client sees it. */
export interface WorkerStats {
  readonly id: string;
  readonly address: string;
  readonly connection: NodeChannelState;
  /** Calls in progress there. */
  readonly outstanding: number;
  /** Attempts sent there since it became known. */
  readonly calls: number;
  /** Exponentially weighted mean. */
  readonly latencyMs: number;
  readonly ejected: boolean;
  /** It has not answered a health probe, or the cluster suspects it. */
  readonly suspected: boolean;
  readonly resumed: boolean;
  readonly earlyData: boolean;
}
