import { suspicionMinMs } from '../../src/gossip/index.js';
import type { BenchOptions } from '../harness/arguments.js';
import type { Goal } from '../harness/goal.js';
import type { Progress } from '../harness/progress.js';
import type { Figure, Row } from '../harness/row.js';
import { type Suite, selected } from '../harness/suite.js';
import {
  type CrashTimes,
  clusterOf,
  costIn,
  crashes,
  crashesIn,
  type FalseVerdicts,
  joinsIn,
  LAN,
  lossyIn,
  type RunSetup,
  stalling,
  WITHOUT_LIFEGUARD,
} from '../systems/gossip/simulated-runs.js';

const LOSSES = [0, 10, 25] as const;
const FALSE_POSITIVES = 'falsePositivesPerNodeHour';
const FALSE_SUSPICIONS = 'falseSuspicionsPerNodeHour';
/** From here on, large sizes with loss are measured too. */
const LONG_SECONDS = 30;
/** From here on a cluster takes a quarter of a minute to make, and 2 GB. */
const LARGE_NODES = 5_000;

/**
 * Membership with the `lan` profile on a virtual clock. Means over many crashes and joins; false positives are healthy
 * members declared dead (and suspected), per node and hour. `swim-formula` is what the paper expects: `e / (e - 1)`
 * periods to the first detection (section 3.3), then a suspicion and `2 log2(N)` rounds; a probe of a healthy member
 * fails with `(1 - q^2) (1 - q^4)^k`, q being the share of datagrams that arrive.
 */
export const gossipSuite: Suite = {
  cases: ['n=10', 'n=100', 'n=1000', 'n=10000'],
  systems: ['flotilla', 'flotilla-without-lifeguard', 'swim-formula'],
  goals: [10, 100, 1_000, 10_000].flatMap(goalsOf),
  describe: ({ seconds }) =>
    `profile lan, virtual clock, 0.2 to 1 ms one way; bytes without IP and UDP headers, CPU with sealing and the simulator's own; ` +
    (seconds >= LONG_SECONDS ? 'all losses at all sizes' : `--seconds ${LONG_SECONDS} adds what takes half an hour`),
  run: runGossip,
};

async function runGossip(options: BenchOptions, progress: Progress): Promise<Row[]> {
  const rows: Row[] = [];
  for (const name of selected(gossipSuite.cases, options.cases)) {
    for (const system of selected(gossipSuite.systems, options.systems)) {
      const nodes = Number(name.slice(2));
      const size = sizeOf(nodes, options);
      const say = (what: string): void => progress.say(`${name} ${system}: ${what}`);
      if (nodes >= LARGE_NODES && system === 'flotilla-without-lifeguard' && options.seconds < LONG_SECONDS) continue;
      const figures = system === 'swim-formula' ? expected(nodes) : simulated(system, size, say);
      for (const figure of figures) rows.push({ suite: 'gossip', case: name, system, ...figure });
    }
  }
  return rows;
}

interface Size {
  readonly nodes: number;
  readonly crashes: number;
  readonly joins: number;
  readonly costSeconds: number;
  /** Virtual seconds with loss and with stalls; 0 leaves a figure out. */
  readonly lossSeconds: Readonly<Record<(typeof LOSSES)[number], number>>;
  readonly stallSeconds: number;
}

function sizeOf(nodes: number, { smoke, seconds }: BenchOptions): Size {
  if (smoke) {
    const tiny = Math.min(nodes, 20);
    return { nodes: tiny, crashes: 2, joins: 2, costSeconds: 2, lossSeconds: { 0: 2, 10: 5, 25: 5 }, stallSeconds: 5 };
  }
  const isLong = seconds >= LONG_SECONDS;
  if (nodes <= 100) {
    const every = nodes === 10 ? 7_200 : 900;
    const lossSeconds = { 0: every, 10: every, 25: nodes === 10 ? every : 300 };
    return { nodes, crashes: 600, joins: 40, costSeconds: 60, lossSeconds, stallSeconds: 300 };
  }
  if (nodes === 1_000) {
    const lossSeconds = { 0: 60, 10: isLong ? 300 : 30, 25: isLong ? 60 : 0 };
    return { nodes, crashes: 80, joins: 10, costSeconds: 10, lossSeconds, stallSeconds: isLong ? 120 : 10 };
  }
  const lossSeconds = { 0: 5, 10: isLong ? 30 : 0, 25: 0 };
  return { nodes, crashes: isLong ? 40 : 10, joins: 2, costSeconds: 2, lossSeconds, stallSeconds: 0 };
}

