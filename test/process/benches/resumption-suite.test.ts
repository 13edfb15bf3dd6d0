import { expect } from 'chai';
import { findValue } from '../../../benches/harness/row.js';
import { smokeRows } from './run-bench.js';

describe('npm run bench -- resumption', function () {
  this.timeout(120_000);

  it('the smoke size yields the time to the first reply of each case and its ratio to a full handshake', async () => {
    const { rows } = await smokeRows('resumption');
    expect(rows.map((row) => `${row.case} ${row.metric}`)).to.deep.equal([
      'full p50Ms',
      'full ratioToFull',
      'resumed p50Ms',
      'resumed ratioToFull',
      'zeroRtt p50Ms',
      'zeroRtt ratioToFull',
    ]);
    expect(findValue(rows, 'full', 'flotilla', 'ratioToFull')).to.equal(1);
    // A call cannot be answered in less than the round trip of the proxy.
    for (const row of rows.filter(({ metric }) => metric === 'p50Ms')) expect(row.value).to.be.at.least(20);
  });
});
