import { expect } from 'chai';
import fc from 'fast-check';
import { checkKvHistory, checkLinearizable, KV_MODEL, type KvOperation } from '../../../src/testing/index.js';
import {
  anyHistory,
  cas,
  from,
  get,
  isLinearizableByTrial,
  operation,
  put,
  realHistory,
  remove,
  unheard,
} from './kv-histories.js';

function verdict(...history: KvOperation[]): string {
  return checkKvHistory(history).verdict;
}

describe('linearizability: good histories', () => {
  it('an empty one', () => {
    expect(verdict()).to.equal('linearizable');
  });

  it('a read beside a write sees either value', () => {
    const write = put('2', from(10, 20));
    expect(verdict(put('1', from(0, 5)), write, get('1', from(12, 18)))).to.equal('linearizable');
    expect(verdict(put('1', from(0, 5)), write, get('2', from(12, 18)))).to.equal('linearizable');
  });

  it('operations that touch at one instant may have any order', () => {
    expect(verdict(put('1', from(0, 10)), get(undefined, from(10, 20)))).to.equal('linearizable');
  });

  it('a write nobody heard of takes effect late, or never', () => {
    const lost = unheard(put('1', from(0, 5)));
    expect(verdict(lost, get(undefined, from(10, 20)), get('1', from(30, 40)))).to.equal('linearizable');
    expect(verdict(lost, get(undefined, from(10, 20)), get(undefined, from(30, 40)))).to.equal('linearizable');
  });

  it('a compare-and-set nobody heard of explains what is read later', () => {
    const lost = unheard(cas('1', '2', { type: 'swapped' }, from(10, 15)));
    expect(verdict(put('1', from(0, 5)), lost, get('2', from(20, 25)))).to.equal('linearizable');
  });

  it('one key knows nothing of another', () => {
    const other: KvOperation = { ...get('1', from(10, 20)), key: 'other' };
    expect(verdict(put('1', from(0, 5)), { ...other, output: { type: 'got', value: undefined } })).to.equal(
      'linearizable',
    );
  });
});

describe('linearizability: bad histories', () => {
  it('a stale read: the write before it was acknowledged', () => {
    expect(verdict(put('1', from(0, 5)), put('2', from(10, 20)), get('1', from(21, 30)))).to.equal('violated');
  });

  it('two reads beside a write that see new, then old', () => {
    const write = put('1', from(0, 100));
    expect(verdict(write, get('1', from(10, 20)), get(undefined, from(30, 40)))).to.equal('violated');
  });

  it('a lost write: acknowledged and never seen', () => {
    expect(verdict(put('1', from(0, 5)), get(undefined, from(6, 7)))).to.equal('violated');
  });

  it('a write that was executed twice', () => {
    const history = [put('1', from(0, 5)), put('2', from(6, 10)), get('2', from(11, 12)), get('1', from(13, 14))];
    expect(verdict(...history)).to.equal('violated');
  });

  it('a value out of thin air, and one from before its write began', () => {
    expect(verdict(get('9', from(0, 5)))).to.equal('violated');
    expect(verdict(get('1', from(0, 5)), put('1', from(6, 9)))).to.equal('violated');
  });

  it('two that both swapped the same value', () => {
    const first = cas(undefined, '1', { type: 'swapped' }, from(0, 10));
    const second = cas(undefined, '2', { type: 'swapped' }, from(0, 10));
    expect(verdict(first, second)).to.equal('violated');
  });

  it('a compare-and-set that was refused although it was executed', () => {
    const refused = cas('1', '2', { type: 'notSwapped', value: '2' }, from(10, 20));
    expect(verdict(put('1', from(0, 5)), refused, get('2', from(30, 40)))).to.equal('violated');
  });

  it('a delete of what was not there, and a wrong value before', () => {
    expect(verdict(remove(true, from(0, 5)))).to.equal('violated');
    expect(verdict(put('1', from(0, 5)), put('2', from(6, 9), { value: undefined }))).to.equal('violated');
  });

  it('a write nobody heard of cannot have come before it was asked for', () => {
    expect(verdict(get('1', from(0, 5)), unheard(put('1', from(10, 15))))).to.equal('violated');
  });

  it('are explained with the operations where they go wrong', () => {
    const { keys, explanation } = checkKvHistory([put('1', from(0, 5)), get('2', from(6, 9))]);
    expect(keys).to.deep.equal(['k']);
    expect(explanation).to.match(/#1 +client 0 0\.0\.\.5\.0 put 1 -> ok/);
    expect(explanation).to.match(/stuck +client 6 6\.0\.\.9\.0 get -> 2/);
  });
});

describe('linearizability: the search', () => {
  it('accepts what a real execution can look like', () => {
    fc.assert(
      fc.property(realHistory, (history) => {
        expect(checkKvHistory(history).verdict).to.equal('linearizable');
      }),
    );
  });

  it('refuses a real execution with one wrong read', () => {
    fc.assert(
      fc.property(realHistory, fc.nat(), (history, at) => {
        const moment = (at % history.length) * 100;
        const wrong = operation({ type: 'get' }, { type: 'got', value: 'never written' }, from(moment, moment));
        const { verdict: found, keys } = checkKvHistory([...history, { ...wrong, key: 'a' }]);
        expect([found, ...keys]).to.deep.equal(['violated', 'a']);
      }),
    );
  });

  it('finds exactly what trying every order finds', () => {
    const seen = { linearizable: 0, violated: 0, undecided: 0 };
    fc.assert(
      fc.property(anyHistory, (history) => {
        const { verdict: found } = checkLinearizable(history, KV_MODEL);
        seen[found] += 1;
        expect(found).to.equal(isLinearizableByTrial(history) ? 'linearizable' : 'violated');
      }),
      { numRuns: 2_000 },
    );
    expect(Math.min(seen.linearizable, seen.violated), 'of each kind').to.be.greaterThan(100);
  });

  it('gives up after the steps it may take', () => {
    const writes = Array.from({ length: 12 }, (_, at) => put(String(at), from(0, 100)));
    const wrong = get('never written', from(0, 100));
    const result = checkKvHistory([...writes, wrong], { stepsMax: 1_000 });
    expect(result).to.deep.equal({ verdict: 'undecided', keys: ['k'], explanation: '' });
    expect(checkKvHistory([...writes, wrong]).verdict).to.equal('violated');
  });

  it('remembers where it was: many writes of unknown outcome stay cheap', () => {
    const lost = Array.from({ length: 10 }, (_, at) => unheard(put(`lost ${at}`, from(at, at + 1))));
    const rest = Array.from({ length: 200 }, (_, at) => put(String(at), from(100 + at * 10, 105 + at * 10)));
    const result = checkLinearizable([...lost, ...rest], KV_MODEL);
    expect(result.verdict).to.equal('linearizable');
    expect(result.steps).to.be.lessThan(10_000);
  });
});
