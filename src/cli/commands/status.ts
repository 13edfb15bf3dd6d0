import type { Command } from 'commander';
import type { ClusterStatus } from '../../index.js';
import { askDirectors, GRACE_MS, groupViews, type Survey } from '../cluster/ask-directors.js';
import { formatGroup } from '../cluster/group-table.js';
import { formatWaitingGroups } from '../cluster/waiting-groups.js';
import { withDirectors } from '../connect-client.js';
import { EXIT_OK } from '../failure.js';
import { formatDuration } from '../format-duration.js';
import { print, printJson } from '../output.js';
import { addConnect, addJson, type ConnectFlags, type JsonFlags } from '../shared-options.js';
import { formatPairs } from '../table.js';
import type { Finish } from './finish.js';

type StatusFlags = ConnectFlags & JsonFlags;

export function addStatus(program: Command, finish: Finish): void {
  const command = program
    .command('status')
    .description('Show what a director says about itself, and the groups of directors; works without a leader too.');
  addJson(addConnect(command)).action((flags: StatusFlags) => finish(runStatus(flags)));
}

async function runStatus(flags: StatusFlags): Promise<number> {
  const survey = await withDirectors(flags, (directors) => askDirectors(directors, GRACE_MS.all));
  // The director that was named first speaks for itself.
  const asked = flags.connect.map((at) => survey.answering.find(({ address }) => address === at)).find(Boolean);
  const status = (asked ?? survey.answering[0])?.status;
  if (status === undefined) return EXIT_OK;
  if (flags.json) printJson({ ...status, directors: directorsJson(survey) });
  else print([formatStatus(status), ...groups(survey), ...counters(status)].join('\n\n'));
  return EXIT_OK;
}

function formatStatus(status: ClusterStatus): string {
  const { id, address, version, clusterId, uptimeMs, leaseMs, workers, registry, inFlight } = status;
  return formatPairs([
    ['cluster', clusterId ?? 'none yet: the director founds or joins it'],
    ['director', id],
    ['address', address],
    ['version', version],
    ['uptime', formatDuration(uptimeMs)],
    ['workers', `${workers.active} active, ${workers.draining} draining`],
    ['lease', formatDuration(leaseMs)],
    ['registry', `revision ${registry.revision}, ${registry.watchers} watching, epoch ${registry.epoch}`],
    ['calls', `${inFlight} in progress`],
  ]);
}

function groups(survey: Survey): string[] {
  return [...groupViews(survey).map((view) => formatGroup(view, survey)), ...formatWaitingGroups(survey)];
}

/** Those at zero are left out. */
function counters(status: ClusterStatus): string[] {
  const counted = Object.entries(status.counters).filter(([, count]) => count !== 0);
  if (counted.length === 0) return [];
  return [formatPairs(counted.map(([name, count]) => [name, count.toLocaleString('en')] as const))];
}

function directorsJson({ answering, silent }: Survey): unknown[] {
  return [
    ...answering.map(({ status: { id, address, version, uptimeMs, groups, waitingGroups = [] } }) => ({
      ...{ id, address, version, uptimeMs, groups, waitingGroups },
    })),
    ...silent.map(({ address, error: { code, reason, message } }) => ({ address, error: { code, reason, message } })),
  ];
}
