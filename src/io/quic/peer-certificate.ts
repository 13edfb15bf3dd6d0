import { X509Certificate } from 'node:crypto';
import { type NodeId, type NodeRole, type PeerIdentity, parseIdentityUri } from '../../base/index.js';

/** What a certificate says, kept per fingerprint so that a resumed handshake parses nothing. */
export interface CertificateFacts {
  readonly identity: PeerIdentity;
  readonly notBeforeMs: number;
}

/** The outcome of a check: who it is, or one line that says why not. */
export type PeerCheck =
  | { readonly accepted: true; readonly identity: PeerIdentity }
  | { readonly accepted: false; readonly why: string };

export interface PeerExpectation {
  readonly role?: NodeRole | undefined;
  readonly id?: NodeId | undefined;
}

/**
 * Reads and checks peers' certificates after the TLS handshake (which has verified the chain, except when resumed):
 * identity, role, validity and the deny list. At most 512 parsed certificates are kept, the least recently used go.
 */
export class PeerCertificates {
  private readonly known = new Map<string, CertificateFacts>();
  private readonly knownMax = 512;

  check(
    leaf: Uint8Array | undefined,
    expected: PeerExpectation,
    denied: ReadonlySet<string>,
    wallMs: number,
  ): PeerCheck {
    if (leaf === undefined) return refuse('the peer presented no certificate');
    const facts = this.facts(leaf);
    if (typeof facts === 'string') return refuse(facts);
    const { identity } = facts;
    const name = `${identity.role} ${identity.id}`;
    const trouble = validityTrouble(facts, denied, wallMs);
    if (trouble !== undefined) return refuse(`the certificate of ${name} ${trouble}`);
    if (expected.role !== undefined && identity.role !== expected.role) {
      return refuse(`the peer's certificate is for ${name}, expected a ${expected.role}`);
    }
    if (expected.id !== undefined && identity.id !== expected.id) {
      return refuse(`the peer's certificate is for ${name}, expected ${expected.id}`);
    }
    return { accepted: true, identity };
  }

  private facts(leaf: Uint8Array): CertificateFacts | string {
    const key = Buffer.from(leaf.buffer, leaf.byteOffset, leaf.length).toString('latin1');
    const known = this.known.get(key);
    if (known !== undefined) {
      this.known.delete(key);
      this.known.set(key, known);
      return known;
    }
    const facts = readCertificate(leaf);
    if (typeof facts === 'string') return facts;
    this.known.set(key, facts);
    if (this.known.size > this.knownMax) {
      const oldest = this.known.keys().next();
      if (oldest.done !== true) this.known.delete(oldest.value);
    }
    return facts;
  }
}

/** Why a certificate may not (or no longer) be used; `undefined` when it may. */
export function validityTrouble(
  facts: CertificateFacts,
  denied: ReadonlySet<string>,
  wallMs: number,
): string | undefined {
  if (denied.has(facts.identity.fingerprint)) return 'is on the deny list';
  if (wallMs > facts.identity.notAfterMs) return `expired at ${new Date(facts.identity.notAfterMs).toISOString()}`;
  if (wallMs < facts.notBeforeMs) return `is not valid before ${new Date(facts.notBeforeMs).toISOString()}`;
  return undefined;
}

/** Reads a certificate (DER or PEM); a string says what is wrong with it. */
export function readCertificate(certificate: Uint8Array | string): CertificateFacts | string {
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(certificate);
  } catch (error) {
    return `it cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
  const identities = (parsed.subjectAltName ?? '')
    .split(', ')
    .filter((name) => name.startsWith('URI:flotilla:'))
    .map((name) => parseIdentityUri(name.slice('URI:'.length)));
  const [identity] = identities;
  if (identity === undefined || identities.length !== 1) {
    return 'it carries no (or more than one) node identity: a URI name like flotilla://worker/w1 is needed';
  }
  return {
    identity: {
      id: identity.id,
      role: identity.role,
      notAfterMs: Date.parse(parsed.validTo),
      fingerprint: parsed.fingerprint256.replaceAll(':', '').toLowerCase(),
    },
    notBeforeMs: Date.parse(parsed.validFrom),
  };
}

function refuse(why: string): PeerCheck {
  return { accepted: false, why };
}

/** Why a certificate that was good at the handshake is so no more; `undefined` while it is. */
export function lapsed(peer: PeerIdentity, denied: ReadonlySet<string>, wallMs: number): string | undefined {
  const isDenied = denied.has(peer.fingerprint);
  if (!isDenied && wallMs <= peer.notAfterMs) return undefined;
  return `the certificate of ${peer.role} ${peer.id} ${isDenied ? 'is on the deny list' : 'has expired'}`;
}
