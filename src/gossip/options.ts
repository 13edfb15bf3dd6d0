import { FlotillaError } from '../base/index.js';
import { GOSSIP_BOUNDS } from './bounds.js';
import type { PartitionPolicy } from './partition-detector.js';

/**
 * Every parameter of the membership protocol. Times in milliseconds. N is the number of members. The profiles'
 * values are those that memberlist publishes, where it has the parameter.
 */
export interface GossipOptions {
  /** Each node probes one other member per interval. Larger: slower detection, fewer datagrams (two per probe). */
  readonly probeIntervalMs: number;
  /** Wait for a direct ack before asking others; about the p99 round trip. Larger: fewer needless indirect probes. */
  readonly probeTimeoutMs: number;
  /** Members asked to probe indirectly (SWIM's k). Larger: fewer false suspicions under loss, 2-4 datagrams each. */
  readonly indirectChecks: number;
  /**
   * Ask a member over a control lane too, when neither it nor the members asked have answered a quarter of
   * `probeTimeoutMs` later. Lanes repeat what is lost: without them a cluster of 1,000 at 25% loss declares healthy
   * members dead. Costs a connection (or its resumption) per probe that datagrams did not settle.
   */
  readonly fallbackProbes: boolean;
  /** Whether those members report that they got no answer (Lifeguard). Without it every failed probe is held against this node. */
  readonly nacks: boolean;
  /** Timeouts and the probe interval grow up to this factor while this node seems slow itself (Lifeguard). 1: never. */
  readonly awarenessMax: number;
  /** Suspicion lasts `suspicionMult * max(1, log10(N)) * probeIntervalMs` at least. Larger: more time to refute. */
  readonly suspicionMult: number;
  /** ... and this many times as long while no other member confirms it (Lifeguard). 1: always the minimum. */
  readonly suspicionMaxTimeoutMult: number;
  /** News is sent `retransmitMult * ceil(log10(N + 1))` times by each node. Larger: surer and more bytes. */
  readonly retransmitMult: number;
  /** Time between rounds of news while there is any. Smaller: faster spreading, more datagrams in bursts. */
  readonly gossipIntervalMs: number;
  /** Members that get news per round. */
  readonly gossipNodes: number;
  /** How long failed members are still among those that get news, so that they can refute. */
  readonly gossipToTheDeadMs: number;
  /** Time between push-pull exchanges of one node; grows with `log2(N)` above 32 members. `Infinity`: never. */
  readonly pushPullIntervalMs: number;
  /** How often the cluster as a whole tries to reach each failed member, by push-pull. Larger: partitions heal later. */
  readonly reconnectIntervalMs: number;
  /** After this long a failed or departed member is forgotten and not tried any more. */
  readonly forgetAfterMs: number;
  /** After this long the id of a failed member may be taken over from another address. `Infinity`: never. */
  readonly reclaimAfterMs: number;
  /** A node that leaves stays this long at most to spread the word. */
  readonly leaveTimeoutMs: number;
  /** A tick that comes later than this means that this node stood still: all its deadlines move by the delay. `Infinity`: off. */
  readonly stallToleranceMs: number;
  /** Largest datagram, sealed; 1,200 to 65,507. Larger than the path's MTU: fragments, and so more loss. */
  readonly datagramBytesMax: number;
  /** Share of the members lost within the window that suggests a partition; above 0, at most 1. */
  readonly partitionShare: number;
  /** ... and the fewest lost members that do. */
  readonly partitionMembersMin: number;
  /** Window of the two above. About the longest suspicion, or losses of one partition do not meet in it. */
  readonly partitionWindowMs: number;
  /** How long a policy that holds failures back (see {@link PartitionPolicy}) may do so. */
  readonly partitionHoldMs: number;
  /** What to do when a partition is suspected; default: let members fail as always. */
  readonly partitionPolicy: PartitionPolicy;
  /**
   * Phi at which the health score of a member is 0 and a failed probe counts as a sign of a partition (Hayashibara et al.
   * 2004). Smaller: more sensitive to late acks.
   */
  readonly phiThreshold: number;
}

export type GossipProfile = 'local' | 'lan' | 'wan';

