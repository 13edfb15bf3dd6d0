import { Command } from 'commander';
import { addBackup } from './commands/backup.js';
import { addCall } from './commands/call.js';
import { addCertificates } from './commands/certs.js';
import { addDirector } from './commands/director.js';
import type { Finish } from './commands/finish.js';
import { addKeys } from './commands/keys.js';
import { addKeyValue } from './commands/kv.js';
import { addLoadtest } from './commands/loadtest.js';
import { addMember } from './commands/member.js';
import { addMembers } from './commands/members.js';
import { addRestore } from './commands/restore.js';
import { addStatus } from './commands/status.js';
import { addTop } from './commands/top.js';
import { addUp } from './commands/up.js';
import { addWal } from './commands/wal.js';
import { addWorker } from './commands/worker.js';
import { VERSION } from './version.js';

/** The command line: parses, and gives each command's work to `finish`. Throws `CommanderError` for wrong usage. */
export function createProgram(finish: Finish): Command {
  const program = new Command('flotilla')
    .description('Clusters of directors and workers that talk RPC over QUIC.')
    .version(VERSION, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .addHelpText('after', AFTER_HELP);
  // Before the commands are added, which inherit both: errors are printed by `run`, on one line.
  program.exitOverride().configureOutput({ outputError: () => undefined });
  addCertificates(program, finish);
  addUp(program, finish);
  addDirector(program, finish);
  addWorker(program, finish);
  addCall(program, finish);
  addStatus(program, finish);
  addMembers(program, finish);
  addTop(program, finish);
  addMember(program, finish);
  addKeyValue(program, finish);
  addLoadtest(program, finish);
  addBackup(program, finish);
  addRestore(program, finish);
  addKeys(program, finish);
  addWal(program, finish);
  return program;
}

const AFTER_HELP = `
\`flotilla COMMAND --help\` lists the flags of a command with their defaults.
Exit codes: 0 ok, 1 failed, 2 wrong usage.

Try it:
  flotilla up
  flotilla call text.count '{"text":"a b a"}' --filter role=worker --json`;
