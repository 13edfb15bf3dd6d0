import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { ensureNodeCertificate, initCertificates } from '../../../src/certs/index.js';
import { temporaryDirectory } from '../../support/certs.js';

const isChild = process.env.FLOTILLA_CERTS_DIR !== undefined;

if (isChild) {
  process.once('message', async () => {
    const dir = process.env.FLOTILLA_CERTS_DIR ?? '';
    await initCertificates({ dir, directors: 1, workers: 1, clients: 0 });
    await ensureNodeCertificate({ dir, role: 'worker', id: 'w9' });
    process.disconnect();
  });
  process.send?.('ready');
} else {
  describe('certificates issued by several processes at once', () => {
    it('end as one authority and one fitting pair per node', async () => {
      const dir = temporaryDirectory();
      const children = Array.from({ length: 4 }, () =>
        fork(fileURLToPath(import.meta.url), { env: { ...process.env, FLOTILLA_CERTS_DIR: dir } }),
      );
      const exits = children.map((child) => once(child, 'exit'));
      await Promise.all(children.map((child) => once(child, 'message')));
      for (const child of children) child.send('go');
      for (const exit of exits) expect((await exit)[0]).to.equal(0);
      // Both check that key, certificate and authority fit.
      for (const id of ['w1', 'w9']) await ensureNodeCertificate({ dir, role: 'worker', id });
      await ensureNodeCertificate({ dir, role: 'director', id: 'd1' });
      const names = ['ca', 'd1', 'w1', 'w9'].flatMap((name) => [`${name}.crt`, `${name}.key`]);
      expect(readdirSync(dir).sort()).to.deep.equal([...names, 'denied.txt'].sort());
    }).timeout(60_000);
  });
}
