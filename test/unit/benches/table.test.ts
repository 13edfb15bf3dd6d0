import { expect } from 'chai';
import { checkGoals } from '../../../benches/harness/goal.js';
import type { Row } from '../../../benches/harness/row.js';
import { formatValue, renderTable } from '../../../benches/harness/table.js';

const ROWS: readonly Row[] = [
  row('c1', 'peer', 'rps', 2_000, 'calls/s'),
  row('c1', 'ours', 'rps', 5_000, 'calls/s'),
  row('c1', 'ours', 'p50Ms', 0.1234, 'ms'),
  row('c1', 'peer', 'p50Ms', 0.2468, 'ms'),
  row('c2', 'ours', 'rps', 50, 'calls/s'),
];

describe('the table of a bench', () => {
  it('has our system first and the ratio to each peer last', () => {
    expect(renderTable(ROWS, 'ours').split('\n')).to.deep.equal([
      'case  metric  unit      ours   peer  / peer',
      '----  ------  -------  -----  -----  ------',
      'c1    rps     calls/s  5,000  2,000    2.5x',
      '      p50Ms   ms       0.123  0.247    0.5x',
      'c2    rps     calls/s     50      -       -',
    ]);
  });

  it('has no ratios when our system did not run', () => {
    const peers = ROWS.filter(({ system }) => system === 'peer');
    expect(renderTable(peers, 'ours')).not.to.contain('/ peer');
  });

  it('groups thousands and keeps three digits of small numbers', () => {
    expect([123_456.7, 100, 99.96, 0.012345, 0].map(formatValue)).to.deep.equal([
      '123,457',
      '100',
      '100',
      '0.0123',
      '0',
    ]);
  });
});

describe('the goals of a bench', () => {
  it('compare a value with its bound, or a ratio with a peer in the same case', () => {
    const outcomes = checkGoals(
      [
        { case: 'c1', metric: 'rps', system: 'ours', atLeast: 5_000 },
        { case: 'c1', metric: 'rps', system: 'ours', against: { system: 'peer' }, atLeast: 3 },
        { case: 'c1', metric: 'p50Ms', system: 'ours', against: { system: 'peer' }, atMost: 0.5 },
        { case: 'c2', metric: 'rps', system: 'ours', against: { case: 'c1' }, atMost: 0.01 },
      ],
      ROWS,
    );
    expect(outcomes.map(({ reached }) => reached)).to.deep.equal([true, false, true, true]);
    expect(outcomes[1]?.text).to.equal('goal MISSED   c1 rps / peer: 2.5x (at least 3x)');
  });

  it('leave out what did not run', () => {
    expect(checkGoals([{ case: 'c3', metric: 'rps', system: 'ours', atLeast: 1 }], ROWS)).to.deep.equal([]);
    const peerless = { case: 'c2', metric: 'rps', system: 'ours', against: { system: 'peer' }, atLeast: 1 };
    expect(checkGoals([peerless], ROWS)).to.deep.equal([]);
  });
});

function row(caseName: string, system: string, metric: string, value: number, unit: string): Row {
  return { suite: 's', case: caseName, system, metric, value, unit };
}
