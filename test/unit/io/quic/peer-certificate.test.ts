import { X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import { DevelopmentCa } from '../../../../src/certs/index.js';
import { PeerCertificates } from '../../../../src/io/quic/peer-certificate.js';

const NOBODY: ReadonlySet<string> = new Set();

describe('PeerCertificates', () => {
  let ca: DevelopmentCa;
  let der: Buffer;
  let fingerprint: string;
  const now = Date.now();

  before(async () => {
    ca = await DevelopmentCa.ephemeral();
    const issued = await ca.issue({ role: 'worker', id: 'w1', notAfter: new Date(now + 60_000) });
    const certificate = new X509Certificate(issued.certPem);
    der = certificate.raw;
    fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
  });

  const check = (
    leaf: Uint8Array | undefined,
    expected: { role?: 'worker' | 'director'; id?: string } = {},
    denied: ReadonlySet<string> = NOBODY,
    at = now,
  ) => new PeerCertificates().check(leaf, expected as never, denied, at);

  it('reads identity, fingerprint and end of validity', () => {
    const result = check(der, { role: 'worker', id: 'w1' });
    if (!result.accepted) throw new Error(result.why);
    expect(result.identity).to.include({ id: 'w1', role: 'worker', fingerprint });
    expect(result.identity.notAfterMs).to.be.within(now + 59_000, now + 60_000);
  });

  it('says why a certificate is refused', () => {
    const refused: [ReturnType<typeof check>, string][] = [
      [check(undefined), 'no certificate'],
      [check(Buffer.from('not a certificate')), 'cannot be read'],
      [check(new X509Certificate(ca.certPem).raw), 'node identity'],
      [check(der, { role: 'director' }), 'expected a director'],
      [check(der, { id: 'w2' }), 'expected w2'],
      [check(der, {}, new Set([fingerprint])), 'deny list'],
      [check(der, {}, NOBODY, now + 61_000), 'expired'],
      [check(der, {}, NOBODY, now - 24 * 3_600_000), 'not valid before'],
    ];
    for (const [result, why] of refused) {
      expect(result.accepted).to.equal(false);
      if (!result.accepted) expect(result.why).to.contain(why);
    }
  });

  it('checks validity and the deny list each time, also for a certificate it knows', () => {
    const certificates = new PeerCertificates();
    expect(certificates.check(der, {}, NOBODY, now).accepted).to.equal(true);
    expect(certificates.check(der, {}, new Set([fingerprint]), now).accepted).to.equal(false);
    expect(certificates.check(der, {}, NOBODY, now + 61_000).accepted).to.equal(false);
    expect(certificates.check(der, { role: 'director' }, NOBODY, now).accepted).to.equal(false);
  });
});
