import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { PROJECT_ROOT } from './project-root.js';

/** Fails on its first try. */
const FLAKY = `let tries = 0;
describe('a server', () => {
  it('answers', async () => {
    tries += 1;
    if (tries === 1) throw new Error('no answer\\nfrom port 7');
  });
});
`;

describe('.ci/retry-hooks.cjs', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'flotilla-retry-'));
    for (const kind of ['unit', 'integration']) {
      mkdirSync(join(folder, 'test', kind), { recursive: true });
      writeFileSync(join(folder, 'test', kind, 'server.test.cjs'), FLAKY);
    }
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function run(kind: string, ...flags: string[]): { exitCode: number | null; stdout: string } {
    const mocha = join(PROJECT_ROOT, 'node_modules/mocha/bin/mocha.js');
    const hooks = join(PROJECT_ROOT, '.ci/retry-hooks.cjs');
    const args = [mocha, '--no-config', '--require', hooks, ...flags, `test/${kind}/server.test.cjs`];
    const { status, stdout } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
    return { exitCode: status, stdout };
  }

  for (const flags of [[], ['--parallel', '--jobs', '2']]) {
    it(`tries a test with real sockets twice, and says why (${['mocha', ...flags].join(' ')})`, () => {
      const { exitCode, stdout } = run('integration', ...flags);
      expect(exitCode).to.equal(0);
      expect(stdout).to.include('tried twice: a server answers: passed');
      expect(stdout).to.match(
        / first try: a server answers:\n +Error: no answer\n +from port 7\n +at .*server\.test\.cjs:5/,
      );
    });
  }

  it('fails a unit test that fails once', () => {
    const { exitCode, stdout } = run('unit');
    expect(exitCode).to.equal(1);
    expect(stdout).not.to.match(/tried twice|first try/);
  });
});
