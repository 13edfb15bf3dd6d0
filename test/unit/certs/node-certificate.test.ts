import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { DevelopmentCa, ensureNodeCertificate, readCertificate } from '../../../src/certs/index.js';
import { temporaryDirectory } from '../../support/certs.js';
import { rejects } from '../../support/rejects.js';

describe('ensureNodeCertificate', () => {
  const DAY_MS = 86_400_000;
  let dir: string;
  let ca: DevelopmentCa;

  beforeEach(async () => {
    dir = temporaryDirectory();
    ca = await DevelopmentCa.create({ dir });
  });

  function put(id: string, issued: { certPem: string; keyPem: string }): void {
    writeFileSync(join(dir, `${id}.crt`), issued.certPem);
    writeFileSync(join(dir, `${id}.key`), issued.keyPem);
  }

  it('issues a certificate when the authority’s key is there, and returns the same one again', async () => {
    const files = await ensureNodeCertificate({ dir, role: 'worker', id: 'w1', hosts: ['10.0.0.1'] });
    expect(files).to.deep.equal({
      caFile: join(dir, 'ca.crt'),
      certFile: join(dir, 'w1.crt'),
      keyFile: join(dir, 'w1.key'),
      denyFile: join(dir, 'denied.txt'),
    });
    const info = readCertificate(files.certFile);
    expect(info.identity).to.deep.equal({ role: 'worker', id: 'w1' });
    expect(info.addresses).to.deep.equal(['10.0.0.1']);
    await ensureNodeCertificate({ dir, role: 'worker', id: 'w1' });
    expect(readCertificate(files.certFile).fingerprint).to.equal(info.fingerprint);
    if (process.platform !== 'win32') expect(statSync(files.keyFile).mode & 0o777).to.equal(0o600);
  });

  it('leaves no temporary file behind', async () => {
    await ensureNodeCertificate({ dir, role: 'worker', id: 'w1' });
    expect(readdirSync(dir).sort()).to.deep.equal(['ca.crt', 'ca.key', 'w1.crt', 'w1.key']);
  });

  it('certifies the key that another process has already written', async () => {
    const { keyPem } = await ca.issue({ role: 'worker', id: 'w1' });
    writeFileSync(join(dir, 'w1.key'), keyPem);
    await ensureNodeCertificate({ dir, role: 'worker', id: 'w1' });
    expect(readFileSync(join(dir, 'w1.key'), 'utf8')).to.equal(keyPem);
  });

  it('says what to do when there is neither certificate nor authority key', async () => {
    rmSync(join(dir, 'ca.key'));
    await rejects(
      ensureNodeCertificate({ dir, role: 'worker', id: 'w1' }),
      /w1\.crt is not there and .* has no ca\.key to issue it; run `flotilla certs init/,
      'CERT_MISSING',
    );
  });

  it('uses an existing certificate without the authority’s key', async () => {
    put('w1', await ca.issue({ role: 'worker', id: 'w1' }));
    rmSync(join(dir, 'ca.key'));
    expect((await ensureNodeCertificate({ dir, role: 'worker', id: 'w1' })).certFile).to.equal(join(dir, 'w1.crt'));
  });

  it('uses an existing certificate when the authority’s key cannot be read', async () => {
    put('w1', await ca.issue({ role: 'worker', id: 'w1' }));
    rmSync(join(dir, 'ca.key'));
    mkdirSync(join(dir, 'ca.key'));
    expect((await ensureNodeCertificate({ dir, role: 'worker', id: 'w1' })).certFile).to.equal(join(dir, 'w1.crt'));
    await rejects(ensureNodeCertificate({ dir, role: 'worker', id: 'w2' }), /ca\.key cannot be read/, 'FILE_UNUSABLE');
  });

  it('refuses the certificate of another role or id', async () => {
    put('n1', await ca.issue({ role: 'director', id: 'n1' }));
    put('n2', await ca.issue({ role: 'worker', id: 'other' }));
    await rejects(
      ensureNodeCertificate({ dir, role: 'worker', id: 'n1' }),
      /of director n1, not of worker n1/,
      'CERT_INVALID',
    );
    await rejects(
      ensureNodeCertificate({ dir, role: 'worker', id: 'n2' }),
      /of worker other, not of worker n2/,
      'CERT_INVALID',
    );
  });

  it('refuses a key that is not the certificate’s', async () => {
    put('w1', await ca.issue({ role: 'worker', id: 'w1' }));
    writeFileSync(join(dir, 'w1.key'), (await ca.issue({ role: 'worker', id: 'w1' })).keyPem);
    await rejects(
      ensureNodeCertificate({ dir, role: 'worker', id: 'w1' }),
      /w1\.key does not belong to/,
      'CERT_INVALID',
    );
  });

  it('refuses a certificate of another authority', async () => {
    put('w1', await (await DevelopmentCa.ephemeral()).issue({ role: 'worker', id: 'w1' }));
    await rejects(
      ensureNodeCertificate({ dir, role: 'worker', id: 'w1' }),
      /w1\.crt was not signed by .*ca\.crt/,
      'CERT_INVALID',
    );
  });

  it('accepts several authorities in ca.crt, as during a change of authority', async () => {
    const old = await DevelopmentCa.ephemeral();
    put('w1', await old.issue({ role: 'worker', id: 'w1' }));
    rmSync(join(dir, 'ca.key'));
    writeFileSync(join(dir, 'ca.crt'), ca.certPem + old.certPem);
    expect((await ensureNodeCertificate({ dir, role: 'worker', id: 'w1' })).keyFile).to.equal(join(dir, 'w1.key'));
  });

  it('refuses an expired certificate that it cannot renew', async () => {
    put('w1', await ca.issue({ role: 'worker', id: 'w1', notAfter: new Date(Date.now() - DAY_MS) }));
    rmSync(join(dir, 'ca.key'));
    await rejects(
      ensureNodeCertificate({ dir, role: 'worker', id: 'w1' }),
      /w1\.crt expired on \d{4}-/,
      'CERT_INVALID',
    );
  });

  it('uses one near its end when the authority beside it cannot renew', async () => {
    const soon = new Date(Date.now() + DAY_MS);
    put('w1', await ca.issue({ role: 'worker', id: 'w1', notAfter: soon }));
    writeFileSync(join(dir, 'ca.key'), 'of another tool');
    const { certFile } = await ensureNodeCertificate({ dir, role: 'worker', id: 'w1' });
    expect(readCertificate(certFile).notAfterMs).to.be.below(soon.getTime() + 1);
  });

  it('renews one near its end over the same key and with the same hosts', async () => {
    const soon = new Date(Date.now() + DAY_MS);
    put('w1', await ca.issue({ role: 'worker', id: 'w1', hosts: ['a.example', '::1'], notAfter: soon }));
    const key = readFileSync(join(dir, 'w1.key'), 'utf8');
    const { certFile, keyFile } = await ensureNodeCertificate({ dir, role: 'worker', id: 'w1' });
    const info = readCertificate(certFile);
    expect(info.notAfterMs).to.be.above(Date.now() + 300 * DAY_MS);
    expect(info.dnsNames).to.deep.equal(['worker.flotilla.internal', 'a.example']);
    expect(info.addresses).to.deep.equal(['::1']);
    expect(readFileSync(keyFile, 'utf8')).to.equal(key);
  });
});
