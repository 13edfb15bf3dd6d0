import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { PROJECT_ROOT } from './project-root.js';

/** Stands in for npm: fails on the step named by FAIL_ON, and as `npm test` writes TOTALS where the reporter would. */
const NPM_STUB = `#!/bin/sh
if [ "$1" = test ] && [ -n "$TOTALS" ]; then echo "$TOTALS" > "$TEST_TOTALS_FILE"; fi
case "$*" in "$FAIL_ON"*) exit 1 ;; esac
`;

const STEPS = ['ci', 'run typecheck', 'run lint:style', 'run lint:layers', 'run lint:purity', 'run demo'];

describe('.ci/run', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'flotilla-ci-'));
    mkdirSync(join(folder, '.ci'));
    mkdirSync(join(folder, 'bin'));
    copyFileSync(join(PROJECT_ROOT, '.ci/run'), join(folder, '.ci/run'));
    writeFileSync(join(folder, 'bin/npm'), NPM_STUB, { mode: 0o755 });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function run(totals: string, failOn = 'nothing'): { exitCode: number | null; lastLine: string | undefined } {
    const env = { PATH: `${join(folder, 'bin')}:${process.env.PATH}`, TOTALS: totals, FAIL_ON: failOn };
    const { status, stdout } = spawnSync('bash', [join(folder, '.ci/run')], { env, encoding: 'utf8' });
    return { exitCode: status, lastLine: stdout.trimEnd().split('\n').at(-1) };
  }

  it('adds the tests to one count per other step', () => {
    expect(run('20 0 20')).to.deep.equal({ exitCode: 0, lastLine: '26 passed, 0 failed' });
  });

  for (const step of STEPS) {
    it(`fails when npm ${step} fails`, () => {
      const { exitCode, lastLine } = run('20 0 20', step);
      expect(exitCode).to.equal(1);
      expect(lastLine).to.match(/^\d+ passed, 1 failed$/);
    });
  }

  it('fails with the number of tests that failed', () => {
    expect(run('18 2 20', 'test')).to.deep.equal({ exitCode: 1, lastLine: '24 passed, 2 failed' });
  });

  it('fails when the test run ends with an error although no test failed', () => {
    expect(run('20 0 20', 'test')).to.deep.equal({ exitCode: 1, lastLine: '26 passed, 1 failed' });
  });

  it('fails when the test run did not get to its end', () => {
    expect(run('')).to.deep.equal({ exitCode: 1, lastLine: '6 passed, 1 failed' });
  });

  it('fails when no test ran', () => {
    expect(run('0 0 0')).to.deep.equal({ exitCode: 1, lastLine: '6 passed, 1 failed' });
  });
});
