import type { Command } from 'commander';
import type { ClusterMember } from '../../index.js';
import { unreached } from '../cluster/ask-directors.js';
import { withDirectors } from '../connect-client.js';
import { EXIT_OK } from '../failure.js';
import { print, printJson } from '../output.js';
import { addConnect, addJson, type ConnectFlags, type JsonFlags } from '../shared-options.js';
import { type Column, formatTable } from '../table.js';
import type { Finish } from './finish.js';

type MembersFlags = ConnectFlags & JsonFlags;

export function addMembers(program: Command, finish: Finish): void {
  const command = program.command('members').description('List the nodes of the cluster with state, tags and methods.');
  addJson(addConnect(command)).action((flags: MembersFlags) => finish(runMembers(flags)));
}

async function runMembers(flags: MembersFlags): Promise<number> {
  const members = await withDirectors(flags, async (directors) => {
    try {
      return await directors.members({ timeoutMs: TIMEOUT_MS });
    } catch (error) {
      throw unreached(error, flags.connect);
    }
  });
  if (flags.json) printJson(members);
  else print(formatTable(COLUMNS, members));
  return EXIT_OK;
}

const COLUMNS: readonly Column<ClusterMember>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'ROLE', value: ({ role }) => role },
  { title: 'ADDRESS', value: ({ address }) => address },
  {
    title: 'STATE',
    value: ({ state, liveness }) => (liveness === undefined || liveness === 'alive' ? state : `${state}, ${liveness}`),
  },
  { title: 'HEALTH', value: ({ health }) => (health === undefined ? '-' : health.toFixed(2)), align: 'right' },
  { title: 'TAGS', value: ({ tags }) => orDash(Object.entries(tags).map(([key, value]) => `${key}=${value}`)) },
  { title: 'METHODS', value: ({ methods }) => orDash(methods) },
];
const TIMEOUT_MS = 5_000;

function orDash(values: readonly string[]): string {
  return values.length === 0 ? '-' : values.join(',');
}
