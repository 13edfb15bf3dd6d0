import type { Command } from 'commander';
import { type BackupHeader, type DirectorClient, FlotillaError, verifyBackup } from '../../index.js';
import { askDirectors, directorFor, GRACE_MS } from '../cluster/ask-directors.js';
import { withDirectors } from '../connect-client.js';
import { EXIT_OK } from '../failure.js';
import { wholeNumber } from '../flags.js';
import { formatBytes } from '../format-bytes.js';
import { print, printJson } from '../output.js';
import { ProgressLine } from '../progress-line.js';
import { addConnect, addJson, type ConnectFlags, type JsonFlags } from '../shared-options.js';
import { writeAtomically } from '../write-file.js';
import type { Finish } from './finish.js';

interface BackupFlags extends ConnectFlags, JsonFlags {
  readonly timeout: number;
}

export function addBackup(program: Command, finish: Finish): void {
  const command = program
    .command('backup')
    .description('Write what users keep in the metadata store into a file; the file is there once it is verified.')
    .argument('<FILE>', 'the file; one that is there is replaced')
    .option('--timeout <MS>', 'time for all of it in milliseconds', wholeNumber(1, 86_400_000), 600_000);
  addJson(addConnect(command)).action((file: string, flags: BackupFlags) => finish(runBackup(file, flags)));
}

async function runBackup(file: string, flags: BackupFlags): Promise<number> {
  const bytes = await withDirectors(flags, (directors) => fetchBackup(directors, flags.timeout));
  const header = verifyBackup(bytes);
  await writeAtomically(file, bytes);
  if (flags.json) printJson({ file, sizeBytes: bytes.length, ...header });
  else print(describe(file, bytes.length, header));
  return EXIT_OK;
}

async function fetchBackup(directors: DirectorClient, timeoutMs: number): Promise<Buffer> {
  const { address, status } = directorFor(await askDirectors(directors, GRACE_MS.any), undefined);
  const progress = new ProgressLine();
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of directors.admin(address).backup({ timeoutMs })) {
      if (!(chunk instanceof Uint8Array)) {
        throw new FlotillaError('BACKUP_CORRUPT', `director ${status.id} sent something else than bytes`);
      }
      chunks.push(chunk);
      sizeBytes += chunk.length;
      progress.show(`backup from ${status.id}: ${formatBytes(sizeBytes)}`);
    }
  } finally {
    progress.end();
  }
  return Buffer.concat(chunks, sizeBytes);
}

function describe(file: string, sizeBytes: number, { revision, clusterId }: BackupHeader): string {
  return `wrote ${file}: ${formatBytes(sizeBytes)}, revision ${revision} of cluster ${clusterId}, verified`;
}
