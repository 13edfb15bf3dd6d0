import { expect } from 'chai';
import { rpcSuite } from '../../../benches/suites/rpc.js';
import { runBench, smokeRows } from './run-bench.js';

const METRICS = ['rps', 'p50Ms', 'p99Ms', 'clientCpuUsPerCall', 'serverCpuUsPerCall'];

describe('npm run bench -- rpc', function () {
  this.timeout(120_000);

  it('the smoke size yields every metric of every case and system, all positive, and a table of them', async () => {
    const { rows, outcome } = await smokeRows('rpc');
    const measured = new Set(rows.map((row) => `${row.case} ${row.system} ${row.metric}`));
    for (const caseName of rpcSuite.cases) {
      for (const system of rpcSuite.systems) {
        if (system === 'udp-echo' && !['unary-64B-c1', 'unary-64B-c64'].includes(caseName)) continue;
        for (const metric of METRICS) expect(measured).to.include(`${caseName} ${system} ${metric}`);
      }
    }
    for (const row of rows) {
      expect(row).to.have.all.keys('suite', 'case', 'system', 'metric', 'value', 'unit');
      expect(row.suite).to.equal('rpc');
      expect(row.value, JSON.stringify(row)).to.be.greaterThan(0);
    }
    expect(outcome.stdout).to.match(/machine .+ cores/);
    expect(outcome.stdout).to.contain(`Node.js ${process.version}`);
    for (const caseName of rpcSuite.cases) expect(outcome.stdout).to.contain(caseName);
  });

  it('an unknown suite and a wrong flag exit with 2 and say what is allowed', async () => {
    const suite = await runBench('raft9');
    expect(suite.exitCode).to.equal(2);
    expect(suite.stderr).to.match(/unknown suite "raft9"; the suites are: rpc/);
    const flag = await runBench('rpc', '--case', 'unary');
    expect(flag.exitCode).to.equal(2);
    expect(flag.stderr).to.contain('unary-64B-c1');
  });

  it('a file that cannot be written exits with 1 before anything is measured', async () => {
    const outcome = await runBench('rpc', '--smoke', '--json', '/nonexistent/rows.json');
    expect(outcome.exitCode).to.equal(1);
    expect(outcome.stderr).to.contain('/nonexistent/rows.json');
  });
});
