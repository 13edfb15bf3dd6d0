import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { FlotillaError, type PeerIdentity } from '../../base/index.js';
import type { Clock } from '../../ports/index.js';
import { readCertificate, validityTrouble } from './peer-certificate.js';

/** PEM files; they are read again when they change, so that certificates are renewed without a restart. */
export interface TlsFiles {
  /** The authorities whose certificates are accepted. */
  readonly caFile: string;
  /** The node's certificate, followed by intermediates if there are any. */
  readonly certFile: string;
  readonly keyFile: string;
  /** SHA-256 fingerprints of certificates that are refused, one per line; `#` starts a comment. May be absent. */
  readonly denyFile?: string;
}

/** The same as text. */
export interface TlsPem {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** SHA-256 fingerprints that are refused. */
  readonly deny?: readonly string[];
}

export type TlsOptions = (TlsFiles | TlsPem) & {
  /** How often files are looked at for changes, in milliseconds. Default 5,000; 0: never. */
  readonly reloadIntervalMs?: number;
};

/** Checked key material: what a configuration is built from. */
export interface TlsMaterial {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly denied: ReadonlySet<string>;
  readonly identity: PeerIdentity;
  /** A digest of the set of authorities: whoever trusts others has another. */
  readonly authorities: string;
}

/**
 * Reads and checks certificate, key, authorities and deny list.
 *
 * @throws FlotillaError `CERT_MISSING` or `CERT_INVALID`, naming the file
 */
export async function loadTlsMaterial(options: TlsOptions, clock: Clock): Promise<TlsMaterial> {
  if ('ca' in options) {
    return check(options.ca, options.cert, options.key, new Set((options.deny ?? []).map(parseFingerprint)), clock, {
      ca: 'tls.ca',
      cert: 'tls.cert',
      key: 'tls.key',
    });
  }
  const { caFile, certFile, keyFile, denyFile } = options;
  const [ca, cert, key, deny] = await Promise.all([
    readPem(caFile),
    readPem(certFile),
    readPem(keyFile),
    denyFile === undefined ? '' : readDenyFile(denyFile),
  ]);
  const denied = new Set(parseDenyLines(deny, denyFile ?? ''));
  return check(ca, cert, key, denied, clock, { ca: caFile, cert: certFile, key: keyFile });
}

/** Two loads that give the same configuration. */
export function sameMaterial(a: TlsMaterial, b: TlsMaterial): boolean {
  return a.ca === b.ca && a.cert === b.cert && a.key === b.key && sameSet(a.denied, b.denied);
}

/** Only a file that is not there means an empty list: one that cannot be read might refuse somebody. */
async function readDenyFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return '';
    throw new FlotillaError('CERT_INVALID', `${file} cannot be read (${code ?? 'unknown error'})`, { cause });
  }
}

async function readPem(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    const missing = code === 'ENOENT';
    throw new FlotillaError(
      missing ? 'CERT_MISSING' : 'CERT_INVALID',
      missing ? `${file} does not exist: run \`flotilla certs init\`` : `${file} cannot be read (${code})`,
      { cause },
    );
  }
}

interface Names {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

function check(
  ca: string,
  cert: string,
  key: string,
  denied: ReadonlySet<string>,
  clock: Clock,
  names: Names,
): TlsMaterial {
  const trusted = splitPem(ca, names.ca).map(
    (pem) => attempt(names.ca, 'is not a PEM certificate', () => new X509Certificate(pem)).fingerprint256,
  );
  const authorities = createHash('sha256')
    .update([...new Set(trusted)].sort().join())
    .digest('hex');
  const [leafPem = ''] = splitPem(cert, names.cert);
  const leaf = attempt(names.cert, 'is not a PEM certificate', () => new X509Certificate(leafPem));
  const privateKey = attempt(names.key, 'is not a PEM private key without a password', () => createPrivateKey(key));
  if (!leaf.checkPrivateKey(privateKey)) {
    throw new FlotillaError('CERT_INVALID', `${names.key} is not the key of ${names.cert}`);
  }
  const facts = readCertificate(leafPem);
  if (typeof facts === 'string') throw new FlotillaError('CERT_INVALID', `${names.cert} cannot be used: ${facts}`);
  const trouble = validityTrouble(facts, NONE, clock.wallMs());
  if (trouble !== undefined) {
    throw new FlotillaError(
      'CERT_INVALID',
      `${names.cert} ${trouble}: issue it again with \`flotilla certs init --renew\``,
    );
  }
  return { ca, cert, key, denied, identity: facts.identity, authorities };
}

const NONE: ReadonlySet<string> = new Set();

function splitPem(pem: string, name: string): string[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (blocks === null) throw new FlotillaError('CERT_INVALID', `${name} holds no PEM certificate`);
  return blocks;
}

function attempt<T>(name: string, trouble: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new FlotillaError('CERT_INVALID', `${name} ${trouble}`, { cause });
  }
}

function parseDenyLines(text: string, file: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.replace(/#.*$/, '').trim())
    .filter((line) => line !== '')
    .map((line) => parseFingerprint(line, file));
}

/** A line that cannot be read is an error, because skipping it would admit who was to be refused. */
function parseFingerprint(text: string, where: unknown = 'tls.deny'): string {
  const digits = text.trim().replaceAll(':', '').toLowerCase();
  if (/^[0-9a-f]{64}$/.test(digits)) return digits;
  const place = typeof where === 'string' && where !== '' ? where : 'tls.deny';
  throw new FlotillaError(
    'CERT_INVALID',
    `${place}: ${JSON.stringify(text.slice(0, 100))} is not a SHA-256 fingerprint`,
  );
}

function sameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((entry) => b.has(entry));
}
