import { X509Certificate } from 'node:crypto';
import { FlotillaError, type NodeId, type NodeRole, parseIdentityUri } from '../base/index.js';
import { readIfPresent } from './files.js';
import { normalizeHosts } from './subject-names.js';

/** What a certificate says, as far as Flotilla looks. */
export interface CertificateInfo {
  /** From the one `flotilla://` URI among its names; `undefined` when there is none or more than one. */
  readonly identity: { readonly role: NodeRole; readonly id: NodeId } | undefined;
  /** DNS names, the role's TLS server name included. */
  readonly dnsNames: readonly string[];
  readonly addresses: readonly string[];
  readonly subject: string;
  readonly issuer: string;
  readonly authority: boolean;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SHA-256 of the DER bytes, lower-case hex: what a deny list names. */
  readonly fingerprint: string;
}

/**
 * Reads the first certificate of a PEM file.
 *
 * @throws FlotillaError `CERT_MISSING`, `CERT_INVALID` or `FILE_UNUSABLE`
 */
export function readCertificate(file: string): CertificateInfo {
  const pem = readIfPresent(file);
  if (pem === undefined) {
    throw new FlotillaError('CERT_MISSING', `${file} is not there; run \`flotilla certs init\` or name the directory`);
  }
  return describeCertificate(parseCertificate(pem, file));
}

/** @throws FlotillaError `CERT_INVALID`; `file` is named in the message. */
export function parseCertificate(pem: string, file: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new FlotillaError('CERT_INVALID', `${file} is not a PEM certificate`, { cause: error });
  }
}

/** Every certificate of a PEM file, in order. */
export function parseCertificates(pem: string, file: string): [X509Certificate, ...X509Certificate[]] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  const [first, ...rest] = blocks.map((block) => parseCertificate(block, file));
  if (first === undefined) throw new FlotillaError('CERT_INVALID', `${file} has no PEM certificate`);
  return [first, ...rest];
}

export function describeCertificate(certificate: X509Certificate): CertificateInfo {
  const names = alternativeNames(certificate.subjectAltName ?? '');
  const of = (type: string): string[] => names.filter((name) => name.type === type).map((name) => name.value);
  const identities = of('URI').filter((uri) => uri.startsWith('flotilla:'));
  return {
    identity: identities.length === 1 ? parseIdentityUri(identities[0] ?? '') : undefined,
    dnsNames: of('DNS'),
    addresses: normalizeHosts(of('IP Address')),
    subject: certificate.subject,
    issuer: certificate.issuer,
    authority: certificate.ca,
    notBeforeMs: Date.parse(certificate.validFrom),
    notAfterMs: Date.parse(certificate.validTo),
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
  };
}

/**
 * Splits `DNS:a, URI:b, IP Address:c`. Node quotes a value that holds a comma or a quote as JSON does, so that a name
 * cannot pretend to be two (CVE-2021-44532).
 */
function alternativeNames(text: string): { type: string; value: string }[] {
  return [...text.matchAll(/([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g)].map(([, type = '', value = '']) => ({
    type,
    value: value.startsWith('"') ? String(JSON.parse(value)) : value,
  }));
}
