import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import * as base from '../../../src/base/index.js';
import * as config from '../../../src/config/index.js';
import { FLAG, FRAME, STREAM_KIND } from '../../../src/wire/index.js';
import { PROJECT_ROOT, readProjectFile } from './project-root.js';

interface Generator {
  generatedFiles(sources: {
    base: object;
    config: object;
    units: readonly object[];
    read(path: string): string;
  }): Readonly<Record<string, string>>;
}

const { UNITS } = createRequire(import.meta.url)(join(PROJECT_ROOT, '.ci/layers/table.cjs')) as { UNITS: object[] };

describe('pages made from tables in the code', () => {
  let files: Readonly<Record<string, string>>;
  before(async () => {
    const url = pathToFileURL(join(PROJECT_ROOT, '.ci/book/files.mjs')).href;
    const { generatedFiles } = (await import(url)) as Generator;
    files = generatedFiles({ base, config, units: UNITS, read: readProjectFile });
  });

  it('are current (npm run book:generate writes them)', () => {
    const stale = Object.entries(files).filter(
      ([path, text]) => !existsSync(join(PROJECT_ROOT, path)) || readProjectFile(path) !== text,
    );
    expect(stale.map(([path]) => path)).to.deep.equal([]);
  });

  it('name every error, limit and option', () => {
    const names = {
      'book/src/reference/errors.md': Object.keys(base.REASONS),
      'book/src/reference/limits.md': Object.keys(base.LIMITS),
      'book/src/reference/options.md': config.OPTION_DOCS.map((doc) => doc.key.split('.').at(-1)),
    };
    for (const [path, expected] of Object.entries(names)) {
      expect(expected.filter((name) => !files[path]?.includes(`\`${name}\``))).to.deep.equal([], path);
    }
  });
});

describe('the wire protocol page', () => {
  const page = readProjectFile('book/src/reference/wire-protocol.md');

  for (const [name, number] of Object.entries({ ...FRAME, ...FLAG })) {
    it(`has ${name} with its number`, () => {
      const hex = `0x${number.toString(16).padStart(2, '0')}`;
      expect(page).to.include(`| ${hex} | ${name} |`);
    });
  }

  for (const [name, number] of Object.entries(STREAM_KIND)) {
    it(`has the stream kind ${name} with its number`, () => {
      expect(page).to.include(`| ${number} | ${name.toLowerCase().replace('_', ' ')} |`);
    });
  }
});
