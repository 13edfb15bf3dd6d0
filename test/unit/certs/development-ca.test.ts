import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { FlotillaError } from '../../../src/base/index.js';
import { DevelopmentCa } from '../../../src/certs/index.js';
import { describeCertificate } from '../../../src/certs/read-certificate.js';
import { temporaryDirectory } from '../../support/certs.js';

describe('DevelopmentCa', () => {
  let ca: DevelopmentCa;
  let authority: X509Certificate;

  before(async () => {
    ca = await DevelopmentCa.ephemeral();
    authority = new X509Certificate(ca.certPem);
  });

  it('issues certificates that its own certificate verifies', async () => {
    const certificate = new X509Certificate((await ca.issue({ role: 'worker', id: 'w1' })).certPem);
    expect(certificate.checkIssued(authority)).to.equal(true);
    expect(certificate.verify(authority.publicKey)).to.equal(true);
    expect(ca.issued(certificate)).to.equal(true);
    expect((await DevelopmentCa.ephemeral()).issued(certificate)).to.equal(false);
  });

  it('puts identity, server name and hosts into the alternative names', async () => {
    const hosts = ['Node1.Example.com', '127.0.0.1', '[::1]', '::ffff:10.0.0.1', 'fe80::1%eth0', '127.0.0.1'];
    const certificate = new X509Certificate((await ca.issue({ role: 'director', id: 'd1', hosts })).certPem);
    const info = describeCertificate(certificate);
    expect(info.identity).to.deep.equal({ role: 'director', id: 'd1' });
    expect(info.dnsNames).to.deep.equal(['director.flotilla.internal', 'node1.example.com']);
    expect(info.addresses).to.deep.equal(['127.0.0.1', '::1', '::ffff:a00:1', 'fe80::1']);
    expect(certificate.checkHost('director.flotilla.internal')).to.equal('director.flotilla.internal');
    expect(certificate.checkHost('worker.flotilla.internal')).to.equal(undefined);
    expect(certificate.checkIP('::1')).to.equal('::1');
  });

  it('marks node certificates for server and client authentication and not as authorities', async () => {
    const certificate = new X509Certificate((await ca.issue({ role: 'client', id: 'client' })).certPem);
    expect(certificate.keyUsage).to.deep.equal(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    expect(certificate.ca).to.equal(false);
    expect(authority.ca).to.equal(true);
  });

  it('returns a P-256 key in PKCS#8 that belongs to the certificate', async () => {
    const { certPem, keyPem } = await ca.issue({ role: 'worker', id: 'w1' });
    const key = createPrivateKey(keyPem);
    expect(keyPem).to.match(/^-----BEGIN PRIVATE KEY-----\n/);
    expect(key.asymmetricKeyDetails?.namedCurve).to.equal('prime256v1');
    expect(new X509Certificate(certPem).checkPrivateKey(key)).to.equal(true);
  });

  it('backdates a certificate by minutes and ends it with the authority', async () => {
    const info = describeCertificate(
      new X509Certificate((await ca.issue({ role: 'worker', id: 'w1', days: 99_999 })).certPem),
    );
    expect(info.notBeforeMs).to.be.below(Date.now() - 60_000);
    expect(info.notAfterMs).to.equal(ca.notAfterMs);
  });

  it('keeps given dates to the second, also past the year 2050 (RFC 5280, section 4.1.2.5)', async () => {
    const notBefore = new Date('2020-02-29T12:34:56Z');
    const notAfter = new Date('2051-01-01T00:00:00Z');
    const certificate = new X509Certificate(
      (await ca.issue({ role: 'worker', id: 'w1', notBefore, notAfter })).certPem,
    );
    expect(Date.parse(certificate.validFrom)).to.equal(notBefore.getTime());
    expect(Date.parse(certificate.validTo)).to.equal(notAfter.getTime());
  });

  it('gives every certificate another positive 16-byte serial', async () => {
    const issued = await Promise.all(Array.from({ length: 20 }, () => ca.issue({ role: 'worker', id: 'w1' })));
    const serials = issued.map(({ certPem }) => new X509Certificate(certPem).serialNumber);
    expect(new Set(serials).size).to.equal(20);
    for (const serial of serials) expect(serial).to.match(/^[4-7][0-9A-F]{31}$/);
  });

  it('refuses ids that are malformed or the authority’s, and hosts that are no name', async () => {
    expect(await codeOf(() => ca.issue({ role: 'worker', id: '../w1' }))).to.equal('ID_INVALID');
    expect(await codeOf(() => ca.issue({ role: 'worker', id: 'CA' }))).to.equal('ID_INVALID');
    for (const host of ['', 'a b', 'a..b', '-a', 'http://a', 'a,b', '1.2.3.4.5:x']) {
      expect(await codeOf(() => ca.issue({ role: 'worker', id: 'w1', hosts: [host] })), host).to.equal(
        'OPTION_INVALID',
      );
    }
  });

  it('creates the authority once and finds it again', async () => {
    const dir = join(temporaryDirectory(), 'deep', 'certs');
    const first = await DevelopmentCa.create({ dir });
    expect((await DevelopmentCa.create({ dir })).certPem).to.equal(first.certPem);
    expect(DevelopmentCa.load(dir).keyPem).to.equal(first.keyPem);
    expect((await DevelopmentCa.create({ dir, replace: true })).certPem).to.not.equal(first.certPem);
    if (process.platform !== 'win32') expect(statSync(join(dir, 'ca.key')).mode & 0o777).to.equal(0o600);
  });

  it('certifies the key that is there when an earlier run stopped before the certificate', async () => {
    const dir = temporaryDirectory();
    const before = await DevelopmentCa.create({ dir });
    const issued = new X509Certificate((await before.issue({ role: 'worker', id: 'w1' })).certPem);
    rmSync(join(dir, 'ca.crt'));
    const after = await DevelopmentCa.create({ dir });
    expect(after.keyPem).to.equal(before.keyPem);
    expect(after.issued(issued)).to.equal(true);
  });

  it('never makes a key beside the certificate of an authority that is somebody else’s', async () => {
    const dir = temporaryDirectory();
    await DevelopmentCa.create({ dir });
    rmSync(join(dir, 'ca.key'));
    expect(await codeOf(() => DevelopmentCa.create({ dir }))).to.equal('CERT_MISSING');
  });

  it('names what is wrong with an authority that cannot be used', async () => {
    const dir = temporaryDirectory();
    expect(await codeOf(() => DevelopmentCa.load(dir))).to.equal('CERT_MISSING');
    await DevelopmentCa.create({ dir });
    const good = readFileSync(join(dir, 'ca.crt'), 'utf8');
    writeFileSync(join(dir, 'ca.crt'), 'nonsense');
    expect(await codeOf(() => DevelopmentCa.load(dir))).to.equal('CERT_INVALID');
    writeFileSync(join(dir, 'ca.crt'), (await ca.issue({ role: 'worker', id: 'w1' })).certPem);
    expect(await codeOf(() => DevelopmentCa.load(dir))).to.equal('CERT_INVALID');
    writeFileSync(join(dir, 'ca.crt'), ca.certPem);
    expect(await codeOf(() => DevelopmentCa.load(dir)), 'key of another authority').to.equal('CERT_INVALID');
    writeFileSync(join(dir, 'ca.crt'), good);
    writeFileSync(join(dir, 'ca.key'), 'nonsense');
    expect(await codeOf(() => DevelopmentCa.load(dir))).to.equal('CERT_INVALID');
  });

  it('issues nothing once it has expired', async () => {
    const expired = await DevelopmentCa.ephemeral(-1);
    expect(await codeOf(() => expired.issue({ role: 'worker', id: 'w1' }))).to.equal('CERT_INVALID');
  });
});

async function codeOf(act: () => unknown): Promise<string> {
  try {
    await act();
  } catch (error) {
    expect(error).to.be.instanceOf(FlotillaError);
    expect((error as FlotillaError).message).to.not.include('\n');
    return (error as FlotillaError).code;
  }
  return 'no error';
}
