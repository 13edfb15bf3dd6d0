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

export interface CrashTimes {
  readonly firstMs: number[];
  /** Of the crashes that everyone knew of in time. */
  readonly allMs: number[];
}

/** So many nodes crash one after the other: time until the first one suspects each, and until all others hold it for dead. */
export function crashes({ nodes, seed, options }: RunSetup, count: number): CrashTimes {
  const found: CrashTimes = { firstMs: [], allMs: [] };
  const perRun = Math.max(1, Math.min(count, Math.floor(nodes / 50), CRASHES_PER_RUN_MAX));
  for (let done = 0; done < count; done += perRun) {
    const sim = new SimulatedGossip({ nodes, seed: `${seed}/${done}`, options, encoded: false, keepEvents: false });
    const random = new Prng(`${seed}/${done}`);
    const crashed = new Map<NodeId, { readonly atMs: number; first: number; known: number }>();
    sim.onEvent = (by, event) => {
      if (by.index < perRun) return; // it crashes too
      const id = subjectOf(event);
      const victim = id === undefined ? undefined : crashed.get(id);
      if (victim === undefined) return;
      if (event.type === 'suspected' && victim.first === 0) {
        victim.first = sim.nowMs;
        found.firstMs.push(sim.nowMs - victim.atMs);
      }
      if (event.type !== 'failed') return;
      victim.known += 1;
      if (victim.known === nodes - perRun) found.allMs.push(sim.nowMs - victim.atMs);
    };
    sim.run(2_000);
    for (let i = 0; i < perRun; i += 1) {
      sim.at(random.float() * Math.max(1_000, perRun * 250), () => {
        sim.kill(sim.node(i));
        crashed.set(sim.node(i).id, { atMs: sim.nowMs, first: 0, known: 0 });
      });
    }
    const target = found.allMs.length + perRun;
    sim.runUntil(() => found.allMs.length >= target, 200_000);
  }
  return found;
}

/** Newcomers join by one seed address, one after the other: time until all others have each. */
export function joins({ nodes, seed, options }: RunSetup, count: number): number[] {
  const sim = new SimulatedGossip({ nodes, seed, options, encoded: false, keepEvents: false });
  const times: number[] = [];
  const joined = new Map<NodeId, { readonly atMs: number; known: number }>();
  sim.onEvent = (_, event) => {
    if (event.type !== 'joined') return;
    const newcomer = joined.get(event.member.id);
    if (newcomer === undefined) return;
    newcomer.known += 1;
    if (newcomer.known === nodes) times.push(sim.nowMs - newcomer.atMs);
  };
  sim.run(3_000);
  for (let i = 0; i < count; i += 1) {
    const newcomer = sim.addNode();
    joined.set(newcomer.id, { atMs: sim.nowMs, known: 0 });
    sim.join(newcomer, sim.node(i % nodes));
    sim.runUntil(() => times.length > i, 60_000, 50);
  }
  return times;
}

export interface FalseVerdicts {
  /** Healthy members declared dead by someone, each once per incarnation. */
  readonly failed: number;
  readonly suspected: number;
}

/** Nothing happens but loss. */
export function lossy({ nodes, seed, options }: RunSetup, lossRate: number, seconds: number): FalseVerdicts {
  const sim = new SimulatedGossip({ nodes, seed, options, lossRate, encoded: false, keepEvents: false });
  const seen = { failed: new Set<string>(), suspected: new Set<string>() };
  sim.onEvent = (_, event) => {
    if (event.type === 'failed' || event.type === 'suspected') {
      seen[event.type].add(`${event.member.id} ${event.member.incarnation}`);
    }
  };
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
export function quietCost({ nodes, seed, options }: RunSetup, seconds: number): Cost {
  const sim = new SimulatedGossip({ nodes, seed, options, sealed: true, keepEvents: false });
  sim.run(2_000);
  const before = { ...sim.traffic };
  const cpu = process.cpuUsage();
  sim.run(seconds * 1_000);
  const { user, system } = process.cpuUsage(cpu);
  const bytes = sim.traffic.bytes + sim.traffic.laneBytes - before.bytes - before.laneBytes;
  return { bytesPerNodeS: bytes / (nodes * seconds), cpuUsPerNodeS: (user + system) / (nodes * seconds) };
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
