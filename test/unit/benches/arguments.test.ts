import { expect } from 'chai';
import { parseBenchArguments, UsageError, usage } from '../../../benches/harness/arguments.js';

const SUITES = { rpc: { cases: ['a', 'b', 'c'], systems: ['x', 'y'] }, memory: { cases: [], systems: ['x'] } };

describe('the command line of the benches', () => {
  it('has defaults for everything but the suite', () => {
    expect(parseBenchArguments(['rpc'], SUITES)).to.deep.equal({
      suite: 'rpc',
      seconds: 2,
      warmupSeconds: 1,
      rounds: 3,
      jsonFile: undefined,
      cases: [],
      systems: [],
      ratePerSecond: undefined,
      calls: 10_000_000,
      smoke: false,
      check: false,
    });
  });

  it('takes cases and systems repeated or separated by commas', () => {
    const options = parseBenchArguments(['rpc', '--case', 'a,c', '--case', 'b', '--system=y'], SUITES);
    expect(options?.cases).to.deep.equal(['a', 'c', 'b']);
    expect(options?.systems).to.deep.equal(['y']);
  });

  it('the smoke size is small unless a flag says otherwise', () => {
    expect(parseBenchArguments(['rpc', '--smoke'], SUITES)).to.include({ seconds: 0.2, rounds: 1, calls: 5_000 });
    expect(parseBenchArguments(['rpc', '--smoke', '--seconds', '1.5'], SUITES)).to.include({ seconds: 1.5, rounds: 1 });
  });

  for (const [argv, text] of [
    [[], 'name a suite: rpc, memory'],
    [['toString'], 'unknown suite "toString"; the suites are: rpc, memory'],
    [['rpc', 'memory'], 'one suite per run, but got "memory" as well'],
    [['rpc', '--seconds', 'x'], '--seconds "x" is not a number from 0.05 to 3600'],
    [['rpc', '--seconds', ''], '--seconds "" is not a number from 0.05 to 3600'],
    [['rpc', '--rounds', '1.5'], '--rounds "1.5" is not a whole number'],
    [['rpc', '--rounds', '0'], '--rounds "0" is not a number from 1 to 100'],
    [['rpc', '--case', 'z'], '--case "z" is not one of a, b, c'],
    [['rpc', '--system', 'z'], '--system "z" is not one of x, y'],
    [['rpc', '--fast'], "Unknown option '--fast'"],
  ] as const) {
    it(`answers ${JSON.stringify(argv)} with ${text}`, () => {
      expect(() => parseBenchArguments(argv, SUITES)).to.throw(UsageError, text);
    });
  }

  it('prints the suites with their cases when asked for help', () => {
    expect(parseBenchArguments(['--help'], SUITES)).to.equal(undefined);
    expect(usage(SUITES)).to.contain('cases a, b, c; systems x, y');
  });
});
