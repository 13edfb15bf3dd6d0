import { expect } from 'chai';
import { NodeFileSystem } from '../../../src/io/disk/index.js';
import { RecycledSegments } from '../../../src/io/disk/recycled-segments.js';
import { SpareSegment } from '../../../src/io/disk/spare-segment.js';
import { SimulatedClock } from '../../../src/testing/index.js';
import { temporaryDirectory } from '../../support/certs.js';

const SIZE = 256 * 1024;

/** Counts files that are open. */
async function countedFiles() {
  const files = await NodeFileSystem.at(temporaryDirectory());
  const counts = { made: 0, open: 0 };
  const create = files.create.bind(files);
  files.create = async (name) => {
    counts.made += 1;
    const file = await create(name);
    counts.open += 1;
    const close = file.close.bind(file);
    file.close = async () => {
      counts.open -= 1;
      await close();
    };
    return file;
  };
  const recycled = new RecycledSegments({ files, clock: new SimulatedClock(), segmentBytes: SIZE });
  return { files, counts, recycled };
}

describe('the spare segment of a log', () => {
  it('is made once by those who want it in the same turn: two would write zeros into one file', async () => {
    const { files, counts, recycled } = await countedFiles();
    const spare = new SpareSegment(files, recycled);
    // As a log does when a full disk has room again: the next segment, and one for what waits.
    await Promise.all([spare.prepare(SIZE), spare.prepare(SIZE)]);
    expect(counts).to.deep.equal({ made: 1, open: 1 });
    await spare.close();
    expect(counts.open).to.equal(0);
  });

  it('is made once by those who wait for one that is too small', async () => {
    const { files, counts, recycled } = await countedFiles();
    const spare = new SpareSegment(files, recycled);
    const small = spare.prepare(1_024);
    await Promise.all([small, spare.prepare(SIZE), spare.prepare(SIZE)]);
    expect(spare.sizeBytes).to.equal(SIZE);
    expect(counts).to.deep.equal({ made: 2, open: 1 });
    await spare.close();
  });
});
