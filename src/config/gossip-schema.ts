/** Options of the membership protocol. What is not set follows from the profile; the values are memberlist's. */
import * as v from 'valibot';
import { choice, duration, flag, integer, ratio, size } from './field.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

export const gossipSchema = v.strictObject({
  profile: v.optional(
    choice(['local', 'lan', 'wan'], {
      what: 'Starting values of the options below: for one machine, one datacentre, or several regions.',
      larger:
        '`wan` waits longer before it suspects and declares a node dead; `local` is quicker and needs a quiet network',
    }),
    'lan',
  ),
  probeIntervalMs: v.optional(
    duration(
      { min: 10, max: HOUR_MS },
      {
        what: 'Each node probes one other per interval; all suspicions are multiples of it.',
        defaultText: '1000 (local, lan), 5000 (wan)',
        larger: 'slower detection, fewer datagrams (two per probe)',
        smaller: 'more datagrams, and short stalls look like deaths',
      },
    ),
  ),
  probeTimeoutMs: v.optional(
    duration(
      { min: 1, max: HOUR_MS },
      {
        what: 'Wait for a direct answer before others are asked to probe; at most `gossip.probeIntervalMs`.',
        defaultText: '200 (local), 500 (lan), 3000 (wan)',
        larger: 'fewer needless indirect probes, less time for them',
        smaller: 'more of them; should be above the 99th percentile of round trips',
      },
    ),
  ),
  indirectChecks: v.optional(
    integer(
      { min: 0, max: 32 },
      {
        what: 'Nodes asked to probe one that does not answer.',
        defaultText: '1 (local), 3 (lan, wan)',
        larger: 'fewer false suspicions under loss, two to four datagrams each',
        smaller: 'broken links look like dead nodes',
      },
    ),
  ),
  fallbackProbes: v.optional(
    flag({
      what: 'Ask a node over a connection too when datagrams brought no answer. Without it a cluster of 1,000 declares healthy nodes dead at 25% loss.',
      defaultText: 'true',
    }),
  ),
  nacks: v.optional(
    flag({
      what: 'Nodes asked to probe say when they got no answer (Lifeguard), so that a slow node finds out that it is the slow one.',
      defaultText: 'true',
    }),
  ),
  awarenessMax: v.optional(
    integer(
      { min: 1, max: 64 },
      {
        what: 'Factor up to which a node stretches its timeouts while it seems slow itself (Lifeguard); 1 turns that off.',
        defaultText: '8',
        larger: 'fewer false suspicions by starved nodes, which then detect more slowly',
        smaller: 'starved nodes suspect healthy ones',
      },
    ),
  ),
  suspicionMult: v.optional(
    integer(
      { min: 1, max: 100 },
      {
        what: 'A suspicion lasts this times `max(1, log10(N))` probe intervals at least before the node is dead.',
        defaultText: '3 (local), 4 (lan), 6 (wan)',
        larger: 'more time to refute, slower detection',
        smaller: 'slow nodes are declared dead',
      },
    ),
  ),
  suspicionMaxTimeoutMult: v.optional(
    integer(
      { min: 1, max: 100 },
      {
        what: '... and this many times as long while no other node confirms it (Lifeguard); 1: never longer.',
        defaultText: '6',
        larger: 'a node that suspects alone waits longer',
        smaller: 'a node cut off from the rest declares it dead sooner',
      },
    ),
  ),
  retransmitMult: v.optional(
    integer(
      { min: 1, max: 100 },
      {
        what: 'Each node passes a piece of news on this times `ceil(log10(N + 1))` times.',
        defaultText: '2 (local), 4 (lan, wan)',
        larger: 'surer to reach everyone, more bytes',
        smaller: 'push-pull has to bring the rest',
      },
    ),
  ),
  gossipIntervalMs: v.optional(
    duration(
      { min: 1, max: HOUR_MS },
      {
        what: 'Time between rounds of news while there is any.',
        defaultText: '100 (local), 200 (lan), 500 (wan)',
        larger: 'news spreads more slowly, about 2 log2(N) rounds to all',
        smaller: 'more datagrams in bursts',
      },
    ),
  ),
  gossipNodes: v.optional(
    integer(
      { min: 1, max: 64 },
      {
        what: 'Nodes that get news per round.',
        defaultText: '3 (local, lan), 4 (wan)',
        larger: 'news spreads faster, more datagrams',
        smaller: 'slower',
      },
    ),
  ),
  gossipToTheDeadMs: v.optional(
    duration(
      { min: 0, max: 24 * HOUR_MS },
      {
        what: 'How long failed nodes still get news, so that they can refute.',
        defaultText: '15000 (local), 30000 (lan), 60000 (wan)',
        larger: 'datagrams to nowhere',
        smaller: 'a node that was away comes back by push-pull only',
      },
    ),
  ),
  pushPullIntervalMs: v.optional(
    duration(
      { min: 100, max: 24 * HOUR_MS, zero: 'never' },
      {
        what: 'Time between exchanges of all that differs with one other node, over a connection; grows with `log2(N)` above 32 nodes.',
        defaultText: '15000 (local), 30000 (lan), 60000 (wan)',
        larger: 'lost news stays lost for longer',
        smaller: 'more connections',
      },
    ),
  ),
  reconnectIntervalMs: v.optional(
    duration(
      { min: 100, max: 24 * HOUR_MS, zero: 'never' },
      {
        what: 'How often the cluster as a whole tries to reach each failed node.',
        defaultText: '10000 (local), 30000 (lan), 60000 (wan)',
        larger: 'partitions heal later',
        smaller: 'more connections to nowhere',
      },
    ),
  ),
  forgetAfterMs: v.optional(
    duration(
      { min: 1_000, max: 30 * 24 * HOUR_MS },
      {
        what: 'After this long a failed or departed node is forgotten and not tried any more.',
        defaultText: '86400000',
        larger: 'longer lists of the dead',
        smaller: 'a partition that lasts longer heals by the addresses to join by only',
      },
    ),
  ),
  reclaimAfterMs: v.optional(
    duration(
      { min: 0, max: 24 * HOUR_MS },
      {
        what: 'After this long the id of a failed node may be taken over from another address.',
        defaultText: '0',
        larger: 'a node that restarts elsewhere waits',
        smaller: 'two nodes under one id are noticed less',
      },
    ),
  ),
  leaveTimeoutMs: v.optional(
    duration(
      { min: 0, max: HOUR_MS },
      {
        what: 'Time for the word of a leave to spread before the node stops.',
        defaultText: '5000 (local, lan), 15000 (wan)',
        larger: 'a node alone with dead ones stops later',
        smaller: 'others may have to find out by probes',
      },
    ),
  ),
  stallToleranceMs: v.optional(
    duration(
      { min: 1, max: HOUR_MS, zero: 'off' },
      {
        what: 'A timer later than this means that this node stood still: none of the time counts against others.',
        defaultText: '500 (local, lan), 1000 (wan)',
        larger: 'a starved node suspects others',
        smaller: 'every busy moment slows detection down',
      },
    ),
  ),
  datagramBytesMax: v.optional(
    size(
      { min: 1_200, max: 65_507 },
      {
        what: 'Largest datagram sent and taken, sealed; the same on all nodes.',
        defaultText: '1350',
        larger: "above the path's MTU: fragments, and so more loss",
        smaller: 'less news per datagram',
      },
    ),
  ),
  partitionShare: v.optional(
    ratio(
      { min: 0.01, max: 1 },
      {
        what: 'Share of the nodes lost within the window that suggests a partition.',
        defaultText: '0.3',
        larger: 'small partitions look like many failures',
        smaller: 'a rack that loses power looks like a partition',
      },
    ),
  ),
  partitionMembersMin: v.optional(
    integer(
      { min: 1, max: 65_536 },
      {
        what: '... and the fewest lost nodes that do.',
        defaultText: '3',
        larger: 'small clusters never suspect one',
        smaller: 'single failures do',
      },
    ),
  ),
  partitionWindowMs: v.optional(
    duration(
      { min: 1, max: 24 * HOUR_MS },
      {
        what: 'Window of the two above; about the longest suspicion.',
        defaultText: '60000 (local, lan), 300000 (wan)',
        larger: 'a rolling restart may look like a partition',
        smaller: 'losses of one partition do not meet in it',
      },
    ),
  ),
  partitionPolicy: v.optional(
    choice(['fail', 'hold'], {
      what: 'While a partition is suspected, nodes fail as always, or (`hold`) stay suspects for `gossip.partitionHoldMs` at most.',
      larger: '`hold` keeps calling nodes that may be dead when nothing better is left',
    }),
    'fail',
  ),
  partitionHoldMs: v.optional(
    duration(
      { min: 0, max: 24 * HOUR_MS },
      {
        what: 'See `gossip.partitionPolicy`.',
        defaultText: '600000',
        larger: 'dead nodes stay listed for longer',
        smaller: 'a long partition ends in failures after all',
      },
    ),
  ),
  phiThreshold: v.optional(
    ratio(
      { min: 0.1, max: 300 },
      {
        what: 'Phi (Hayashibara et al. 2004) at which the health of a node is 0 and a failed probe is a sign of a partition.',
        defaultText: '8',
        larger: 'health falls more slowly',
        smaller: 'more sensitive to late answers',
      },
    ),
  ),
  clockToleranceMs: v.optional(
    duration(
      { min: 1_000, max: HOUR_MS },
      {
        what: 'How far the clocks of two nodes may differ, and how old a datagram may be.',
        larger: 'what is needed to refuse replays is remembered for longer',
        smaller: 'a node whose clock is wrong is cut off',
      },
    ),
    120_000,
  ),
});

type Parsed = v.InferOutput<typeof gossipSchema>;
type Own = 'profile' | 'clockToleranceMs' | 'partitionPolicy';

/** What is set, in plain numbers; the rest is the profile's. */
export type GossipSettings = Pick<Parsed, Own> & {
  -readonly [K in Exclude<keyof Parsed, Own>]?: Exclude<Parsed[K], undefined>;
};

export function settleGossip(parsed: Parsed): GossipSettings {
  const { profile, clockToleranceMs, partitionPolicy } = parsed;
  const given = Object.entries(parsed).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(given), profile, clockToleranceMs, partitionPolicy };
}

/** The settings as `GossipNode` takes them: what never happens is infinitely late, the policy is a function. */
export function gossipNodeOptions(settings: GossipSettings) {
  const { profile, clockToleranceMs, partitionPolicy, ...given } = settings;
  const options = { ...given, partitionPolicy: () => partitionPolicy };
  for (const name of NEVER) if (options[name] === 0) options[name] = Number.POSITIVE_INFINITY;
  return { profile, clockToleranceMs, options };
}

const NEVER = ['pushPullIntervalMs', 'reconnectIntervalMs', 'stallToleranceMs'] as const;
