import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import {
  addToDenyList,
  type CertificateInfo,
  FlotillaError,
  formatInitializedFile,
  initCertificates,
  readCertificate,
  readDenyList,
} from '../../index.js';
import { EXIT_OK } from '../failure.js';
import { hostList, positiveNumber, wholeNumber } from '../flags.js';
import { print, printJson } from '../output.js';
import { addCerts, addJson, type CommonFlags, type JsonFlags } from '../shared-options.js';
import { formatTable } from '../table.js';
import type { Finish } from './finish.js';

interface InitFlags extends JsonFlags {
  readonly dir?: string;
  readonly certs: string;
  readonly hosts?: readonly string[];
  readonly directors: number;
  readonly workers: number;
  readonly clients: number;
  readonly days: number;
  readonly renew: boolean;
  readonly force: boolean;
}

interface DenyFlags extends CommonFlags, JsonFlags {
  readonly note?: string;
}

export function addCertificates(program: Command, finish: Finish): void {
  const certs = program
    .command('certs')
    .description('Make, show and deny certificates of a development authority.')
    .helpCommand(false);
  addInit(certs, finish);
  addJson(addCerts(certs.command('show').argument('[FILE...]', 'certificate files (default: all of the directory)')))
    .description('Show who certificates belong to, until when they hold, and their fingerprints.')
    .action((files: string[], flags: CommonFlags & JsonFlags) => finish(show(files, flags)));
  addJson(addCerts(certs.command('deny').argument('<WHO>', 'a node id, a certificate file or a SHA-256 fingerprint')))
    .description('Refuse a certificate from now on: running nodes notice it and close its connections.')
    .option('--note <TEXT>', 'why, written behind the fingerprint (default: the name)')
    .action((who: string, flags: DenyFlags) => finish(deny(who, flags)));
}

function addInit(certs: Command, finish: Finish): void {
  addJson(addCerts(certs.command('init')))
    .description('Make an authority and node certificates; what is there already is kept.')
    .option('--dir <DIR>', 'the same as --certs')
    .option(
      '--hosts <HOST,...>',
      'names and addresses put into the certificates (default: localhost,127.0.0.1,::1)',
      hostList,
    )
    .option('--directors <N>', 'certificates d1, d2, ...', wholeNumber(0, 1_000), 5)
    .option('--workers <N>', 'certificates w1, w2, ...', wholeNumber(0, 1_000), 8)
    .option('--clients <N>', 'certificates client, client2, ...', wholeNumber(0, 1_000), 1)
    .option('--days <N>', 'validity of node certificates in days', positiveNumber(3_650), 365)
    .option('--renew', 'issue again, over the same keys, what ends within 30 days or names other hosts', false)
    .option('--force', 'replace everything, the authority too: nodes with old certificates become strangers', false)
    .action((flags: InitFlags) => finish(init(flags)));
}

async function init(flags: InitFlags): Promise<number> {
  const { hosts, directors, workers, clients, days, renew, force } = flags;
  const dir = flags.dir ?? flags.certs;
  const files = await initCertificates({
    dir,
    directors,
    workers,
    clients,
    days,
    renew,
    force,
    ...(hosts === undefined ? {} : { hosts }),
  });
  if (flags.json) printJson(files);
  else for (const file of files) print(formatInitializedFile(file));
  return EXIT_OK;
}

async function show(files: readonly string[], { certs, json }: CommonFlags & JsonFlags): Promise<number> {
  const denied = new Set(readDenyList(certs));
  const rows = (files.length === 0 ? certificatesIn(certs) : files).map((file) => {
    const info = readCertificate(file);
    return { file, ...info, denied: denied.has(info.fingerprint) };
  });
  if (json) printJson(rows);
  else {
    print(
      formatTable(
        [
          { title: 'FILE', value: (row) => row.file },
          { title: 'HOLDER', value: holderOf },
          { title: 'UNTIL', value: (row) => new Date(row.notAfterMs).toISOString().slice(0, 10) },
          { title: 'STATE', value: stateOf },
          { title: 'FINGERPRINT', value: (row) => row.fingerprint },
        ],
        rows,
      ),
    );
  }
  return EXIT_OK;
}

async function deny(who: string, flags: DenyFlags): Promise<number> {
  const file = [who, join(flags.certs, `${who}.crt`)].find((path) => path.endsWith('.crt') && existsSync(path));
  const fingerprint = file === undefined ? who : readCertificate(file).fingerprint;
  if (file === undefined && !/^[0-9a-fA-F:]{64,95}$/.test(who)) {
    throw new FlotillaError(
      'CERT_MISSING',
      `there is no certificate ${who} in ${flags.certs}, and ${who} is not a SHA-256 fingerprint; see \`flotilla certs show\``,
    );
  }
  const added = addToDenyList(flags.certs, fingerprint, flags.note ?? (file === undefined ? '' : who));
  if (flags.json) printJson({ fingerprint, added });
  else print(`${added ? 'denied' : 'was denied already:'} ${fingerprint}`);
  return EXIT_OK;
}

function certificatesIn(dir: string): string[] {
  if (!existsSync(dir)) {
    throw new FlotillaError('CERT_MISSING', `directory ${dir} is not there; run \`flotilla certs init --dir ${dir}\``);
  }
  return readdirSync(dir)
    .filter((name) => name.endsWith('.crt'))
    .sort(new Intl.Collator('en', { numeric: true }).compare)
    .map((name) => join(dir, name));
}

function holderOf({ identity, authority, subject }: CertificateInfo): string {
  if (identity !== undefined) return `${identity.role} ${identity.id}`;
  return authority ? 'authority' : subject.replaceAll('\n', ', ');
}

function stateOf(row: CertificateInfo & { readonly denied: boolean }): string {
  if (row.denied) return 'denied';
  if (row.notAfterMs <= Date.now()) return 'expired';
  return row.notBeforeMs > Date.now() ? 'not yet valid' : 'valid';
}
