import type { Command } from 'commander';
import { askDirectors, directorFor, GRACE_MS } from '../cluster/ask-directors.js';
import { withDirectors } from '../connect-client.js';
import { EXIT_OK } from '../failure.js';
import { print, printJson } from '../output.js';
import { addConnect, addJson, type ConnectFlags, type JsonFlags } from '../shared-options.js';
import type { Finish } from './finish.js';

type KeysFlags = ConnectFlags & JsonFlags;

/** The keys that nodes share. */
export function addKeys(program: Command, finish: Finish): void {
  const keys = program.command('keys').description('The keys of the cluster.').helpCommand(false);
  const rotate = keys
    .command('rotate')
    .description('Replace the key that seals gossip, without downtime: every node opens with both until all have it.');
  addJson(addConnect(rotate)).action((flags: KeysFlags) => finish(runRotate(flags)));
}

async function runRotate(flags: KeysFlags): Promise<number> {
  const { version } = await withDirectors(flags, async (client) => {
    const { address } = directorFor(await askDirectors(client, GRACE_MS.any), undefined);
    return await client.admin(address).rotateGossipKeys({ timeoutMs: TIMEOUT_MS });
  });
  if (flags.json) printJson({ version });
  else print('every node is told the new gossip key now; it seals after two leases, the old one goes after four');
  return EXIT_OK;
}

const TIMEOUT_MS = 10_000;
