import { DevelopmentCa } from '../../src/certs/index.js';
import type { TlsMaterial } from '../systems/types.js';

/** Certificates of one bench run, in memory only. */
export class BenchCertificates {
  private readonly ca = DevelopmentCa.ephemeral(1);

  async issue(role: 'director' | 'worker' | 'client', id: string): Promise<TlsMaterial> {
    const ca = await this.ca;
    const { certPem, keyPem } = await ca.issue({ role, id, hosts: ['localhost', '127.0.0.1'] });
    return { ca: ca.certPem, cert: certPem, key: keyPem };
  }
}
