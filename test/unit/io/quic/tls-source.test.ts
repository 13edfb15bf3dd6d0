import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadTlsMaterial } from '../../../../src/io/quic/tls-source.js';
import { systemClock } from '../../../../src/io/system/index.js';
import { temporaryDirectory, testTls } from '../../../support/certs.js';
import { rejects } from '../../../support/rejects.js';

describe('loadTlsMaterial', () => {
  const a = 'a1'.repeat(32);
  const b = 'b2'.repeat(32);

  async function withDenyFile(text?: string) {
    const denyFile = join(temporaryDirectory(), 'denied.txt');
    if (text !== undefined) writeFileSync(denyFile, text);
    return loadTlsMaterial({ ...(await testTls({ role: 'worker', id: 'w1' })).files, denyFile }, systemClock);
  }

  it('reads a deny list with line ends of either kind and comments', async () => {
    const { denied } = await withDenyFile(`# head\r\n${a} # stolen\r\n\r\n${b}\n`);
    expect([...denied]).to.deep.equal([a, b]);
  });

  it('takes a deny list that is not there for an empty one', async () => {
    expect((await withDenyFile()).denied.size).to.equal(0);
  });

  it('refuses to start with a deny list that cannot be read', async () => {
    const denyFile = join(temporaryDirectory(), 'denied.txt');
    mkdirSync(denyFile);
    const { files } = await testTls({ role: 'worker', id: 'w1' });
    await rejects(loadTlsMaterial({ ...files, denyFile }, systemClock), /denied\.txt cannot be read/, 'CERT_INVALID');
    await rejects(withDenyFile(`${a}\n${a}0\n`), /denied\.txt: .* is not a SHA-256 fingerprint/, 'CERT_INVALID');
  });

  it('says how to renew an expired certificate', async () => {
    const { files } = await testTls({ role: 'worker', id: 'w1', fault: 'expired' });
    await rejects(loadTlsMaterial(files, systemClock), /`flotilla certs init --renew`/, 'CERT_INVALID');
  });
});
