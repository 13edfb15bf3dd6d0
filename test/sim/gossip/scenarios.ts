/** Scenarios that return what they found, so that the tests can hold the protocol and its mutants against them. */
import { type NodeId, Prng } from '../../../src/base/index.js';
import { type GossipOptions, pushPullScale, suspicionMinMs } from '../../../src/gossip/index.js';
import { SimulatedGossip, type SimulatedGossipOptions, type SimulatedNode, subjectOf } from './simulated-gossip.js';

export interface QuietFindings {
  /** Healthy members that some node declared dead. */
  readonly failed: number;
  readonly suspected: number;
  /** The longest time that any node held a healthy one for suspect. */
  readonly longestSuspicionMs: number;
  /** Share of those that lasted longer than the shortest suspicion. */
  readonly longSuspicionShare: number;
  /** Everyone holds everyone for alive, now or within the shortest suspicion. */
  readonly isAgreed: boolean;
  /** Probes that ended in a suspicion, among all. */
  readonly failedProbeShare: number;
  readonly bytesPerNodeS: number;
  readonly laneBytesPerNodeS: number;
  readonly sim: SimulatedGossip;
}

/** Nothing happens but loss. */
export function quietTime(setup: SimulatedGossipOptions, durationMs: number): QuietFindings {
  const sim = new SimulatedGossip(setup);
  const since = new Map<string, number>();
  const durations: number[] = [];
  sim.onEvent = (by, event) => {
    const key = `${by.id}>${subjectOf(event)}`;
    if (event.type === 'suspected') since.set(key, sim.nowMs);
    const startedMs = since.get(key);
    if (event.type === 'suspected' || startedMs === undefined) return;
    durations.push(sim.nowMs - startedMs);
    since.delete(key);
  };
  sim.run(durationMs);
  for (const startedMs of since.values()) durations.push(sim.nowMs - startedMs);
  const minMs = suspicionMinMs(sim.options, setup.nodes);
  const nodeSeconds = (setup.nodes * durationMs) / 1_000;
  const probes = sumOf(sim, 'probes');
  const laneBytesPerNodeS = sim.traffic.laneBytes / nodeSeconds;
  const bytesPerNodeS = sim.traffic.bytes / nodeSeconds;
  return {
    failed: sim.countOf('failed'),
    suspected: sim.countOf('suspected'),
    longestSuspicionMs: durations.reduce((longest, ms) => Math.max(longest, ms), 0),
    longSuspicionShare: durations.filter((ms) => ms > minMs).length / Math.max(1, durations.length),
    isAgreed: sim.runUntil(() => sim.isAgreed, minMs),
    failedProbeShare: sumOf(sim, 'probesFailed') / probes,
    bytesPerNodeS,
    laneBytesPerNodeS,
    sim,
  };
}

export interface CrashFindings {
  readonly suspectedFirstMs: number;
  readonly failedFirstMs: number;
  /** `Infinity` when not everyone knew within the bound. */
  readonly failedAllMs: number;
  readonly boundMs: number;
}

/** One node crashes; how long until the others know. */
export function crash(setup: SimulatedGossipOptions, afterMs = 5_000): CrashFindings {
  const sim = new SimulatedGossip(setup);
  sim.run(afterMs);
  const victim = sim.node(0);
  const startMs = sim.nowMs;
  let suspectedFirstMs = Number.POSITIVE_INFINITY;
  let failedFirstMs = Number.POSITIVE_INFINITY;
  const knowing = new Set<NodeId>();
  sim.onEvent = (by, event) => {
    if (subjectOf(event) !== victim.id) return;
    if (event.type === 'suspected') suspectedFirstMs = Math.min(suspectedFirstMs, sim.nowMs - startMs);
    if (event.type !== 'failed') return;
    failedFirstMs = Math.min(failedFirstMs, sim.nowMs - startMs);
    knowing.add(by.id);
  };
  sim.kill(victim);
  const boundMs = crashBoundMs(sim.options, setup.nodes, setup.lossRate ?? 0);
  const isKnown = sim.runUntil(() => knowing.size === setup.nodes - 1, boundMs, 20);
  const failedAllMs = isKnown ? sim.nowMs - startMs : Number.POSITIVE_INFINITY;
  return { suspectedFirstMs, failedFirstMs, failedAllMs, boundMs };
}

/**
 * When everyone knows of a crash, from the parameters:
 * - one of the others probes the node within 12 intervals but for e^-12 (each interval it is probed once on average), and
 *   never later than the 2N - 1 of its round (SWIM, section 4.3); the probe takes one more interval;
 * - the suspicion lasts its maximum when no confirmation comes;
 * - news reaches everyone within 2 * log2(N) rounds, stretched by loss.
 * A node whose own probes fail for loss doubts itself and slows down, once per loss of 10%.
 */
export function crashBoundMs(options: GossipOptions, nodes: number, lossRate: number): number {
  const intervals = Math.min(2 * nodes - 1, 12) + 1;
  const slowness = Math.min(options.awarenessMax, 1 + Math.ceil(lossRate * 10));
  const expected = nodes - 2 < options.suspicionMult - 2 ? 1 : options.suspicionMaxTimeoutMult;
  const suspicionMs = suspicionMinMs(options, nodes) * expected;
  return intervals * options.probeIntervalMs * slowness + suspicionMs + spreadMs(options, nodes, lossRate);
}

