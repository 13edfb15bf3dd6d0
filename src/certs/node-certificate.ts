import type { KeyObject, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FlotillaError, type NodeRole } from '../base/index.js';
import { denyFileOf } from './deny-list.js';
import { caFiles, certifiableId, DAY_MS, DevelopmentCa, newKeyPem, parseKey } from './development-ca.js';
import { CERTIFICATE_MODE, KEY_MODE, readIfPresent, replaceFile, writeOnce } from './files.js';
import { describeCertificate, parseCertificates } from './read-certificate.js';

/** The files a node needs for TLS; the transport's `TlsOptions` takes this as it is. */
export interface NodeCertificateFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** The file need not be there: one that appears later is honoured too. */
  readonly denyFile: string;
}

export interface NodeCertificateOptions {
  readonly dir: string;
  readonly role: NodeRole;
  readonly id: string;
  /** DNS names and addresses for a certificate that has to be issued. */
  readonly hosts?: readonly string[];
  /** Validity of one that has to be issued; default 365. */
  readonly days?: number;
}

/**
 * The certificate of a node that is starting: `DIR/<id>.crt` when it is there, else a new one when `DIR/ca.key` is.
 * One that has less than thirty days left is renewed where `ca.key` allows. Safe when several processes ask at once.
 *
 * @throws FlotillaError `CERT_MISSING`: no certificate and no authority to issue one; `CERT_INVALID`: it is another
 *   node's, has expired, was signed by another authority or does not fit its key; `ID_INVALID`, `FILE_UNUSABLE`
 */
export async function ensureNodeCertificate(options: NodeCertificateOptions): Promise<NodeCertificateFiles> {
  const { dir, role } = options;
  const files = nodeFiles(dir, certifiableId(options.id));
  // Whether it is there, not whether this process may read it: a node of another user needs only its own files.
  const issuing = existsSync(caFiles(dir).keyFile);
  if (readIfPresent(files.certFile) === undefined) {
    if (!issuing) throw missing(files.certFile, dir, role, options.id);
    await issueOnce(DevelopmentCa.load(dir), files, options);
  }
  const certificate = checkNodeCertificate(files, role, options.id, { expired: issuing });
  if (issuing && nearExpiry(certificate)) {
    const hosts = options.hosts ?? hostsOf(certificate, role);
    await renewIfOurs(certificate, files, { ...options, hosts });
  }
  return files;
}

/** An authority that is not of our making cannot renew; then the certificate serves as long as it is valid. */
async function renewIfOurs(
  certificate: X509Certificate,
  files: NodeCertificateFiles,
  options: NodeCertificateOptions,
): Promise<void> {
  const expired = Date.parse(certificate.validTo) <= Date.now();
  try {
    const ca = DevelopmentCa.load(options.dir);
    if (ca.issued(certificate)) await renew(ca, files, options);
    else if (expired) throw expiredError(files.certFile, certificate);
  } catch (error) {
    if (expired) throw error;
  }
}

/** Where the files of node `id` are; `ca.crt` beside them. */
export function nodeFiles(dir: string, id: string): NodeCertificateFiles {
  return {
    caFile: caFiles(dir).certFile,
    certFile: join(dir, `${id}.crt`),
    keyFile: join(dir, `${id}.key`),
    denyFile: denyFileOf(dir),
  };
}

/**
 * Issues unless somebody else is faster: the first key file wins, then the first certificate over that key, so key and
 * certificate fit whoever wrote them. Returns whether this call wrote the certificate.
 */
export async function issueOnce(
  ca: DevelopmentCa,
  files: NodeCertificateFiles,
  options: NodeCertificateOptions,
): Promise<boolean> {
  if (readIfPresent(files.certFile) !== undefined) return false;
  writeOnce(files.keyFile, newKeyPem(), KEY_MODE);
  const { certPem } = await ca.issue({ ...options, key: readKey(files.keyFile) });
  return writeOnce(files.certFile, certPem, CERTIFICATE_MODE);
}

