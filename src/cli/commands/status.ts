import type { Command } from 'commander';
import type { ClusterStatus } from '../../index.js';
import { connectClient, withClient } from '../connect-client.js';
import { EXIT_OK } from '../failure.js';
import { print, printJson } from '../output.js';
import { addConnect, addJson, type ConnectFlags, type JsonFlags } from '../shared-options.js';
import { formatPairs } from '../table.js';
import type { Finish } from './finish.js';

type StatusFlags = ConnectFlags & JsonFlags;

export function addStatus(program: Command, finish: Finish): void {
  const command = program.command('status').description('Show what a director says about itself and its registry.');
  addJson(addConnect(command)).action((flags: StatusFlags) => finish(runStatus(flags)));
}

async function runStatus(flags: StatusFlags): Promise<number> {
  const connecting = connectClient(flags, { warmConnections: false });
  const status = await withClient(connecting, (client) => client.status({ timeoutMs: TIMEOUT_MS }));
  if (flags.json) printJson(status);
  else print(formatStatus(status));
  return EXIT_OK;
}

/** The status for people; counters that stand at zero are left out. */
export function formatStatus(status: ClusterStatus): string {
  const { id, address, version, uptimeMs, leaseMs, workers, registry, inFlight, counters } = status;
  const counted = Object.entries(counters).filter(([, count]) => count !== 0);
  const pairs = [
    ['director', id],
    ['address', address],
    ['version', version],
    ['uptime', formatDuration(uptimeMs)],
    ['workers', `${workers.active} active, ${workers.draining} draining`],
    ['lease', formatDuration(leaseMs)],
    ['registry', `revision ${registry.revision}, ${registry.watchers} watching, epoch ${registry.epoch}`],
    ['calls', `${inFlight} in progress`],
  ] as const;
  const main = formatPairs(pairs);
  if (counted.length === 0) return main;
  return `${main}\n\n${formatPairs(counted.map(([name, count]) => [name, count.toLocaleString('en')] as const))}`;
}

/** `850 ms`, `12.3 s`, `5 min 2 s`, `3 h 4 min`, `2 d 3 h`. */
export function formatDuration(durationMs: number): string {
  const seconds = Math.floor(durationMs / 1_000);
  if (durationMs < 1_000) return `${Math.round(durationMs)} ms`;
  if (seconds < 60) return `${(durationMs / 1_000).toFixed(1)} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3_600)} h`;
}

const TIMEOUT_MS = 5_000;
