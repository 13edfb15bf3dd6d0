import type { Random } from '../ports/index.js';

/** One-way delay of one message in milliseconds. */
export type Latency = (random: Random) => number;

export function fixedLatency(ms: number): Latency {
  return () => ms;
}

export function uniformLatency(minMs: number, maxMs: number): Latency {
  return (random) => minMs + random.float() * (maxMs - minMs);
}

/**
 * Log-normal: half of the messages take less than `medianMs`, a few much longer, as on real networks. `sigma` 0.25 is a
 * calm LAN (p99 1.8 times the median), 1 a bad one (p99 ten times the median).
 */
export function longTailLatency(medianMs: number, sigma: number): Latency {
  return (random) => medianMs * Math.exp(sigma * standardNormal(random));
}

/** Box and Muller (1958). */
function standardNormal(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.float()));
  return radius * Math.cos(2 * Math.PI * random.float());
}
