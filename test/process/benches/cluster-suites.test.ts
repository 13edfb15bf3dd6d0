import { expect } from 'chai';
import { smokeRows } from './run-bench.js';

describe('npm run bench -- cluster', function () {
  this.timeout(120_000);

  it('the smoke size yields rate, percentiles, CPU and an even spread of calls over the workers', async () => {
    const { rows } = await smokeRows('cluster', '--case', 'leastConnections-64B-c256');
    const values = new Map(rows.map((row) => [row.metric, row.value]));
    expect(rows.every((row) => row.suite === 'cluster' && row.case === 'leastConnections-64B-c256')).to.equal(true);
    for (const metric of ['rps', 'p50Ms', 'p99Ms', 'clientCpuUsPerCall', 'serverCpuUsPerCall']) {
      expect(values.get(metric), metric).to.be.greaterThan(0);
    }
    expect(values.get('callsSpread')).to.be.within(1, 10);
  });

  it('the smoke size compares the strategies with one slow worker', async () => {
    const { rows } = await smokeRows('cluster', '--case', 'oneSlow-64B-c64');
    expect([...new Set(rows.map(({ system }) => system))]).to.deep.equal([
      'leastConnections',
      'roundRobin',
      'random',
      'p2c',
    ]);
    const figureOf = (system: string, metric: string) =>
      rows.find((row) => row.system === system && row.metric === metric)?.value;
    for (const system of ['leastConnections', 'roundRobin', 'random', 'p2c']) {
      for (const metric of ['callsPerS', 'p50Ms', 'p99Ms']) expect(figureOf(system, metric), metric).to.be.above(0);
    }
    expect(figureOf('roundRobin', 'slowShare')).to.be.above(figureOf('leastConnections', 'slowShare') as number);
  });

  it('the smoke size tells what callers notice of a worker that is killed', async () => {
    const { rows } = await smokeRows('cluster', '--case', 'workerKilled-64B-c64');
    const values = new Map(rows.map((row) => [row.metric, row.value]));
    expect(values.get('failedCalls')).to.equal(0);
    expect(values.get('longestGapMs')).to.be.above(0);
    expect(values.get('callsPerS')).to.be.above(0);
  });
});

describe('npm run bench -- memory', function () {
  this.timeout(120_000);

  it('the smoke size yields the memory of the worker after a tenth, half and all of the calls, and its slope', async () => {
    const { rows } = await smokeRows('memory');
    expect(rows.map((row) => row.case)).to.deep.equal(['after-10%', 'after-50%', 'after-100%', 'slope']);
    for (const row of rows.slice(0, 3)) expect(row).to.include({ metric: 'rssMb' }).and.have.property('value').above(1);
    expect(rows[3]).to.have.property('metric', 'rssMbPerMillionCalls');
    expect(rows[3]?.value).to.satisfy(Number.isFinite);
  });
});
