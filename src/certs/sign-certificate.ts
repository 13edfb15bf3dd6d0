/**
 * Writes X.509 version 3 certificates (RFC 5280) with ECDSA P-256 keys and SHA-256 signatures, with the extensions that
 * BoringSSL asks of a chain. Everything that is read goes through OpenSSL (`node:crypto`).
 */
import type { Buffer } from 'node:buffer';
import { createHash, createPublicKey, type KeyObject, randomBytes, webcrypto } from 'node:crypto';
import type { SubjectName } from './subject-names.js';

export interface CertificateTemplate {
  /** Common name, 1-64 characters; for people only, nothing verifies it. */
  readonly subject: string;
  /** The public half goes into the certificate. */
  readonly key: KeyObject;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Subject alternative names; none for an authority. */
  readonly names: readonly SubjectName[];
  readonly authority: boolean;
}

/** Who signs: an authority's name and key. */
export interface Issuer {
  readonly subject: string;
  readonly key: KeyObject;
}

/** Returns the signed certificate as PEM. */
export async function signCertificate(template: CertificateTemplate, issuer: Issuer): Promise<string> {
  const x509 = await loadLibrary();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: [{ CN: [template.subject] }],
    issuer: [{ CN: [issuer.subject] }],
    notBefore: wholeSeconds(template.notBeforeMs),
    notAfter: wholeSeconds(template.notAfterMs),
    publicKey: new x509.PublicKey(spki(template.key)),
    signingKey: await signingKey(issuer.key),
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: await extensions(x509, template, issuer),
  });
  return `${certificate.toString('pem')}\n`;
}

/** SHA-1 of the public key's bits (RFC 5280, section 4.2.1.2, method 1): how a chain is put together, not a secret. */
export function keyIdentifier(key: KeyObject): Buffer {
  // The last 65 bytes of a P-256 SubjectPublicKeyInfo are the uncompressed point.
  return createHash('sha1').update(spki(key).subarray(-65)).digest();
}

type Library = typeof import('@peculiar/x509');

/** Only when something is issued: it takes 0.1 s and 24 MB, which a node that has its certificate need not pay. */
async function loadLibrary(): Promise<Library> {
  // The library asks for this polyfill of its decorators' metadata and does not bring it.
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

async function extensions(x509: Library, template: CertificateTemplate, issuer: Issuer) {
  const { KeyUsageFlags, ExtendedKeyUsage } = x509;
  const common = [
    await x509.SubjectKeyIdentifierExtension.create(new x509.PublicKey(spki(template.key))),
    await x509.AuthorityKeyIdentifierExtension.create(new x509.PublicKey(spki(issuer.key))),
  ];
  if (template.authority) {
    return [
      new x509.BasicConstraintsExtension(true, 0, true), // CA, no sub-CAs
      new x509.KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ...common,
    ];
  }
  const names = template.names.map(({ type, value }) => ({ type: GENERAL_NAME[type], value }));
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
    ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
    ...common,
  ];
}

function signingKey(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', pkcs8, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
}

/** Of a public key, or of the public half of a private one. */
function spki(key: KeyObject): Buffer {
  const publicKey = key.type === 'public' ? key : createPublicKey(key);
  return publicKey.export({ type: 'spki', format: 'der' });
}

/** Certificates have no fractions of a second (RFC 5280, section 4.1.2.5). */
function wholeSeconds(dateMs: number): Date {
  return new Date(Math.floor(dateMs / 1_000) * 1_000);
}

/** 126 random bits, positive and of a fixed length (RFC 5280, section 4.1.2.2: at most 20 octets), in hexadecimal. */
function randomSerial(): string {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial.toString('hex');
}

/** The library's words for the kinds of GeneralName. */
const GENERAL_NAME = { dns: 'dns', uri: 'url', ip: 'ip' } as const;
