import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { PROJECT_ROOT } from '../../unit/project/project-root.js';
import { simulate } from './simulate.js';

const FOLDER = join(PROJECT_ROOT, 'test/regressions');

/** See `test/regressions/README.md`. */
interface Regression {
  readonly simulation: 'raft';
  readonly seeds: readonly number[];
  readonly found: string;
}

describe('raft simulation: seeds that failed once', () => {
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.json'))) {
    const { simulation, seeds, found } = JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Regression;
    it(`${file}: ${found}`, async function () {
      this.timeout(20_000 + seeds.length * 10_000);
      expect(simulation).to.equal('raft');
      for (const seed of seeds)
        expect((await simulate({ seed })).events, `events of seed ${seed}`).to.be.greaterThan(0);
    });
  }
});
