import { expect } from 'chai';
import { runCheckOn } from './fixture-tree.js';

const IMPURE: Readonly<Record<string, string>> = {
  'node:fs': "import { readFileSync } from 'node:fs';\nexport const text = readFileSync('x');\n",
  'node:timers/promises': "export { setTimeout } from 'node:timers/promises';\n",
  pino: "export { pino } from 'pino';\n",
  Date: 'export const now = () => Date.now();\n',
  'Math.random': 'export const draw = () => Math.random();\n',
  globalThis: "export const now = () => (globalThis as never)['performance'];\n",
  setTimeout: 'export const later = (f: () => void) => setTimeout(f, 1);\n',
  queueMicrotask: 'export const soon = (f: () => void) => queueMicrotask(f);\n',
  performance: 'export const text = () => `at ${performance.now()}`;\n',
  process: 'export const pid = () => process.pid;\n',
};

describe('the purity check', function () {
  this.timeout(60_000);

  it('lets a unit pass that only speaks of clocks and timers in comments and texts', () => {
    const text =
      "/** No Date here, no setTimeout. */\nexport const message = `process ${'the Date'}`;\n// Math.random\n";
    const { exitCode, output } = runCheckOn('purity.mjs', { 'src/wire/index.ts': text });
    expect(output).to.equal('purity: ok (wire)\n');
    expect(exitCode).to.equal(0);
  });

  it('lets Buffer pass', () => {
    const text = 'export const bytes = () => Buffer.alloc(1);\n';
    expect(runCheckOn('purity.mjs', { 'src/wire/index.ts': text }).exitCode).to.equal(0);
  });

  for (const [what, text] of Object.entries(IMPURE)) {
    it(`fails a unit that uses ${what}`, () => {
      const { exitCode, output } = runCheckOn('purity.mjs', { 'src/lanes/index.ts': text });
      expect(output).to.match(new RegExp(`^purity: src/lanes: .*${what}`));
      expect(exitCode).to.equal(1);
    });
  }

  it('sees through what a unit imports', () => {
    const { exitCode, output } = runCheckOn('purity.mjs', {
      'src/base/index.ts': "export { now } from './now.js';\n",
      'src/base/now.ts': 'export const now = () => Date.now();\n',
      'src/lanes/index.ts': "import { now } from '../base/index.js';\nexport const later = () => now() + 1;\n",
    });
    expect(output).to.include('purity: src/lanes: its bundle mentions Date');
    expect(exitCode).to.equal(1);
  });

  it('fails where there is nothing to check', () => {
    expect(runCheckOn('purity.mjs', { 'README.md': '' }).exitCode).to.equal(1);
  });
});
