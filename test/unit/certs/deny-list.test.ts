import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { addToDenyList, initCertificates, parseDenyList, readDenyList } from '../../../src/certs/index.js';
import { temporaryDirectory } from '../../support/certs.js';

describe('deny list', () => {
  const a = 'a1'.repeat(32);
  const b = 'b2'.repeat(32);

  it('reads fingerprints in both notations and skips comments and empty lines', () => {
    const colons = (b.match(/../g) ?? []).join(':').toUpperCase();
    expect(parseDenyList(`# head\n\n${a} # stolen\r\n  ${colons}\n${a}\n`)).to.deep.equal([a, b]);
  });

  it('refuses a line it cannot read, with file and line, rather than admitting somebody', () => {
    expect(() => parseDenyList(`# head\n${a}\n${a}0\n`, 'certs/denied.txt'))
      .to.throw(/^certs\/denied\.txt:3: /)
      .with.property('code', 'CERT_INVALID');
  });

  it('adds a fingerprint once, with its note as a comment', () => {
    const dir = temporaryDirectory();
    expect(addToDenyList(dir, a.toUpperCase(), 'stolen\nlaptop')).to.equal(true);
    expect(addToDenyList(dir, a)).to.equal(false);
    expect(addToDenyList(dir, b)).to.equal(true);
    expect(readDenyList(dir)).to.deep.equal([a, b]);
    expect(readFileSync(join(dir, 'denied.txt'), 'utf8')).to.include(`${a} # stolen laptop\n`);
  });

  it('completes a last line that has no end before adding to it', () => {
    const dir = temporaryDirectory();
    writeFileSync(join(dir, 'denied.txt'), a);
    addToDenyList(dir, b);
    expect(readDenyList(dir)).to.deep.equal([a, b]);
  });

  it('refuses what is no fingerprint', () => {
    const dir = temporaryDirectory();
    expect(() => addToDenyList(dir, 'w1'))
      .to.throw(/"w1" is not a SHA-256/)
      .with.property('code', 'CERT_INVALID');
    expect(readDenyList(dir)).to.deep.equal([]);
  });

  it('starts empty after certs init', async () => {
    const dir = temporaryDirectory();
    await initCertificates({ dir, directors: 0, workers: 0, clients: 0 });
    expect(readDenyList(dir)).to.deep.equal([]);
  });
});
