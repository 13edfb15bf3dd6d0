import { createPrivateKey, generateKeyPairSync, type KeyObject, type X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { FlotillaError, type NodeId, type NodeRole, nodeId } from '../base/index.js';
import { CERTIFICATE_MODE, KEY_MODE, readIfPresent, replaceFile, writeOnce } from './files.js';
import { parseCertificate } from './read-certificate.js';
import { type CertificateTemplate, keyIdentifier, signCertificate } from './sign-certificate.js';
import { nodeNames } from './subject-names.js';

export interface IssueOptions {
  readonly role: NodeRole;
  readonly id: string;
  /** DNS names and IP addresses by which others may also reach the node. Default none: the role's name is enough. */
  readonly hosts?: readonly string[];
  /** Validity from now, in days. Default 365, cut at the authority's own end. Longer: a stolen key is useful longer. */
  readonly days?: number;
  /** Default five minutes ago, so that a peer whose clock is behind accepts it. */
  readonly notBefore?: Date;
  /** Overrides `days`, and is not cut. */
  readonly notAfter?: Date;
  /** The key to certify. Default: a new one. */
  readonly key?: KeyObject;
}

export interface IssuedCertificate {
  readonly certPem: string;
  /** PKCS#8. */
  readonly keyPem: string;
}

/**
 * A certificate authority for development: an ECDSA P-256 key beside its self-signed certificate, in a directory as
 * `ca.key` and `ca.crt`. Whoever can read `ca.key` can be any node, so production brings its own (certs/README.md).
 */
export class DevelopmentCa {
  readonly certPem: string;
  readonly keyPem: string;
  private readonly key: KeyObject;
  private readonly certificate: X509Certificate;

  private constructor(certPem: string, keyPem: string, key: KeyObject, certificate: X509Certificate) {
    this.certPem = certPem;
    this.keyPem = keyPem;
    this.key = key;
    this.certificate = certificate;
  }

  /**
   * Makes the authority in `dir` unless it is there; `replace` makes a new one, after which every certificate of the
   * old one is worthless. Safe when several processes do it at once: all end with the same authority.
   *
   * @throws FlotillaError `CERT_INVALID` or `FILE_UNUSABLE`
   */
  static async create(options: {
    readonly dir: string;
    readonly days?: number;
    readonly replace?: boolean;
  }): Promise<DevelopmentCa> {
    const { certFile, keyFile } = caFiles(options.dir);
    const days = options.days ?? CA_DAYS;
    if (options.replace === true) {
      const fresh = await DevelopmentCa.ephemeral(days);
      replaceFile(keyFile, fresh.keyPem, KEY_MODE);
      replaceFile(certFile, fresh.certPem, CERTIFICATE_MODE);
      return fresh;
    }
    // A certificate without a key is somebody's own authority: never put a key of ours beside it.
    if (readIfPresent(certFile) === undefined) {
      // The key decides: a second process, or a run after a crash in between, certifies the key that is there.
      writeOnce(keyFile, newKeyPem(), KEY_MODE);
      const { certPem } = await DevelopmentCa.ephemeral(days, readIfPresent(keyFile));
      writeOnce(certFile, certPem, CERTIFICATE_MODE);
    }
    return DevelopmentCa.load(options.dir);
  }

  /** @throws FlotillaError `CERT_MISSING`, `CERT_INVALID` or `FILE_UNUSABLE` */
  static load(dir: string): DevelopmentCa {
    const { certFile, keyFile } = caFiles(dir);
    const keyPem = required(keyFile, 'only its owner can issue certificates');
    const certPem = required(certFile, 'run `flotilla certs init`');
    const key = parseKey(keyPem, keyFile);
    const certificate = parseCertificate(certPem, certFile);
    if (!certificate.ca) throw new FlotillaError('CERT_INVALID', `${certFile} is not an authority’s certificate`);
    if (!certificate.checkPrivateKey(key)) {
      throw new FlotillaError('CERT_INVALID', `${keyFile} and ${certFile} do not belong together; restore the pair`);
    }
    if (certificate.subject !== `CN=${authorityName(key)}`) {
      throw new FlotillaError('CERT_INVALID', `${certFile} is not a development authority; issue with its own tool`);
    }
    return new DevelopmentCa(certPem, keyPem, key, certificate);
  }

  /** An authority that is in memory only, over a given key or a new one. */
  static async ephemeral(days = CA_DAYS, keyPem = newKeyPem()): Promise<DevelopmentCa> {
    const key = parseKey(keyPem, 'ca.key');
    const subject = authorityName(key);
    const notBeforeMs = Date.now() - BACKDATE_MS;
    const notAfterMs = Date.now() + days * DAY_MS;
    const template = { subject, key, notBeforeMs, notAfterMs, names: [], authority: true };
    const certPem = await signCertificate(template, { subject, key });
    return new DevelopmentCa(certPem, keyPem, key, parseCertificate(certPem, 'ca.crt'));
  }

  get notAfterMs(): number {
    return Date.parse(this.certificate.validTo);
  }

  /** Whether `certificate` was signed by this authority. */
  issued(certificate: X509Certificate): boolean {
    return certificate.checkIssued(this.certificate) && certificate.verify(this.certificate.publicKey);
  }

  /**
   * Issues a node certificate: SAN URI `flotilla://ROLE/ID`, SAN DNS `ROLE.flotilla.internal`, the hosts, for server and
   * client authentication.
   *
   * @throws FlotillaError `ID_INVALID`, `OPTION_INVALID`; `CERT_INVALID` when the authority has expired
   */
  async issue(options: IssueOptions): Promise<IssuedCertificate> {
    const id = certifiableId(options.id);
    const key = options.key ?? parseKey(newKeyPem(), `${id}.key`);
    const latestMs = Math.min(Date.now() + (options.days ?? NODE_DAYS) * DAY_MS, this.notAfterMs);
    if (this.notAfterMs <= Date.now()) {
      throw new FlotillaError('CERT_INVALID', 'the authority has expired; run `flotilla certs init --force`');
    }
    const certPem = await this.sign({
      subject: id,
      key,
      notBeforeMs: options.notBefore?.getTime() ?? Date.now() - BACKDATE_MS,
      notAfterMs: options.notAfter?.getTime() ?? latestMs,
      names: nodeNames(options.role, id, options.hosts ?? []),
      authority: false,
    });
    return { certPem, keyPem: keyToPem(key) };
  }

  /** Signs anything: tests make certificates with it that `issue` would not. */
  sign(template: CertificateTemplate): Promise<string> {
    return signCertificate(template, { subject: authorityName(this.key), key: this.key });
  }
}

/** @throws FlotillaError `ID_INVALID`, also for `ca`, whose files would be the authority's. */
export function certifiableId(id: string): NodeId {
  if (id.toLowerCase() === 'ca') throw new FlotillaError('ID_INVALID', `node id "${id}" is reserved for the authority`);
  return nodeId(id);
}

export function caFiles(dir: string): { readonly certFile: string; readonly keyFile: string } {
  return { certFile: join(dir, 'ca.crt'), keyFile: join(dir, 'ca.key') };
}

/** @throws FlotillaError `CERT_INVALID`: not a private key that can sign for us. */
export function parseKey(pem: string, file: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    throw new FlotillaError('CERT_INVALID', `${file} is not a PEM private key`, { cause: error });
  }
  return key;
}

export function newKeyPem(): string {
  return keyToPem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
}

function keyToPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** The same for the same key, so that certificates made anew over it stay interchangeable. */
function authorityName(key: KeyObject): string {
  return `Flotilla development CA ${keyIdentifier(key).toString('hex', 0, 4)}`;
}

function required(file: string, advice: string): string {
  const text = readIfPresent(file);
  if (text === undefined) throw new FlotillaError('CERT_MISSING', `${file} is not there: ${advice}`);
  return text;
}

export const DAY_MS = 86_400_000;
const CA_DAYS = 3_650;
const NODE_DAYS = 365;
const BACKDATE_MS = 5 * 60_000;
