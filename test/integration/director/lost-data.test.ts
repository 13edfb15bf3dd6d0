import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { formatAddress } from '../../../src/index.js';
import { codeOf, Directors } from './directors.js';

describe('a director that lost a part of its data directory', function () {
  this.timeout(60_000);
  let directors: Directors;
  beforeEach(() => {
    directors = new Directors();
  });
  afterEach(() => directors.close());

  it('does not go on as a founder that has forgotten its votes', async () => {
    const director = await directors.start('d1', {});
    await director.close();
    const log = join(directors.dataDir('d1'), 'groups', '0', 'log');
    await rm(log, { recursive: true });
    expect(await codeOf(directors.start('d1', {}))).to.equal('MEMBER_DATA_LOST');
    // Refused is not repaired: the next start says the same.
    expect(await codeOf(directors.start('d1', {}))).to.equal('MEMBER_DATA_LOST');
  });

  it('does not go on as a member that was added and has forgotten its votes', async () => {
    const first = await directors.start('d1', {});
    const seed = formatAddress(first.address);
    await first.metadata.put('a', '1');
    await directors.add(first, 'd2');
    const second = await directors.start('d2', { join: seed });
    await second.close();
    await rm(join(directors.dataDir('d2'), 'groups'), { recursive: true });
    expect(await codeOf(directors.start('d2', { join: seed }))).to.equal('MEMBER_DATA_LOST');
  });

  it('does not found a cluster on the logs of another one', async () => {
    const director = await directors.start('d1', {});
    await director.metadata.put('a', 'of the cluster before');
    await director.close();
    await rm(join(directors.dataDir('d1'), 'node.json'));
    expect(await codeOf(directors.start('d1', {}))).to.equal('DATA_DIR_FOREIGN');
  });

  it('does not join a cluster with the logs of another one', async () => {
    const old = await directors.start('d2', {});
    await old.metadata.put('a', 'of the cluster before');
    await old.close();
    const first = await directors.start('d1', {});
    await directors.add(first, 'd2');
    await rm(join(directors.dataDir('d2'), 'node.json'));
    const seed = formatAddress(first.address);
    expect(await codeOf(directors.start('d2', { join: seed }))).to.equal('DATA_DIR_FOREIGN');
    // As the message says: with the old logs out of the way it joins, under the id that nobody has taken yet.
    await mkdir(join(directors.dataDir('d2'), 'aside'));
    await rename(join(directors.dataDir('d2'), 'groups'), join(directors.dataDir('d2'), 'aside', 'groups'));
    const second = await directors.start('d2', { join: seed });
    expect(second.clusterId).to.equal(first.clusterId);
  });
});
