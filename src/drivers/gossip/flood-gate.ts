import type { SocketAddress } from '../../base/index.js';
import type { Clock } from '../../ports/index.js';
import { RateGate } from './rate-gate.js';

/**
 * Bounds what strangers can make a node do by datagrams that do not open: each costs some ten microseconds. Above so many
 * per second only addresses are heard from which a datagram has opened before; newcomers still join over lanes.
 */
export class FloodGate {
  private readonly failures: RateGate;
  private readonly trusted = new Set<string>();
  private isFlooded = false;

  constructor(clock: Clock, failuresPerSecond: number) {
    this.failures = new RateGate(clock, failuresPerSecond);
  }

  /** Whether a datagram from there is worth an attempt. */
  admits(from: SocketAddress): boolean {
    if (!this.isFlooded || this.trusted.has(keyOf(from))) return true;
    this.isFlooded = !this.failures.admit();
    return !this.isFlooded;
  }

  opened(from: SocketAddress): void {
    if (this.trusted.size >= TRUSTED_MAX) this.trusted.clear();
    this.trusted.add(keyOf(from));
  }

  failed(): void {
    this.isFlooded = !this.failures.admit();
  }
}

function keyOf({ host, port }: SocketAddress): string {
  return `${host} ${port}`;
}

const TRUSTED_MAX = 65_536;
