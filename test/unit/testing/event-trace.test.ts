import { expect } from 'chai';
import fc from 'fast-check';
import { EventTrace } from '../../../src/testing/index.js';

function traceOf(lines: readonly string[], keptMax?: number): EventTrace {
  const trace = new EventTrace(keptMax);
  for (const line of lines) trace.record(line);
  return trace;
}

describe('testing: event trace', () => {
  it('has the same hash for the same lines only', () => {
    const lines = fc.array(fc.string(), { maxLength: 20 });
    fc.assert(
      fc.property(lines, lines, (a, b) => {
        const isSame = a.length === b.length && a.every((line, index) => line === b[index]);
        expect(traceOf(a).hash() === traceOf(b).hash()).to.equal(isSame);
      }),
    );
    expect(traceOf(['ab', 'c']).hash()).to.not.equal(traceOf(['a', 'bc']).hash());
    expect(traceOf(['x']).hash()).to.match(/^[0-9a-f]{16}$/);
  });

  it('hashes every line but keeps only the last ones', () => {
    const lines = ['1', '2', '3', '4', '5'];
    const trace = traceOf(lines, 3);
    expect(trace.tail()).to.deep.equal(['3', '4', '5']);
    expect(trace.count).to.equal(5);
    expect(trace.hash()).to.equal(traceOf(lines).hash());
    expect(traceOf(['1', '2'], 3).tail()).to.deep.equal(['1', '2']);
  });
});
