import type { ConnectFlags, JsonFlags } from '../shared-options.js';

/** The flags of `flotilla loadtest`. */
export interface LoadFlags extends ConnectFlags, JsonFlags {
  readonly concurrency?: number;
  readonly duration: number;
  readonly rate?: number;
  readonly payload: number;
  readonly input?: string;
  readonly filter?: string;
  readonly timeout: number;
}