/** A new certificate over the same key in one step: a reader never sees a certificate that does not fit the key. */
export async function renew(
  ca: DevelopmentCa,
  files: NodeCertificateFiles,
  options: NodeCertificateOptions,
): Promise<void> {
  const { certPem } = await ca.issue({ ...options, key: readKey(files.keyFile) });
  replaceFile(files.certFile, certPem, CERTIFICATE_MODE);
}

/** A new key and certificate. A node that reloads between the two writes sees a pair that does not fit, and waits. */
export async function reissue(
  ca: DevelopmentCa,
  files: NodeCertificateFiles,
  options: NodeCertificateOptions,
): Promise<void> {
  const { certPem, keyPem } = await ca.issue(options);
  replaceFile(files.keyFile, keyPem, KEY_MODE);
  replaceFile(files.certFile, certPem, CERTIFICATE_MODE);
}

/**
 * Reads the node's own certificate and refuses what every peer would refuse, with the reason a peer cannot give.
 *
 * @throws FlotillaError `CERT_MISSING`, `CERT_INVALID`, `FILE_UNUSABLE`
 */
export function checkNodeCertificate(
  files: NodeCertificateFiles,
  role: NodeRole,
  id: string,
  allow: { readonly expired: boolean },
): X509Certificate {
  const chain = parseCertificates(present(files.certFile), files.certFile);
  const certificate = chain[0];
  const info = describeCertificate(certificate);
  const holder = info.identity === undefined ? 'of no Flotilla node' : `of ${info.identity.role} ${info.identity.id}`;
  if (info.identity?.role !== role || info.identity.id !== id) {
    throw invalid(files.certFile, `is the certificate ${holder}, not of ${role} ${id}; use another id or directory`);
  }
  if (!certificate.checkPrivateKey(readKey(files.keyFile))) {
    throw invalid(files.keyFile, `does not belong to ${files.certFile}; issue the pair again`);
  }
  const authorities = parseCertificates(present(files.caFile), files.caFile);
  const last = chain.at(-1) ?? certificate;
  if (!authorities.some((authority) => last.checkIssued(authority) && last.verify(authority.publicKey))) {
    throw invalid(files.certFile, `was not signed by ${files.caFile}; issue it again`);
  }
  if (!allow.expired && info.notAfterMs <= Date.now()) {
    throw expiredError(files.certFile, certificate);
  }
  return certificate;
}

/** Less than thirty days left. */
export function nearExpiry(certificate: X509Certificate): boolean {
  return Date.parse(certificate.validTo) - Date.now() < RENEW_BEFORE_MS;
}

/** The hosts a certificate names beside its role's own name. */
export function hostsOf(certificate: X509Certificate, role: NodeRole): string[] {
  const { dnsNames, addresses } = describeCertificate(certificate);
  return [...dnsNames.filter((name) => name !== `${role}.flotilla.internal`), ...addresses];
}

function readKey(file: string): KeyObject {
  return parseKey(present(file), file);
}

function present(file: string): string {
  const text = readIfPresent(file);
  if (text === undefined) throw new FlotillaError('CERT_MISSING', `${file} is not there; issue the pair again`);
  return text;
}

function missing(file: string, dir: string, role: NodeRole, id: string): FlotillaError {
  return new FlotillaError(
    'CERT_MISSING',
    `${file} is not there and ${dir} has no ca.key to issue it; run \`flotilla certs init --dir ${dir}\` or put the ` +
      `certificate of ${role} ${id} there`,
  );
}

function expiredError(file: string, certificate: X509Certificate): FlotillaError {
  return invalid(file, `expired on ${new Date(certificate.validTo).toISOString()}; issue it again`);
}

function invalid(file: string, what: string): FlotillaError {
  return new FlotillaError('CERT_INVALID', `${file} ${what}`);
}

/** A certificate with less than this left is renewed, or said to be near its end. */
export const RENEW_BEFORE_MS = 30 * DAY_MS;
