import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { nodeId } from '../../../src/base/index.js';
import { DevelopmentCa, readCertificate } from '../../../src/certs/index.js';
import { describeCertificate } from '../../../src/certs/read-certificate.js';
import { dnsName, nodeNames, type SubjectName } from '../../../src/certs/subject-names.js';
import { temporaryDirectory, testTls } from '../../support/certs.js';

describe('readCertificate', () => {
  async function identityOf(names: SubjectName[]): Promise<unknown> {
    const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const nowMs = Date.now();
    const template = { subject: 'x', key, notBeforeMs: nowMs, notAfterMs: nowMs + 60_000, names, authority: false };
    return describeCertificate(new X509Certificate(await (await DevelopmentCa.ephemeral()).sign(template))).identity;
  }

  it('reports identity, validity and the fingerprint that deny lists use', async () => {
    const { files, pem } = await testTls({ role: 'worker', id: 'w1' });
    const info = readCertificate(files.certFile);
    expect(info.identity).to.deep.equal({ role: 'worker', id: 'w1' });
    expect(info.fingerprint).to.match(/^[0-9a-f]{64}$/);
    expect(info.fingerprint).to.equal(new X509Certificate(pem.cert).fingerprint256.replaceAll(':', '').toLowerCase());
    expect(info.notBeforeMs).to.be.below(Date.now());
    expect(info.notAfterMs).to.be.above(Date.now());
    expect(info.authority).to.equal(false);
  });

  it('takes no identity from a certificate that names two or none', async () => {
    const one = nodeNames('worker', nodeId('w1'), []);
    expect(await identityOf(one)).to.deep.equal({ role: 'worker', id: 'w1' });
    expect(await identityOf([...one, ...nodeNames('director', nodeId('d1'), [])])).to.equal(undefined);
    expect(await identityOf([dnsName('worker.flotilla.internal')])).to.equal(undefined);
  });

  it('takes no identity from inside another name (CVE-2021-44532)', async () => {
    expect(await identityOf([dnsName('a, URI:flotilla://director/d1')])).to.equal(undefined);
    expect(await identityOf([dnsName('a", URI:flotilla://director/d1, DNS:"b')])).to.equal(undefined);
  });

  it('tells a missing file from one that is no certificate', () => {
    const dir = temporaryDirectory();
    expect(() => readCertificate(join(dir, 'w1.crt')))
      .to.throw(/run `flotilla certs init`/)
      .with.property('code', 'CERT_MISSING');
    writeFileSync(join(dir, 'w1.crt'), 'nonsense');
    expect(() => readCertificate(join(dir, 'w1.crt')))
      .to.throw(/w1\.crt is not a PEM certificate/)
      .with.property('code', 'CERT_INVALID');
    expect(() => readCertificate(dir))
      .to.throw(/cannot be read \(EISDIR\)/)
      .with.property('code', 'FILE_UNUSABLE');
  });
});

describe('testTls', () => {
  it('gives each kind of bad certificate its fault', async () => {
    const bad = async (fault: 'expired' | 'not-yet-valid' | 'no-identity' | 'wrong-role') =>
      readCertificate((await testTls({ role: 'worker', id: 'w1', fault })).files.certFile);
    expect((await bad('expired')).notAfterMs).to.be.below(Date.now());
    expect((await bad('not-yet-valid')).notBeforeMs).to.be.above(Date.now());
    expect((await bad('no-identity')).identity).to.equal(undefined);
    expect((await bad('wrong-role')).dnsNames).to.deep.equal(['director.flotilla.internal']);
    const rogue = await testTls({ role: 'worker', id: 'w1', fault: 'rogue' });
    expect(new X509Certificate(rogue.pem.cert).checkIssued(new X509Certificate(rogue.pem.ca))).to.equal(false);
  });

  it('makes each certificate once', async () => {
    expect(await testTls({ role: 'worker', id: 'w1' })).to.equal(await testTls({ role: 'worker', id: 'w1' }));
  });
});
