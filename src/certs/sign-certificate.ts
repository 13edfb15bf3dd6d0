/**
 * Writes X.509 version 3 certificates (RFC 5280) with ECDSA P-256 keys and SHA-256 signatures, with the extensions that
 * BoringSSL asks of a chain. The writer is our own hundred lines of DER because the usual library needs a global
 * metadata polyfill and 0.1 s to load; everything that is read goes through OpenSSL (`node:crypto`).
 */
import type { Buffer } from 'node:buffer';
import { createHash, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import * as der from './der.js';
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
export function signCertificate(template: CertificateTemplate, issuer: Issuer): string {
  const subjectKey = createPublicKey(template.key);
  const body = der.sequence(
    der.tagged(0, der.integer(Uint8Array.of(2))), // version 3
    der.integer(randomSerial()),
    ECDSA_WITH_SHA256,
    commonName(issuer.subject),
    der.sequence(der.time(template.notBeforeMs), der.time(template.notAfterMs)),
    commonName(template.subject),
    subjectKey.export({ type: 'spki', format: 'der' }),
    der.tagged(3, der.sequence(...extensions(template, subjectKey, createPublicKey(issuer.key)))),
  );
  const signature = sign('sha256', body, { key: issuer.key, dsaEncoding: 'der' });
  const certificate = der.sequence(body, ECDSA_WITH_SHA256, der.bitString(signature));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** SHA-1 of the public key's bits (RFC 5280, section 4.2.1.2, method 1): how a chain is put together, not a secret. */
export function keyIdentifier(publicKey: KeyObject): Buffer {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  // The last 65 bytes of a P-256 SubjectPublicKeyInfo are the uncompressed point.
  return createHash('sha1').update(spki.subarray(-65)).digest();
}

function extensions(template: CertificateTemplate, subjectKey: KeyObject, issuerKey: KeyObject): Buffer[] {
  const common = [
    extension('2.5.29.14', false, der.octetString(keyIdentifier(subjectKey))),
    extension('2.5.29.35', false, der.sequence(der.taggedPrimitive(0, keyIdentifier(issuerKey)))),
  ];
  if (template.authority) {
    return [
      extension('2.5.29.19', true, der.sequence(der.boolean(true), der.integer(Uint8Array.of(0)))), // CA, no sub-CAs
      extension('2.5.29.15', true, der.bitString(Uint8Array.of(0b0000_0110), 1)), // keyCertSign, cRLSign
      ...common,
    ];
  }
  const names = der.sequence(...template.names.map((name) => der.taggedPrimitive(GENERAL_NAME[name.type], name.bytes)));
  return [
    extension('2.5.29.19', true, der.sequence()),
    extension('2.5.29.15', true, der.bitString(Uint8Array.of(0b1000_0000), 7)), // digitalSignature
    extension('2.5.29.37', false, der.sequence(SERVER_AUTH, CLIENT_AUTH)),
    ...(template.names.length > 0 ? [extension('2.5.29.17', false, names)] : []),
    ...common,
  ];
}

function extension(id: string, critical: boolean, value: Uint8Array): Buffer {
  return der.sequence(der.objectIdentifier(id), ...(critical ? [der.boolean(true)] : []), der.octetString(value));
}

function commonName(text: string): Buffer {
  return der.sequence(der.set(der.sequence(der.objectIdentifier('2.5.4.3'), der.utf8String(text))));
}

/** 126 random bits, positive and of a fixed length (RFC 5280, section 4.1.2.2: at most 20 octets). */
function randomSerial(): Uint8Array {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
}

const ECDSA_WITH_SHA256 = der.sequence(der.objectIdentifier('1.2.840.10045.4.3.2'));
const SERVER_AUTH = der.objectIdentifier('1.3.6.1.5.5.7.3.1');
const CLIENT_AUTH = der.objectIdentifier('1.3.6.1.5.5.7.3.2');

/** Context tags of GeneralName (RFC 5280, section 4.2.1.6). */
const GENERAL_NAME = { dns: 2, uri: 6, ip: 7 } as const;