const LAN: GossipOptions = {
  probeIntervalMs: 1_000,
  probeTimeoutMs: 500,
  indirectChecks: 3,
  fallbackProbes: true,
  nacks: true,
  awarenessMax: 8,
  suspicionMult: 4,
  suspicionMaxTimeoutMult: 6,
  retransmitMult: 4,
  gossipIntervalMs: 200,
  gossipNodes: 3,
  gossipToTheDeadMs: 30_000,
  pushPullIntervalMs: 30_000,
  reconnectIntervalMs: 30_000,
  forgetAfterMs: 24 * 3_600_000,
  reclaimAfterMs: 0,
  leaveTimeoutMs: 5_000,
  stallToleranceMs: 500,
  datagramBytesMax: 1_350,
  partitionShare: 0.3,
  partitionMembersMin: 3,
  partitionWindowMs: 60_000,
  partitionHoldMs: 600_000,
  partitionPolicy: () => 'fail',
  phiThreshold: 8,
};

/** Loopback and one machine, one data centre, and the Internet between data centres. */
export const GOSSIP_PROFILES: Readonly<Record<GossipProfile, GossipOptions>> = {
  local: {
    ...LAN,
    probeTimeoutMs: 200,
    indirectChecks: 1,
    suspicionMult: 3,
    retransmitMult: 2,
    gossipIntervalMs: 100,
    gossipToTheDeadMs: 15_000,
    pushPullIntervalMs: 15_000,
    reconnectIntervalMs: 10_000,
  },
  lan: LAN,
  wan: {
    ...LAN,
    probeIntervalMs: 5_000,
    probeTimeoutMs: 3_000,
    suspicionMult: 6,
    gossipIntervalMs: 500,
    gossipNodes: 4,
    gossipToTheDeadMs: 60_000,
    pushPullIntervalMs: 60_000,
    reconnectIntervalMs: 60_000,
    leaveTimeoutMs: 15_000,
    stallToleranceMs: 1_000,
    partitionWindowMs: 300_000,
  },
};

/**
 * A profile with some values replaced.
 *
 * @throws FlotillaError `OPTION_INVALID` naming the option, its value and what is allowed
 */
export function gossipOptions(profile: GossipProfile, replaced: Partial<GossipOptions> = {}): GossipOptions {
  const options: GossipOptions = { ...GOSSIP_PROFILES[profile], ...replaced };
  for (const [name, min, max, whole] of RANGES) {
    const value = options[name];
    const isAllowed = typeof value === 'number' && value >= min && value <= max && (!whole || Number.isInteger(value));
    if (isAllowed) continue;
    throw invalid(`${name} is ${value}; it must be ${whole ? 'a whole number ' : ''}from ${min} to ${max}`);
  }
  if (options.probeTimeoutMs > options.probeIntervalMs) {
    throw invalid(
      `probeTimeoutMs is ${options.probeTimeoutMs}; it must be at most probeIntervalMs (${options.probeIntervalMs})`,
    );
  }
  return options;
}

function invalid(message: string): FlotillaError {
  return new FlotillaError('OPTION_INVALID', `gossip: ${message}`);
}

type NumberOption = { [K in keyof GossipOptions]: GossipOptions[K] extends number ? K : never }[keyof GossipOptions];

const EVER = Number.POSITIVE_INFINITY;

const RANGES: readonly (readonly [name: NumberOption, min: number, max: number, whole: boolean])[] = [
  ['probeIntervalMs', 10, 3_600_000, false],
  ['probeTimeoutMs', 1, 3_600_000, false],
  ['indirectChecks', 0, 32, true],
  ['awarenessMax', 1, 64, true],
  ['suspicionMult', 1, 100, true],
  ['suspicionMaxTimeoutMult', 1, 100, true],
  ['retransmitMult', 1, 100, true],
  ['gossipIntervalMs', 1, 3_600_000, false],
  ['gossipNodes', 1, 64, true],
  ['gossipToTheDeadMs', 0, EVER, false],
  ['pushPullIntervalMs', 100, EVER, false],
  ['reconnectIntervalMs', 100, EVER, false],
  ['forgetAfterMs', 1_000, EVER, false],
  ['reclaimAfterMs', 0, EVER, false],
  ['leaveTimeoutMs', 0, 3_600_000, false],
  ['stallToleranceMs', 1, EVER, false],
  ['datagramBytesMax', GOSSIP_BOUNDS.datagramBytesMin, 65_507, true],
  ['partitionShare', 0.01, 1, false],
  ['partitionMembersMin', 1, GOSSIP_BOUNDS.membersMax, true],
  ['partitionWindowMs', 1, 86_400_000, false],
  ['partitionHoldMs', 0, EVER, false],
  ['phiThreshold', 0.1, 300, false],
];
