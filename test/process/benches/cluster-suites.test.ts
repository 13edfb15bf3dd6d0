import { expect } from 'chai';
import { smokeRows } from './run-bench.js';

describe('npm run bench -- cluster', function () {
  this.timeout(120_000);

  it('the smoke size yields rate, percentiles, CPU and an even spread of calls over the workers', async () => {
    const { rows } = await smokeRows('cluster');
    const values = new Map(rows.map((row) => [row.metric, row.value]));
    expect(rows.every((row) => row.suite === 'cluster' && row.case === 'leastConnections-64B-c256')).to.equal(true);
    for (const metric of ['rps', 'p50Ms', 'p99Ms', 'clientCpuUsPerCall', 'serverCpuUsPerCall']) {
      expect(values.get(metric), metric).to.be.greaterThan(0);
    }
    expect(values.get('callsSpread')).to.be.within(1, 10);
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
