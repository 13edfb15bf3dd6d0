import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect } from 'chai';
import {
  DevelopmentCa,
  formatInitializedFile,
  type InitCertificatesOptions,
  initCertificates,
  readCertificate,
} from '../../../src/certs/index.js';
import { temporaryDirectory } from '../../support/certs.js';
import { rejects } from '../../support/rejects.js';

describe('initCertificates', () => {
  const few = { directors: 1, workers: 2, clients: 1 };
  const names = ['ca', 'd1', 'w1', 'w2', 'client'].flatMap((name) => [`${name}.crt`, `${name}.key`]);

  async function actions(options: InitCertificatesOptions): Promise<Record<string, string>> {
    return Object.fromEntries((await initCertificates(options)).map(({ file, action }) => [basename(file), action]));
  }

  function contents(dir: string): Record<string, string> {
    return Object.fromEntries(readdirSync(dir).map((name) => [name, readFileSync(join(dir, name), 'utf8')]));
  }

  it('writes an authority, a deny list and a certificate and key per node', async () => {
    const dir = join(temporaryDirectory(), 'certs');
    expect(Object.keys(await actions({ dir, ...few })).sort()).to.deep.equal([...names, 'denied.txt'].sort());
    expect(readdirSync(dir).sort()).to.deep.equal([...names, 'denied.txt'].sort());
    expect(readCertificate(join(dir, 'w2.crt')).identity).to.deep.equal({ role: 'worker', id: 'w2' });
    expect(readCertificate(join(dir, 'client.crt')).identity).to.deep.equal({ role: 'client', id: 'client' });
    expect(readCertificate(join(dir, 'd1.crt')).addresses).to.deep.equal(['127.0.0.1', '::1']);
    if (process.platform === 'win32') return;
    for (const key of names.filter((name) => name.endsWith('.key'))) {
      expect(statSync(join(dir, key)).mode & 0o777, key).to.equal(0o600);
    }
  });

  it('makes five directors, eight workers and one client unless told otherwise', async () => {
    const dir = temporaryDirectory();
    const files = Object.keys(await actions({ dir })).filter((name) => name.endsWith('.crt'));
    expect(files).to.deep.equal(
      ['ca', 'd1', 'd2', 'd3', 'd4', 'd5', 'w1', 'w2', 'w3', 'w4', 'w5', 'w6', 'w7', 'w8', 'client'].map(
        (name) => `${name}.crt`,
      ),
    );
  });

  it('changes nothing the second time', async () => {
    const dir = temporaryDirectory();
    await initCertificates({ dir, ...few });
    const before = contents(dir);
    expect(new Set(Object.values(await actions({ dir, ...few })))).to.deep.equal(new Set(['kept']));
    expect(contents(dir)).to.deep.equal(before);
  });

  it('adds what is missing and keeps the rest', async () => {
    const dir = temporaryDirectory();
    await initCertificates({ dir, ...few });
    const result = await actions({ dir, ...few, workers: 3 });
    expect(result).to.include({ 'w2.crt': 'kept', 'w3.crt': 'created', 'w3.key': 'created', 'ca.crt': 'kept' });
  });

  it('notes certificates that name other hosts and renews them only on request', async () => {
    const dir = temporaryDirectory();
    await initCertificates({ dir, ...few, hosts: ['localhost'] });
    const hosts = ['localhost', 'node.example'];
    const kept = (await initCertificates({ dir, ...few, hosts })).find(({ file }) => file.endsWith('w1.crt'));
    expect(kept && formatInitializedFile(kept)).to.equal(
      'kept     w1.crt (names other hosts; --renew issues it again)',
    );
    const key = readFileSync(join(dir, 'w1.key'), 'utf8');
    expect(await actions({ dir, ...few, hosts, renew: true })).to.include({ 'w1.crt': 'renewed', 'w1.key': 'kept' });
    expect(readCertificate(join(dir, 'w1.crt')).dnsNames).to.include('node.example');
    expect(readFileSync(join(dir, 'w1.key'), 'utf8')).to.equal(key);
    expect(await actions({ dir, ...few, hosts: hosts.toReversed(), renew: true })).to.include({ 'w1.crt': 'kept' });
  });

  it('renews what is near its end on request, with the hosts it had', async () => {
    const dir = temporaryDirectory();
    await initCertificates({ dir, ...few, days: 3, hosts: ['a.example'] });
    const noted = (await initCertificates({ dir, ...few })).find(({ file }) => file.endsWith('w1.crt'));
    expect(noted?.note).to.match(/^expires \d{4}-\d\d-\d\d; --renew/);
    expect(await actions({ dir, ...few, renew: true })).to.include({ 'w1.crt': 'renewed', 'ca.crt': 'kept' });
    expect(readCertificate(join(dir, 'w1.crt')).dnsNames).to.include('a.example');
  });

  it('says when the authority itself is near its end', async () => {
    const dir = temporaryDirectory();
    await DevelopmentCa.create({ dir, days: 7 });
    const [authority] = await initCertificates({ dir, ...few });
    expect(authority?.note).to.match(/^expires \d{4}-\d\d-\d\d; --force makes a new authority$/);
  });

  it('replaces everything with force', async () => {
    const dir = temporaryDirectory();
    await initCertificates({ dir, ...few });
    const before = contents(dir);
    const result = await actions({ dir, ...few, force: true });
    for (const name of names) {
      expect(result[name], name).to.equal('replaced');
      expect(readFileSync(join(dir, name), 'utf8')).to.not.equal(before[name]);
    }
    expect(result['denied.txt']).to.equal('kept');
  });

  it('stops with CERT_INVALID at a node certificate of another authority', async () => {
    const dir = temporaryDirectory();
    const { certPem, keyPem } = await (await DevelopmentCa.ephemeral()).issue({ role: 'worker', id: 'w1' });
    writeFileSync(join(dir, 'w1.crt'), certPem);
    writeFileSync(join(dir, 'w1.key'), keyPem);
    await rejects(initCertificates({ dir, ...few }), /w1\.crt was not signed by/, 'CERT_INVALID');
  });

  it('writes nothing when an option is wrong', async () => {
    const dir = join(temporaryDirectory(), 'certs');
    await rejects(initCertificates({ dir, hosts: ['no host'] }), /hosts has "no host"; allowed: /);
    await rejects(initCertificates({ dir, workers: -1 }), /option workers is -1; allowed: 0\.\.1000/);
    expect(existsSync(dir)).to.equal(false);
  });

  it('says so when the directory cannot be written', async () => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, '');
    await rejects(initCertificates({ dir: join(file, 'certs') }), /./, 'FILE_UNUSABLE');
  });
});
