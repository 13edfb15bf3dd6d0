import { join } from 'node:path';
import { expect } from 'chai';
import { JsonRecord, NodeFileSystem } from '../../../src/io/disk/index.js';
import { temporaryDirectory } from '../../support/certs.js';

/** Records of different lengths, the longest in the middle. */
const RECORDS = [1, 400, 7, 90, 3].map((names, number) => ({
  number,
  names: Array.from({ length: names }, (_, at) => `name ${at}`),
}));

describe('a record in a JSON file', () => {
  it('is the last one that was written, however many are written at once', async () => {
    for (let round = 0; round < 20; round += 1) {
      const files = await NodeFileSystem.at(join(temporaryDirectory(), 'data'));
      const record = new JsonRecord(files, 'node.json');
      await Promise.all(RECORDS.map((value) => record.write(value)));
      expect(await record.read()).to.deep.equal(RECORDS.at(-1));
      expect(await files.list()).to.deep.equal(['node.json']);
    }
  });
});
