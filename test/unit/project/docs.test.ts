import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { PROJECT_ROOT, readProjectFile } from './project-root.js';
import { filesBelow } from './tracked-files.js';

const BOOK = 'book/src';
const chapters = filesBelow(join(PROJECT_ROOT, BOOK)).filter((path) => path.endsWith('.md'));
const pages = [
  ...chapters,
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'certs/README.md',
  'examples/README.md',
  'examples/cluster/README.md',
];
const scripts = Object.keys(JSON.parse(readProjectFile('package.json')).scripts);

/** All matches of `pattern` in the given pages, as the page and the first group. */
function findAll(paths: readonly string[], pattern: RegExp): { page: string; found: string }[] {
  return paths.flatMap((page) =>
    [...readProjectFile(page).matchAll(pattern)].map((match) => ({ page, found: match[1] ?? '' })),
  );
}

describe('the book', () => {
  it('shows the code that it includes, also where nobody builds it', () => {
    const blocks = findAll(chapters, /<!-- code (\S+) -->\n```ts\n\/\/ \S+\n/g);
    expect(blocks).to.not.deep.equal([]);
    expect(findAll(chapters, /<!-- code (\S+) -->/g)).to.deep.equal(blocks);
    expect(findAll(chapters, /(\{\{#include)/g)).to.deep.equal([]);
  });

  it('lists every chapter in its summary, and only those', () => {
    const listed = findAll([`${BOOK}/SUMMARY.md`], /\]\(([^)]+\.md)\)/g).map(({ found }) => `${BOOK}/${found}`);
    expect(listed.sort()).to.deep.equal(chapters.filter((path) => !path.endsWith('SUMMARY.md')).sort());
  });
});

describe('the documentation', () => {
  it('links only to files that exist', () => {
    const links = findAll(pages, /\]\(([^)#\s]+)(?:#[^)]*)?\)/g).filter(({ found }) => !/^[a-z]+:/.test(found));
    const broken = links.filter(({ page, found }) => !existsSync(join(PROJECT_ROOT, dirname(page), found)));
    expect(links).to.not.deep.equal([]);
    expect(broken).to.deep.equal([]);
  });

  it('names only scripts that package.json has', () => {
    const named = findAll(pages, /\bnpm run ([a-z:]+)/g);
    expect(named.filter(({ found }) => !scripts.includes(found))).to.deep.equal([]);
  });

  it('names only files of the sources that exist', () => {
    const named = findAll(pages, /`((?:src|test|\.ci)\/[a-z\d./-]+\.(?:c|m)?(?:ts|js))`/g);
    expect(named.filter(({ found }) => !existsSync(join(PROJECT_ROOT, found)))).to.deep.equal([]);
  });
});

describe('the command line page', () => {
  const page = readProjectFile(`${BOOK}/guide/command-line.md`);
  const code = filesBelow(join(PROJECT_ROOT, 'src/cli')).filter((path) => path.endsWith('.ts'));
  /** For processes that other processes start. */
  const unlisted = ['exit-with-parent'];
  const declared = new Set([...findAll(code, /'--([a-z-]+)[ ']/g).map(({ found }) => found), 'help']);

  it('has every flag', () => {
    const missing = [...declared].filter((flag) => !unlisted.includes(flag) && !page.includes(`--${flag}`));
    expect(declared).to.include('certs');
    expect(missing).to.deep.equal([]);
  });

  it('has no flag that no command takes', () => {
    const named = [...page.matchAll(/--([a-z]+(?:-[a-z]+)*)/g)].map((match) => match[1] ?? '');
    expect(named.filter((flag) => !declared.has(flag))).to.deep.equal([]);
  });
});

describe('the README', () => {
  const readme = readProjectFile('README.md');

  it('gives the two commands to try it, as they are', () => {
    expect(readme).to.include('\n```sh\nnpm ci && npm run demo\n```\n');
    expect(readme).to.include('\n```sh\nnpm ci && npm test\n```\n');
  });

  it('shows the example that is compiled and run', () => {
    const example = readProjectFile('examples/typed-service/readme.ts').trimEnd();
    expect(readme).to.include(`\n\`\`\`ts\n${example}\n\`\`\`\n`);
  });
});
