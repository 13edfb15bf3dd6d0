import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { PROJECT_ROOT, readProjectFile } from './project-root.js';
import { filesBelow, trackedFiles } from './tracked-files.js';

const LINES_MAX = 400;
const PRIVATE_KEY = /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{40}/;
const BINARY = /\.(?:png|ico|gif|jpe?g|woff2?|bin)$/;

const sources = filesBelow(join(PROJECT_ROOT, 'src')).filter((path) => path.endsWith('.ts'));
const tests = filesBelow(join(PROJECT_ROOT, 'test')).filter((path) => path.endsWith('.ts'));

/** Folders of `src`, and of `src/io` and `src/drivers`, which only group; without those that nobody imports from. */
function units(): string[] {
  const grouping = ['src/io', 'src/drivers'];
  const programs = ['src/cli', 'src/dashboard'];
  const folders = ['src', ...grouping].flatMap((parent) =>
    existsSync(join(PROJECT_ROOT, parent))
      ? readdirSync(join(PROJECT_ROOT, parent), { withFileTypes: true })
          .filter((entry) => entry.isDirectory())
          .map((entry) => `${parent}/${entry.name}`)
      : [],
  );
  return folders.filter(
    (folder) => ![...grouping, ...programs].includes(folder) && filesBelow(join(PROJECT_ROOT, folder)).length > 0,
  );
}

describe('the sources', () => {
  it(`have no file above ${LINES_MAX} lines`, () => {
    const long = sources.filter((path) => readProjectFile(path).split('\n').length > LINES_MAX);
    expect(long).to.deep.equal([]);
  });

  it('have an index.ts in every folder that others import from', () => {
    expect(units()).to.include('src/base');
    expect(units().filter((folder) => !existsSync(join(PROJECT_ROOT, folder, 'index.ts')))).to.deep.equal([]);
  });

  it('name their exports: no default export and no export of everything', () => {
    const loose = sources.filter((path) => /^export (?:default\b|\*)/m.test(readProjectFile(path)));
    expect(loose).to.deep.equal([]);
  });
});

describe('the tests', () => {
  it('are all run: none is marked only or skip', () => {
    const marked = tests.filter((path) =>
      /\b(?:describe|it)\.(?:only|skip)\(|\bx(?:it|describe)\(/.test(readProjectFile(path)),
    );
    expect(marked).to.deep.equal([]);
  });

  it('stand under a kind and an area: test/KIND/AREA/NAME.test.ts', () => {
    const place = /^test\/(?:unit|sim|integration|process)\/[a-z0-9-]+\/(?:[a-z0-9-]+\/)*[a-z0-9.-]+\.test\.ts$/;
    expect(tests.filter((path) => path.endsWith('.test.ts') && !place.test(path))).to.deep.equal([]);
  });
});

describe('the package', () => {
  it('has commands that the system can start', () => {
    const { bin } = JSON.parse(readProjectFile('package.json')) as { bin: Record<string, string> };
    const mains = Object.values(bin).map((path) => path.replace(/^dist\/(.*)\.js$/, '$1.ts'));
    expect(mains).to.not.deep.equal([]);
    for (const main of mains) expect(readProjectFile(main).split('\n')[0]).to.equal('#!/usr/bin/env node');
  });
});

describe('the repository', () => {
  it('holds no private key', () => {
    const keys = trackedFiles()
      .filter((path) => !BINARY.test(path) && existsSync(join(PROJECT_ROOT, path)))
      .filter((path) => /\.key$/.test(path) || PRIVATE_KEY.test(readProjectFile(path)));
    expect(keys).to.deep.equal([]);
  });
});
