import type { Command } from 'commander';
import type { AdminOptions, ClusterAdmin, MembershipChange } from '../../index.js';
import { changeMember } from '../cluster/change-member.js';
import { withDirectors } from '../connect-client.js';
import { EXIT_OK } from '../failure.js';
import { identifier, reachableAddress, wholeNumber } from '../flags.js';
import { print, printJson } from '../output.js';
import { addConnect, addJson, type ConnectFlags, type JsonFlags } from '../shared-options.js';
import type { Finish } from './finish.js';

interface MemberFlags extends ConnectFlags, JsonFlags {
  readonly group?: number;
  readonly timeout: number;
}

/** What one of the subcommands does. */
interface Action {
  readonly name: string;
  readonly description: string;
  readonly make: (admin: ClusterAdmin, id: string, options: AdminOptions) => Promise<MembershipChange>;
  /** For people, when it is done. */
  readonly done: (id: string) => string;
}

/** Who belongs to the groups of directors. */
export function addMember(program: Command, finish: Finish): void {
  const member = program
    .command('member')
    .description('Add, promote, demote and remove directors, and move leadership.')
    .helpCommand(false);
  const add = subcommand(member, 'add', 'Add a director as a learner, which gets the log and does not vote yet.');
  add
    .argument('[HOST:PORT]', 'where it will listen, when that is known', reachableAddress)
    .action((id: string, address: string | undefined, flags: MemberFlags) =>
      finish(runMember(addAction(address), id, flags)),
    );
  for (const action of ACTIONS) {
    subcommand(member, action.name, action.description).action((id: string, flags: MemberFlags) =>
      finish(runMember(action, id, flags)),
    );
  }
}

function subcommand(member: Command, name: string, description: string): Command {
  const command = member
    .command(name)
    .description(description)
    .argument('<ID>', 'the director', identifier)
    .option('--group <N>', 'of this group only; 0 is the metadata (default: all)', wholeNumber(0, 65_535))
    .option('--timeout <MS>', 'time for the whole change in milliseconds', wholeNumber(1, 86_400_000), 60_000);
  return addJson(addConnect(command));
}

async function runMember(action: Action, id: string, flags: MemberFlags): Promise<number> {
  const { timeout: timeoutMs, group } = flags;
  const { groups, directors } = await withDirectors(flags, (client) =>
    changeMember(client, {
      id,
      isLeaving: action.name === 'remove',
      shouldWatch: action.name === 'promote',
      timeoutMs,
      group,
      make: (admin, options) => action.make(admin, id, options),
    }),
  );
  if (flags.json) printJson({ action: action.name, id, groups });
  else {
    print(action.done(id));
    if (action.name === 'add') print(nextStep(id, directors));
  }
  return EXIT_OK;
}

function addAction(address: string | undefined): Action {
  return {
    name: 'add',
    description: '',
    make: (admin, id, options) => admin.addDirector(id, address, options),
    done: (id) => `added ${id} as a learner`,
  };
}

/** What a person does after `member add`. */
function nextStep(id: string, directors: readonly string[]): string {
  return [
    'start it, and let it vote when it has caught up:',
    `  flotilla director --id ${id} --listen HOST:PORT --data DIR --join ${directors.join(',')}`,
    `  flotilla member promote ${id}`,
  ].join('\n');
}

const ACTIONS: readonly Action[] = [
  {
    name: 'promote',
    description: 'Let a learner vote; waits until it has caught up.',
    make: (admin, id, options) => admin.promoteDirector(id, options),
    done: (id) => `${id} votes now`,
  },
  {
    name: 'demote',
    description: 'Make a voter a learner.',
    make: (admin, id, options) => admin.demoteDirector(id, options),
    done: (id) => `${id} is a learner now`,
  },
  {
    name: 'remove',
    description: 'Take a director out of the cluster, running or lost; its data directory is of no use afterwards.',
    make: (admin, id, options) => admin.removeDirector(id, options),
    done: (id) => `removed ${id}`,
  },
  {
    name: 'transfer',
    description: 'Make a voter the leader.',
    make: (admin, id, options) => admin.transferLeadership(id, options),
    done: (id) => `${id} leads now`,
  },
];
