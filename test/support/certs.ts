/**
 * Certificates for tests: one authority per process in a temporary directory that goes away with it, and node
 * certificates on demand, good ones and each kind of bad one.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type NodeRole, nodeId } from '../../src/base/index.js';
import { DevelopmentCa } from '../../src/certs/index.js';
import { dnsName, nodeNames } from '../../src/certs/subject-names.js';

export interface TestTls {
  readonly files: { readonly caFile: string; readonly certFile: string; readonly keyFile: string };
  readonly pem: { readonly ca: string; readonly cert: string; readonly key: string };
}

export interface TestCertificateOptions {
  readonly role: NodeRole;
  readonly id: string;
  /** Default localhost, 127.0.0.1, ::1. */
  readonly hosts?: readonly string[];
  /**
   * What is wrong with it: `expired` an hour ago, `not-yet-valid` for an hour, signed by a `rogue` authority (`caFile`
   * is still the true one), `no-identity`: without the SAN URI, `wrong-role`: the URI names `role`, the TLS server name
   * another role.
   */
  readonly fault?: 'expired' | 'not-yet-valid' | 'rogue' | 'no-identity' | 'wrong-role';
  /** Instead of `fault`: any validity. */
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

/** The files and the PEM text of a node certificate; the same object for the same options within a process. */
export function testTls(options: TestCertificateOptions): Promise<TestTls> {
  const key = JSON.stringify(options);
  const known = issued.get(key);
  if (known !== undefined) return known;
  const made = makeAndStore(`${options.id}-${issued.size}`, options);
  issued.set(key, made);
  return made;
}

/** A fresh directory that is removed when the process ends. */
export function temporaryDirectory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'flotilla-test-'));
  if (temporary.push(dir) === 1) {
    process.once('exit', () => {
      for (const path of temporary) rmSync(path, { recursive: true, force: true });
    });
  }
  return dir;
}

async function make(options: TestCertificateOptions): Promise<{ certPem: string; keyPem: string }> {
  const { role, id, fault } = options;
  const hosts = options.hosts ?? ['localhost', '127.0.0.1', '::1'];
  const nowMs = Date.now();
  const dates = {
    ...(fault === 'expired' && { notBefore: new Date(nowMs - 2 * HOUR_MS), notAfter: new Date(nowMs - HOUR_MS) }),
    ...(fault === 'not-yet-valid' && { notBefore: new Date(nowMs + HOUR_MS), notAfter: new Date(nowMs + 2 * HOUR_MS) }),
    ...(options.notBefore && { notBefore: options.notBefore }),
    ...(options.notAfter && { notAfter: options.notAfter }),
  };
  if (fault !== 'no-identity' && fault !== 'wrong-role') {
    const ca = fault === 'rogue' ? await rogueCa() : (await trueCa()).ca;
    return ca.issue({ role, id, hosts, ...dates });
  }
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const names = nodeNames(role, nodeId(id), hosts).filter(
    (name) => name.type !== (fault === 'no-identity' ? 'uri' : 'dns'),
  );
  if (fault === 'wrong-role')
    names.push(dnsName(role === 'worker' ? 'director.flotilla.internal' : 'worker.flotilla.internal'));
  const template = { subject: id, key: privateKey, notBeforeMs: nowMs - HOUR_MS, notAfterMs: nowMs + 24 * HOUR_MS };
  return {
    certPem: await (await trueCa()).ca.sign({ ...template, names, authority: false }),
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

async function makeAndStore(name: string, options: TestCertificateOptions): Promise<TestTls> {
  const [{ dir }, issuedPem] = await Promise.all([trueCa(), make(options)]);
  const files = { caFile: join(dir, 'ca.crt'), certFile: join(dir, `${name}.crt`), keyFile: join(dir, `${name}.key`) };
  writeFileSync(files.certFile, issuedPem.certPem);
  writeFileSync(files.keyFile, issuedPem.keyPem, { mode: 0o600 });
  return { files, pem: { ca: readFileSync(files.caFile, 'utf8'), cert: issuedPem.certPem, key: issuedPem.keyPem } };
}

function trueCa(): Promise<{ dir: string; ca: DevelopmentCa }> {
  authority ??= createAuthority();
  return authority;
}

async function createAuthority(): Promise<{ dir: string; ca: DevelopmentCa }> {
  const dir = temporaryDirectory();
  return { dir, ca: await DevelopmentCa.create({ dir }) };
}

function rogueCa(): Promise<DevelopmentCa> {
  rogue ??= DevelopmentCa.ephemeral();
  return rogue;
}

const HOUR_MS = 3_600_000;
const temporary: string[] = [];
const issued = new Map<string, Promise<TestTls>>();
let authority: Promise<{ dir: string; ca: DevelopmentCa }> | undefined;
let rogue: Promise<DevelopmentCa> | undefined;
