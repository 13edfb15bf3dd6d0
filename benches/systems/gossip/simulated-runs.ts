/** What the gossip suite measures, each on a virtual clock: the figures do not depend on this machine, but for the CPU. */
import { type NodeId, Prng } from '../../../src/base/index.js';
import { type GossipOptions, gossipOptions } from '../../../src/gossip/index.js';
import { starve } from '../../../test/sim/gossip/scenarios.js';
import { SimulatedGossip, subjectOf } from '../../../test/sim/gossip/simulated-gossip.js';

export interface RunSetup {
  readonly nodes: number;
  readonly seed: string;
  readonly options: Partial<GossipOptions>;
}

/** Nodes that know each other. */
export function clusterOf({ nodes, seed, options }: RunSetup): SimulatedGossip {
  const sim = new SimulatedGossip({ nodes, seed, options, encoded: false, keepEvents: false });
  sim.run(2_000);
  return sim;
}

export interface CrashTimes {
  readonly firstMs: number[];
  readonly allMs: number[];
}

/** Crashes in as many clusters as it takes: a few in each, so that their news does not crowd each other. */
export function crashes(setup: RunSetup, count: number): CrashTimes {
  const found: CrashTimes = { firstMs: [], allMs: [] };
  const perRun = Math.max(1, Math.min(CRASHES_PER_RUN_MAX, count, Math.floor(setup.nodes / 50)));
  for (let done = 0; done < count; done += perRun) {
    const seed = `${setup.seed}/${done}`;
    crashesIn(clusterOf({ ...setup, seed }), perRun, seed, found);
  }
  return found;
}

/** The first `count` nodes crash: time until someone suspects each, and until all that stay hold it for dead. */
export function crashesIn(sim: SimulatedGossip, count: number, seed: string, found: CrashTimes): void {
  const random = new Prng(seed);
  const staying = sim.nodes.length - count;
  const crashed = new Map<NodeId, { readonly atMs: number; isSuspected: boolean; known: number }>();
  sim.onEvent = (by, event) => {
    const id = subjectOf(event);
    const victim = id === undefined || by.index < count ? undefined : crashed.get(id);
    if (victim === undefined) return;
    if (event.type === 'suspected' && !victim.isSuspected) {
      victim.isSuspected = true;
      found.firstMs.push(sim.nowMs - victim.atMs);
    }
    if (event.type !== 'failed') return;
    victim.known += 1;
    if (victim.known === staying) found.allMs.push(sim.nowMs - victim.atMs);
  };
  for (const victim of sim.nodes.slice(0, count)) {
    sim.at(random.float() * Math.max(1_000, count * 250), () => {
      sim.kill(victim);
      crashed.set(victim.id, { atMs: sim.nowMs, isSuspected: false, known: 0 });
    });
  }
  const target = found.allMs.length + count;
  sim.runUntil(() => found.allMs.length >= target, 200_000);
}

/** Newcomers join by one seed address, one after the other: time until all others have each. */
export function joinsIn(sim: SimulatedGossip, count: number): number[] {
  const times: number[] = [];
  let newcomer: NodeId | undefined;
  let known = 0;
  sim.onEvent = (_, event) => {
    if (event.type === 'joined' && event.member.id === newcomer) known += 1;
  };
  for (let i = 0; i < count; i += 1) {
    const others = sim.nodes.length;
    const node = sim.addNode();
    const startMs = sim.nowMs;
    newcomer = node.id;
    known = 0;
    sim.join(node, sim.node(i));
    if (sim.runUntil(() => known === others, 60_000, 10)) times.push(sim.nowMs - startMs);
  }
  return times;
}

export interface FalseVerdicts {
  /** Healthy members declared dead by someone, each once per incarnation. */
  readonly failed: number;
  readonly suspected: number;
}

/** Nothing happens but loss. */
export function lossyIn(sim: SimulatedGossip, lossRate: number, seconds: number): FalseVerdicts {
  const seen = { failed: new Set<string>(), suspected: new Set<string>() };
  sim.onEvent = (_, event) => {
    if (event.type === 'failed' || event.type === 'suspected') {
      seen[event.type].add(`${event.member.id} ${event.member.incarnation}`);
    }
  };
  sim.lossRate = lossRate;
  sim.run(seconds * 1_000);
  return { failed: seen.failed.size, suspected: seen.suspected.size };
}

/** A tenth of the nodes stands still most of the time; counted is what is said of the others. */
export function stalling({ nodes, seed, options }: RunSetup, seconds: number): FalseVerdicts {
  const { falselyFailed, falselySuspected } = starve({ nodes, seed, options, encoded: false }, seconds * 1_000);
  return { failed: falselyFailed, suspected: falselySuspected };
}

export interface Cost {
  readonly bytesPerNodeS: number;
  /** The simulation's own work included. */
  readonly cpuUsPerNodeS: number;
}

/** A quiet cluster; every datagram is encoded, sealed, opened and decoded. */
export function costIn(sim: SimulatedGossip, seconds: number): Cost {
  sim.isSealed = true;
  sim.run(1_000); // the sealers are made
  const before = { ...sim.traffic };
  const cpu = process.cpuUsage();
  sim.run(seconds * 1_000);
  const { user, system } = process.cpuUsage(cpu);
  sim.isSealed = false;
  const bytes = sim.traffic.bytes + sim.traffic.laneBytes - before.bytes - before.laneBytes;
  const nodeSeconds = sim.nodes.length * seconds;
  return { bytesPerNodeS: bytes / nodeSeconds, cpuUsPerNodeS: (user + system) / nodeSeconds };
}

/** The protocol of the SWIM paper with memberlist's suspicion: what Lifeguard added is off. */
export const WITHOUT_LIFEGUARD: Partial<GossipOptions> = {
  awarenessMax: 1,
  nacks: false,
  suspicionMaxTimeoutMult: 1,
  stallToleranceMs: Number.POSITIVE_INFINITY,
};

/** So that the news of one crash does not wait for that of others. */
const CRASHES_PER_RUN_MAX = 40;

export const LAN: GossipOptions = gossipOptions('lan');
