import { expect } from 'chai';
import { smokeRows } from './run-bench.js';

describe('npm run bench -- raft', function () {
  this.timeout(240_000);

  it('the smoke size yields every case of our own system and of the disk, all positive', async () => {
    const { rows, outcome } = await smokeRows('raft');
    const values = new Map(rows.map((row) => [`${row.case} ${row.system} ${row.metric}`, row.value]));
    for (const name of [
      ...['write-c1', 'write-c64', 'write-c512', 'linearizableRead-c256', 'leaseRead-c256', 'eventualRead-c256'],
      'embeddedWrite-c512',
    ]) {
      for (const metric of ['opsPerS', 'p50Ms', 'p99Ms']) {
        expect(values.get(`${name} flotilla ${metric}`), `${name} ${metric}`).to.be.greaterThan(0);
      }
    }
    expect(values.get('fdatasync-floor disk p50Ms')).to.be.greaterThan(0);
    for (const metric of ['p50Ms', 'p99Ms', 'p50ElectionTimeouts', 'p99ElectionTimeouts']) {
      expect(values.get(`leaderKill flotilla ${metric}`), metric).to.be.greaterThan(0);
    }
    expect(rows.every(({ suite, system }) => suite === 'raft' && system !== 'etcd')).to.equal(true);
    expect(outcome.stdout).to.contain('write-c512');
  });
});
