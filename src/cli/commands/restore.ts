import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { FlotillaError, restoreBackup } from '../../index.js';
import { makeDataDirectory } from '../data-directory.js';
import { EXIT_OK } from '../failure.js';
import { print, printJson } from '../output.js';
import { addCerts, addJson, type CommonFlags, type JsonFlags } from '../shared-options.js';
import type { Finish } from './finish.js';

interface RestoreFlags extends CommonFlags, JsonFlags {
  readonly data: string;
}

export function addRestore(program: Command, finish: Finish): void {
  const command = program
    .command('restore')
    .description('Prepare an empty data directory, so that the cluster founded with it begins with a backup.')
    .argument('<FILE>', 'what `flotilla backup` wrote')
    .requiredOption('--data <DIR>', 'the data directory of one director of the new cluster; made when missing');
  addJson(addCerts(command)).action((file: string, flags: RestoreFlags) => finish(runRestore(file, flags)));
}

async function runRestore(file: string, { data, json }: RestoreFlags): Promise<number> {
  const backup = await readBackup(file);
  makeDataDirectory(data);
  const header = await restoreBackup(backup, data);
  if (json) printJson({ file, data, ...header });
  else print(afterRestore(file, data, header.revision));
  return EXIT_OK;
}

/** What a person does next. */
function afterRestore(file: string, data: string, revision: number): string {
  return [
    `${data} is prepared with revision ${revision} of ${file}`,
    'Do this with the same file for the data directory of every director of the new cluster, then start them together:',
    `  flotilla director --id ID --listen HOST:PORT --data ${data} --peers ID=HOST:PORT,...`,
  ].join('\n');
}

async function readBackup(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new FlotillaError(
      'FILE_UNUSABLE',
      `${file} cannot be read (${why}); name a file that \`flotilla backup\` wrote`,
    );
  }
}
