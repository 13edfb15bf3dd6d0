import { ConsistentHash } from './consistent-hash.js';
import { LeastConnections } from './least-connections.js';
import { PowerOfTwo } from './power-of-two.js';
import { RandomChoice } from './random-choice.js';
import { RoundRobin } from './round-robin.js';
import type { Strategy } from './strategy.js';
import { ZonePreference } from './zone-preference.js';

/** Names of the built-in strategies. */
export const STRATEGY_NAMES = ['leastConnections', 'roundRobin', 'random', 'p2c', 'consistentHash'] as const;

export type StrategyName = (typeof STRATEGY_NAMES)[number];

/** Makes the strategy of that name, preferring `zone` when one is given. Each client has an instance of its own. */
export function createStrategy(name: StrategyName, zone?: string, zoneSpillFactor?: number): Strategy {
  const strategy = new CLASSES[name]();
  return zone === undefined ? strategy : new ZonePreference(zone, strategy, zoneSpillFactor);
}

const CLASSES: Readonly<Record<StrategyName, new () => Strategy>> = {
  leastConnections: LeastConnections,
  roundRobin: RoundRobin,
  random: RandomChoice,
  p2c: PowerOfTwo,
  consistentHash: ConsistentHash,
};
