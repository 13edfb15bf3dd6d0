import type { LogEntry, LogIndex } from '../ports/index.js';
import type { ClusterConfig } from './cluster-config.js';
import { decodeConfig } from './config-codec.js';

/** A configuration and where in the log it comes from. */
export interface PlacedConfig {
  readonly index: LogIndex;
  readonly config: ClusterConfig;
}

/**
 * The configurations of the log and of the snapshot below it, oldest first. A member always uses the newest one in
 * its log, committed or not (Raft dissertation, section 4.1), and goes back to the one before when that entry is
 * overwritten.
 */
export class ConfigHistory {
  private placed: PlacedConfig[];

  constructor(base: PlacedConfig) {
    this.placed = [base];
  }

  get latest(): PlacedConfig {
    return this.placed.at(-1) as PlacedConfig;
  }

  /** The one that the latest replaced; the latest itself when the log no longer holds an older one. */
  get previous(): PlacedConfig {
    return this.placed.at(-2) ?? this.latest;
  }

  /** Takes note of an appended entry. Its bytes were checked when it was received. */
  append(entry: LogEntry): void {
    if (entry.type !== 'config') return;
    const config = decodeConfig(entry.data);
    if (config !== undefined) this.placed.push({ index: entry.index, config });
  }

  /** Entries from `index` on are gone. */
  truncate(index: LogIndex): void {
    while (this.placed.length > 1 && this.latest.index >= index) this.placed.pop();
  }

  /** What was in force at `index`. */
  at(index: LogIndex): PlacedConfig {
    const found = this.placed.findLast((candidate) => candidate.index <= index);
    return found ?? (this.placed[0] as PlacedConfig);
  }

  /** The log now starts after `index`: older configurations can no longer be gone back to. */
  compact(index: LogIndex): void {
    const base = this.at(index);
    this.placed = this.placed.filter((candidate) => candidate === base || candidate.index > index);
  }

  /** The whole log was replaced by a snapshot. */
  reset(base: PlacedConfig): void {
    this.placed = [base];
  }
}
