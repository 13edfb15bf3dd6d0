import { expect } from 'chai';
import { findValue } from '../../../benches/harness/row.js';
import { smokeRows } from './run-bench.js';

describe('npm run bench -- gossip', function () {
  this.timeout(120_000);

  it('the smoke size yields detection, joins, false positives and cost of both systems, and the formula', async () => {
    const { rows } = await smokeRows('gossip', '--case', 'n=10');
    const metricsOf = (system: string) => rows.filter((row) => row.system === system).map(({ metric }) => metric);
    const measured = ['detectFirstMs', 'detectAllMs', 'joinAllMs'];
    for (const condition of ['loss0', 'loss10', 'loss25', 'stalls']) {
      measured.push(`falsePositivesPerNodeHour.${condition}`, `falseSuspicionsPerNodeHour.${condition}`);
    }
    measured.push('bytesPerNodeS', 'cpuUsPerNodeS');
    expect(metricsOf('flotilla')).to.deep.equal(measured);
    expect(metricsOf('flotilla-without-lifeguard')).to.deep.equal(measured);
    expect(findValue(rows, 'n=10', 'swim-formula', 'detectFirstMs')).to.be.closeTo(1_582, 1);
    for (const metric of ['detectFirstMs', 'detectAllMs', 'joinAllMs', 'bytesPerNodeS', 'cpuUsPerNodeS']) {
      expect(findValue(rows, 'n=10', 'flotilla', metric), metric).to.be.above(0);
    }
    expect(findValue(rows, 'n=10', 'flotilla', 'falsePositivesPerNodeHour.loss0')).to.equal(0);
  });
});
