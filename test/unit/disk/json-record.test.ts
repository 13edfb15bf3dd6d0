import { expect } from 'chai';
import { type FlotillaError, Prng } from '../../../src/base/index.js';
import { JsonRecord } from '../../../src/io/disk/index.js';
import { systemClock } from '../../../src/io/system/index.js';
import { SimulatedDisk } from '../../../src/testing/index.js';

function setUp(seed = 1) {
  const disk = new SimulatedDisk({ clock: systemClock, random: new Prng(seed) });
  return { disk, record: () => new JsonRecord(disk.directory('node'), 'node.json') };
}

describe('io/disk: JSON record', () => {
  it('is nothing before the first write, and then what was written last', async () => {
    const { record } = setUp();
    expect(await record().read()).to.equal(undefined);
    await record().write({ id: 'd1' });
    await record().write({ id: 'd1', members: { 0: 7 } });
    expect(await record().read()).to.deep.equal({ id: 'd1', members: { 0: 7 } });
  });

  for (const seed of [1, 2, 3, 4, 5]) {
    it(`survives a crash whole: the new one or the old one (seed ${seed})`, async () => {
      const { disk, record } = setUp(seed);
      await record().write({ value: 'old' });
      const unfinished = record().write({ value: 'new' });
      await Promise.resolve();
      disk.crash();
      unfinished.catch(() => undefined);
      expect(await record().read()).to.satisfy((found: { value: string }) => ['old', 'new'].includes(found.value));
    });
  }

  it('keeps what a finished write wrote through a crash', async () => {
    const { disk, record } = setUp();
    await record().write({ value: 1 });
    disk.crash();
    expect(await record().read()).to.deep.equal({ value: 1 });
  });

  it('refuses a file that it did not write, and a disk that fails', async () => {
    const { disk, record } = setUp();
    await record().write({ value: 1 });
    const file = await disk.directory('node').open('node.json');
    await new Promise<void>((resolve) => file.writeDurably(Buffer.from('{{{'), 0, () => resolve()));
    const refused = await record()
      .read()
      .then(String, (error: FlotillaError) => error.code);
    expect(refused).to.equal('DATA_DIR_FOREIGN');
    disk.isFailing = true;
    const failed = await record()
      .write({ value: 2 })
      .then(String, (error: FlotillaError) => error.code);
    expect(failed).to.equal('DISK_FAILED');
  });
});
