import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect } from 'chai';
import { temporaryDirectory } from '../../support/certs.js';
import { endPrograms, Program, ROOT } from '../examples/program.js';

/** The process ids that the demo names. */
function pidsIn(output: string): number[] {
  return [...output.matchAll(/\(pid (\d+)\)/g)].map(([, pid]) => Number(pid));
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Resolves when none of the processes lives; the test's timeout is the limit. */
async function allGone(pids: readonly number[]): Promise<void> {
  while (pids.some(lives)) await wait(20);
}

describe('the demo', function () {
  this.timeout(120_000);
  afterEach(endPrograms);

  const dir = temporaryDirectory();
  const certs = join(dir, 'certs');
  const one = join(dir, 'one.txt');
  const two = join(dir, 'two.txt');
  writeFileSync(one, 'The quick brown fox jumps over the lazy dog. Größe, größe!\n'.repeat(50));
  writeFileSync(two, `${'constructor __proto__ 日本 x '.repeat(20_000)}end`);

  it('makes certificates, counts two files, loses a worker and the leader under load, and ends with ok and no process left', async () => {
    const demo = new Program('examples/demo/main', ['--certs', certs, one, two]);
    expect(await demo.ended, demo.output).to.deep.equal({ code: 0, signal: null });
    expect(demo.stderr).to.equal('');
    expect(demo.stdout).to.match(/\ndemo: ok\n$/);
    expect(demo.stdout).to.match(/made an authority and node certificates/);
    expect(demo.stdout).to.match(/the merged index equals the count of a single process in all 14 terms/);
    expect(demo.stdout).to.match(/most frequent: constructor 20,000, proto 20,000, x 20,000, 日本 20,000, /);
    expect(demo.stdout).to.match(/latency p50 .*, p90 .*, p99 .*, p99\.9 .*/);
    expect(demo.stdout).to.match(/calls by worker: w1 [\d,]+ \(\d+ %\), w2 .*, w3 /);
    expect(demo.stdout).to.match(/none of [\d,]+ calls failed/);
    const pids = pidsIn(demo.stdout);
    expect(demo.stdout).to.match(/writes were held up for .*; then d\d led/);
    expect(demo.stdout).to.match(/all [\d,]+ acknowledged writes are there/);
    // Six nodes, and the successors of the two that are killed.
    expect(new Set(pids).size).to.equal(8);
    expect(pids.filter(lives)).to.deep.equal([]);
  });

  it('says in one line that a file cannot be read, with exit code 2', async () => {
    const missing = join(dir, 'missing.txt');
    for (const [file, why] of [
      [missing, `cannot read ${missing}: there is no such file`],
      [dir, `${dir} is a directory: name text files`],
    ] as const) {
      const demo = new Program('examples/demo/main', [one, file]);
      expect((await demo.ended).code).to.equal(2);
      expect(demo.stderr).to.equal(`demo: ${why}\n`);
      expect(demo.stdout).to.equal('');
    }
  });

  it('refuses a flag that it does not have, with exit code 2', async () => {
    const demo = new Program('examples/demo/main', ['--fast']);
    expect((await demo.ended).code).to.equal(2);
    expect(demo.stderr).to.match(/^demo: .*'--fast'.*usage: .*\n$/);
  });

  it('leaves no process behind when it is interrupted', async () => {
    const demo = new Program('examples/demo/main', ['--certs', certs, one]);
    await demo.until(/ready after/);
    demo.kill('SIGINT');
    expect((await demo.ended).code).to.equal(1);
    expect(demo.stdout).to.match(/\ndemo: failed: interrupted by SIGINT\n$/);
    expect(pidsIn(demo.stdout)).to.have.length(6);
    await allGone(pidsIn(demo.stdout));
  });

  it('leaves no process behind when it is killed itself', async () => {
    const demo = new Program('examples/demo/main', ['--certs', certs, one]);
    await demo.until(/ready after/);
    demo.kill('SIGKILL');
    await demo.ended;
    expect(pidsIn(demo.stdout)).to.have.length(6);
    await allGone(pidsIn(demo.stdout));
  });

  for (const [service, why] of [
    [
      'miscounting',
      /^sabotage noticed: 1 of 9 terms differ from the count of a single process: "quick" 49 instead of 50$/m,
    ],
    ['failing', /^sabotage noticed: \d+ of \d+ calls failed, the first with: /m],
    ['dying', /^sabotage noticed: w\d ended with code 3/m],
  ] as const) {
    it(`fails, and leaves no process behind, with a ${service} service`, async () => {
      const serviceFile = join(ROOT, `dist/test/process/demo/${service}-service.js`);
      const demo = new Program('test/process/demo/sabotaged-demo', [serviceFile, certs, one]);
      expect((await demo.ended).code, demo.output).to.equal(1);
      expect(demo.stdout).to.match(why);
      await allGone(pidsIn(demo.stdout));
    });
  }
});
