import { basename } from 'node:path';
import { FlotillaError, type NodeRole } from '../base/index.js';
import { DENY_LIST_HEADER, denyFileOf } from './deny-list.js';
import { caFiles, DevelopmentCa } from './development-ca.js';
import { CERTIFICATE_MODE, readIfPresent, writeOnce } from './files.js';
import {
  checkNodeCertificate,
  hostsOf,
  issueOnce,
  type NodeCertificateFiles,
  type NodeCertificateOptions,
  nearExpiry,
  nodeFiles,
  RENEW_BEFORE_MS,
  reissue,
  renew,
} from './node-certificate.js';
import { hostNames, normalizeHosts } from './subject-names.js';

export interface InitCertificatesOptions {
  readonly dir: string;
  /** DNS names and addresses put into every certificate. Default localhost, 127.0.0.1, ::1; on renewal, what it had. */
  readonly hosts?: readonly string[];
  /** How many certificates of each role: `d1`.., `w1`.., `client`, `client2`... Defaults 5, 8 and 1. */
  readonly directors?: number;
  readonly workers?: number;
  readonly clients?: number;
  /** Validity of node certificates in days; default 365. */
  readonly days?: number;
  /** Issue again, over the same key, what has less than thirty days left or names other hosts. */
  readonly renew?: boolean;
  /** Replace everything, the authority included: nodes with old certificates are then strangers. */
  readonly force?: boolean;
}

/** What happened to one file. */
export interface InitializedFile {
  readonly file: string;
  readonly action: 'created' | 'kept' | 'renewed' | 'replaced';
  /** Why a kept certificate deserves attention: `expires 2027-01-31`, `names other hosts`. */
  readonly note?: string;
}

/**
 * `flotilla certs init`: an authority and node certificates in one directory. Keeps what is there unless told
 * otherwise, so a second run changes nothing.
 *
 * @throws FlotillaError `CERT_INVALID` when something there cannot be used; `OPTION_INVALID`, `FILE_UNUSABLE`
 */
export async function initCertificates(options: InitCertificatesOptions): Promise<InitializedFile[]> {
  // Everything that can be wrong with the options is found before the first file is written.
  hostNames(options.hosts ?? DEFAULT_HOSTS);
  const nodes = nodesOf(options);
  const [ca, authorityFiles] = await authority(options);
  const results = [...authorityFiles, denyList(options.dir)];
  for (const node of nodes) results.push(...(await initNode(ca, { ...options, ...node })));
  return results;
}

async function authority(options: InitCertificatesOptions): Promise<[DevelopmentCa, InitializedFile[]]> {
  const { certFile, keyFile } = caFiles(options.dir);
  const before = [certFile, keyFile].map((file) => readIfPresent(file) !== undefined);
  const ca = await DevelopmentCa.create({ dir: options.dir, replace: options.force === true });
  const near = ca.notAfterMs - Date.now() < RENEW_BEFORE_MS;
  const end = near ? { note: `expires ${dateText(ca.notAfterMs)}; --force makes a new authority` } : {};
  const files = [certFile, keyFile].map((file, index): InitializedFile => {
    if (before[index] !== true) return { file, action: 'created' };
    return options.force === true ? { file, action: 'replaced' } : { file, action: 'kept', ...end };
  });
  return [ca, files];
}

async function initNode(
  ca: DevelopmentCa,
  node: InitCertificatesOptions & NodeCertificateOptions,
): Promise<InitializedFile[]> {
  const files = nodeFiles(node.dir, node.id);
  const present = readIfPresent(files.certFile) !== undefined;
  const fresh = { ...node, hosts: node.hosts ?? DEFAULT_HOSTS };
  if (present && node.force === true) {
    await reissue(ca, files, fresh);
    return both(files, 'replaced');
  }
  if (!present && (await issueOnce(ca, files, fresh))) return both(files, 'created');
  const certificate = checkNodeCertificate(files, node.role, node.id, { expired: true });
  const hosts = hostsOf(certificate, node.role);
  const otherHosts = node.hosts !== undefined && !sameHosts(node.hosts, hosts);
  if (node.renew === true && (otherHosts || nearExpiry(certificate))) {
    await renew(ca, files, { ...node, hosts: node.hosts ?? hosts });
    return [
      { file: files.certFile, action: 'renewed' },
      { file: files.keyFile, action: 'kept' },
    ];
  }
  return both(files, 'kept', note(nearExpiry(certificate), otherHosts, certificate.validTo));
}

function sameHosts(a: readonly string[], b: readonly string[]): boolean {
  return normalizeHosts(a).sort().join() === normalizeHosts(b).sort().join();
}

function note(near: boolean, otherHosts: boolean, validTo: string): string | undefined {
  const notes = [
    ...(near ? [`expires ${dateText(Date.parse(validTo))}`] : []),
    ...(otherHosts ? ['names other hosts'] : []),
  ];
  return notes.length === 0 ? undefined : `${notes.join(', ')}; --renew issues it again`;
}

function dateText(dateMs: number): string {
  return new Date(dateMs).toISOString().slice(0, 10);
}

function both(files: NodeCertificateFiles, action: InitializedFile['action'], text?: string): InitializedFile[] {
  const certificate = { file: files.certFile, action, ...(text === undefined ? {} : { note: text }) };
  return [certificate, { file: files.keyFile, action }];
}

function denyList(dir: string): InitializedFile {
  const file = denyFileOf(dir);
  return { file, action: writeOnce(file, DENY_LIST_HEADER, CERTIFICATE_MODE) ? 'created' : 'kept' };
}

function nodesOf(options: InitCertificatesOptions): { role: NodeRole; id: string }[] {
  const counts = { directors: options.directors ?? 5, workers: options.workers ?? 8, clients: options.clients ?? 1 };
  for (const [key, count] of Object.entries(counts)) {
    if (!Number.isInteger(count) || count < 0 || count > NODES_MAX) {
      throw new FlotillaError('OPTION_INVALID', `option ${key} is ${count}; allowed: 0..${NODES_MAX}`);
    }
  }
  return [
    ...numbered(counts.directors, (n) => ({ role: 'director' as const, id: `d${n}` })),
    ...numbered(counts.workers, (n) => ({ role: 'worker' as const, id: `w${n}` })),
    ...numbered(counts.clients, (n) => ({ role: 'client' as const, id: n === 1 ? 'client' : `client${n}` })),
  ];
}

function numbered<T>(count: number, make: (n: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index + 1));
}

/** `kept  w1.crt (names other hosts; --renew issues it again)`: one line per file for a terminal. */
export function formatInitializedFile(result: InitializedFile): string {
  const text = `${result.action.padEnd(8)} ${basename(result.file)}`;
  return result.note === undefined ? text : `${text} (${result.note})`;
}

const DEFAULT_HOSTS = ['localhost', '127.0.0.1', '::1'];
const NODES_MAX = 1_000;