/** A large cluster takes longer to make than to measure, so that one sees everything; crashes come last. */
function simulated(system: string, size: Size, say: (what: string) => void): Figure[] {
  const { nodes } = size;
  const options = system === 'flotilla' ? {} : WITHOUT_LIFEGUARD;
  const setup: RunSetup = { nodes, seed: 'bench', options };
  const verdicts: Figure[] = [];
  const one = nodes >= LARGE_NODES ? clusterOf(setup) : undefined;
  say('cost');
  const { bytesPerNodeS, cpuUsPerNodeS } = costIn(one ?? clusterOf(setup), size.costSeconds);
  for (const loss of LOSSES) {
    const seconds = size.lossSeconds[loss];
    if (seconds === 0) continue;
    say(`${loss}% loss`);
    const found = lossyIn(loss === 0 && one !== undefined ? one : clusterOf(setup), loss / 100, seconds);
    verdicts.push(...rates(`loss${loss}`, found, (nodes * seconds) / 3_600));
  }
  if (size.stallSeconds > 0) {
    say('stalls');
    verdicts.push(...rates('stalls', stalling(setup, size.stallSeconds), (nodes * size.stallSeconds) / 3_600));
  }
  say('joins');
  const joinMs = joinsIn(one ?? clusterOf(setup), size.joins);
  say('crashes');
  const found: CrashTimes = one === undefined ? crashes(setup, size.crashes) : { firstMs: [], allMs: [] };
  if (one !== undefined) crashesIn(one, size.crashes, setup.seed, found);
  return [
    { metric: 'detectFirstMs', value: mean(found.firstMs), unit: 'ms' },
    { metric: 'detectAllMs', value: mean(found.allMs), unit: 'ms' },
    { metric: 'joinAllMs', value: mean(joinMs), unit: 'ms' },
    ...verdicts,
    { metric: 'bytesPerNodeS', value: bytesPerNodeS, unit: 'B/s' },
    { metric: 'cpuUsPerNodeS', value: cpuUsPerNodeS, unit: 'us/s' },
  ];
}

function rates(condition: string, { failed, suspected }: FalseVerdicts, nodeHours: number): Figure[] {
  return [
    { metric: `${FALSE_POSITIVES}.${condition}`, value: failed / nodeHours, unit: '1/h' },
    { metric: `${FALSE_SUSPICIONS}.${condition}`, value: suspected / nodeHours, unit: '1/h' },
  ];
}

function expected(nodes: number): Figure[] {
  const firstMs = (Math.E / (Math.E - 1)) * LAN.probeIntervalMs;
  const spreadMs = 2 * Math.log2(nodes) * LAN.gossipIntervalMs;
  const suspicions = LOSSES.map((loss) => {
    const q = 1 - loss / 100;
    const perProbe = (1 - q ** 2) * (1 - q ** 4) ** LAN.indirectChecks;
    const value = (perProbe * 3_600_000) / LAN.probeIntervalMs;
    return { metric: `${FALSE_SUSPICIONS}.loss${loss}`, value, unit: '1/h' };
  });
  return [
    { metric: 'detectFirstMs', value: firstMs, unit: 'ms' },
    { metric: 'detectAllMs', value: firstMs + suspicionMinMs(LAN, nodes) + spreadMs, unit: 'ms' },
    { metric: 'joinAllMs', value: spreadMs, unit: 'ms' },
    ...suspicions,
  ];
}

/** First detection within two probe periods; all know after that, a suspicion and `2 log2(N)` rounds. */
function goalsOf(nodes: number): Goal[] {
  const of = { case: `n=${nodes}`, system: 'flotilla' };
  const firstMs = 2 * LAN.probeIntervalMs;
  const allMs = firstMs + suspicionMinMs(LAN, nodes) + 2 * Math.log2(nodes) * LAN.gossipIntervalMs;
  return [
    // Ten crashes say nothing of a mean; the time does not depend on N.
    ...(nodes < LARGE_NODES ? [{ ...of, metric: 'detectFirstMs', atMost: firstMs }] : []),
    { ...of, metric: 'detectAllMs', atMost: allMs },
    { ...of, metric: `${FALSE_POSITIVES}.loss0`, atMost: 0 },
    ...[FALSE_POSITIVES, FALSE_SUSPICIONS].map((metric) => {
      return { ...of, metric: `${metric}.stalls`, against: { system: 'flotilla-without-lifeguard' }, atMost: 1 / 20 };
    }),
    { ...of, metric: 'bytesPerNodeS', atMost: 3_000 },
    { ...of, metric: 'cpuUsPerNodeS', atMost: 10_000 },
  ];
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
