export { ConsistentHash, hash32 } from './consistent-hash.js';
export { createStrategy, STRATEGY_NAMES, type StrategyName } from './create-strategy.js';
export { LeastConnections } from './least-connections.js';
export { PowerOfTwo } from './power-of-two.js';
export { RandomChoice } from './random-choice.js';
export { RoundRobin } from './round-robin.js';
export { type Candidate, eligible, type PickContext, type Strategy, type Usability } from './strategy.js';
export { checkWeight, workerWeight } from './worker-weight.js';
export { ZonePreference } from './zone-preference.js';