/** When everyone knows a piece of news: 2 * log2(N) rounds (SWIM, section 5), stretched by loss, and one to begin. */
export function spreadMs(options: GossipOptions, nodes: number, lossRate: number): number {
  return (1 + (2 * Math.ceil(Math.log2(nodes))) / (1 - lossRate) ** 2) * options.gossipIntervalMs;
}

export interface JoinFindings {
  readonly knownByAllMs: number;
  readonly boundMs: number;
}

/** A newcomer joins by one seed; how long until all others have it. Push-pull is off, so that only gossip counts. */
export function joinOne(setup: SimulatedGossipOptions): JoinFindings {
  const options = { ...setup.options, pushPullIntervalMs: Number.POSITIVE_INFINITY };
  const sim = new SimulatedGossip({ ...setup, options });
  sim.run(3_000);
  const startMs = sim.nowMs;
  const newcomer = sim.addNode();
  const knowing = new Set<NodeId>();
  sim.onEvent = (by, event) => {
    if (event.type === 'joined' && event.member.id === newcomer.id) knowing.add(by.id);
  };
  sim.join(newcomer, sim.node(0));
  const boundMs = spreadMs(sim.options, setup.nodes, setup.lossRate ?? 0) + 100;
  const isKnown = sim.runUntil(() => knowing.size === setup.nodes, boundMs, 20);
  return { knownByAllMs: isKnown ? sim.nowMs - startMs : Number.POSITIVE_INFINITY, boundMs };
}

/** One pair of nodes cannot talk to each other directly; how many suspicions come of it. */
export function cutPair(setup: SimulatedGossipOptions, isOneWay: boolean, durationMs: number): number {
  const sim = new SimulatedGossip(setup);
  const [a, b] = [sim.node(0), sim.node(1)];
  sim.isCut = (from, to) => (from === a && to === b) || (!isOneWay && from === b && to === a);
  sim.run(durationMs);
  return sim.countOf('suspected');
}

/** Splits the nodes into two halves for a while, then says how long they take to agree again. */
export function partition(
  sim: SimulatedGossip,
  splitMs: number,
  inSecond: (node: SimulatedNode) => boolean,
): { readonly healedMs: number; readonly boundMs: number } {
  for (const node of sim.nodes) node.group = inSecond(node) ? 1 : 0;
  sim.run(splitMs);
  for (const node of sim.nodes) node.group = 0;
  const startMs = sim.nowMs;
  const nodes = sim.nodes.length;
  const { reconnectIntervalMs, pushPullIntervalMs } = sim.options;
  // Attempts to reach lost members are random: eight intervals without one have a chance of e^-8 per half.
  const rounds = 8 * reconnectIntervalMs + 2 * pushPullIntervalMs * pushPullScale(nodes);
  const boundMs = rounds + 10 * spreadMs(sim.options, nodes, sim.lossRate);
  const isHealed = sim.runUntil(() => sim.isAgreed, boundMs, 250);
  return { healedMs: isHealed ? sim.nowMs - startMs : Number.POSITIVE_INFINITY, boundMs };
}

export function sumOf(sim: SimulatedGossip, counter: keyof SimulatedNode['core']['counters']): number {
  let sum = 0;
  for (const node of sim.nodes) sum += node.core.counters[counter];
  return sum;
}

/** Cluster sizes of a test: small ones always, larger ones named by `FLOTILLA_SIM_NODES=1000,10000`. */
export function sizes(...always: number[]): number[] {
  const more = (process.env.FLOTILLA_SIM_NODES ?? '').split(',').filter((text) => text !== '');
  return [...always, ...more.map(Number)];
}

/** The seed of a simulation; printed in test names, replaced by `FLOTILLA_SIM_SEED`. */
export const SEED = process.env.FLOTILLA_SIM_SEED ?? 'gossip';

export interface StarvedFindings {
  /** Times that a node held a member that was never starved for suspect. */
  readonly healthySuspected: number;
  readonly healthyFailed: number;
  /** The same, each member once per incarnation, however many held it. */
  readonly falselySuspected: number;
  readonly falselyFailed: number;
}

/** A tenth of the nodes get the processor for a millisecond now and then: acks wait while their deadlines pass. */
export function starve(setup: SimulatedGossipOptions, durationMs: number): StarvedFindings {
  const sim = new SimulatedGossip(setup);
  const random = new Prng(`starve/${setup.seed}`);
  const starved = sim.nodes.slice(0, Math.ceil(setup.nodes / 10));
  for (const node of starved) {
    const sleep = () => {
      sim.pause(node);
      sim.at(500 + random.float() * 3_000, wake);
    };
    const wake = () => {
      sim.resume(node);
      sim.at(0.3 + random.float() * 1.5, sleep);
    };
    sim.at(random.float() * 5_000, sleep);
  }
  sim.run(durationMs);
  const starvedIds = new Set(starved.map((node) => node.id));
  const aboutHealthy = (type: 'suspected' | 'failed') =>
    sim.events.flatMap(({ event }) =>
      event.type === type && !starvedIds.has(event.member.id) ? [`${event.member.id} ${event.member.incarnation}`] : [],
    );
  const [suspected, failed] = [aboutHealthy('suspected'), aboutHealthy('failed')];
  return {
    healthySuspected: suspected.length,
    healthyFailed: failed.length,
    falselySuspected: new Set(suspected).size,
    falselyFailed: new Set(failed).size,
  };
}
