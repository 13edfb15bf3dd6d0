import { expect } from 'chai';
import fc from 'fast-check';
import { FlotillaError } from '../../../src/base/index.js';
import { parseFilter } from '../../../src/client/filter.js';

const TAGS = { role: 'worker', zone: 'a', gpu: '' };

function matches(filter: string): boolean {
  return parseFilter(filter)(TAGS);
}

function messageOf(filter: string): string {
  try {
    parseFilter(filter);
  } catch (error) {
    expect(error).to.be.instanceOf(FlotillaError);
    expect((error as FlotillaError).code).to.equal('FILTER_INVALID');
    return (error as FlotillaError).message;
  }
  throw new Error(`${filter} was accepted`);
}

describe('parseFilter', () => {
  it('reads every kind of term', () => {
    for (const filter of [
      '',
      '  ',
      'role=worker',
      'role == worker',
      'zone!=b',
      'absent!=x',
      'zone in (a,b)',
      'zone in ( b , a )',
      'zone not in (b,c)',
      'absent not in (b)',
      'gpu',
      '!absent',
      'role=worker,zone=a',
      ' role = worker , !absent , zone in (a) ',
      'role="worker"',
    ]) {
      expect(matches(filter), filter).to.equal(true);
    }
  });

  it('refuses workers that do not fit', () => {
    for (const filter of [
      'role=director',
      'zone!=a',
      'absent=x',
      'zone in (b,c)',
      'absent in (a)',
      'zone not in (a,b)',
      'absent',
      '!gpu',
      'role=worker,zone=b',
      'role="wor ker"',
      'constructor',
      'toString!=x,absent',
    ]) {
      expect(matches(filter), filter).to.equal(false);
    }
  });

  it('takes a tag named in or not as a tag', () => {
    expect(parseFilter('in=x')({ in: 'x' })).to.equal(true);
    expect(parseFilter('not')({ not: '' })).to.equal(true);
    expect(parseFilter('in in (x)')({ in: 'x' })).to.equal(true);
  });

  it('points at the position of a mistake', () => {
    expect(messageOf('role=')).to.match(/expected a value at position 6, found its end/);
    expect(messageOf('role=worker,')).to.match(/expected a tag name at position 13, found its end/);
    expect(messageOf('=x')).to.match(/expected a tag name at position 1, found "="/);
    expect(messageOf('zone in a')).to.match(/expected "\(" at position 9, found "a"/);
    expect(messageOf('zone in (a')).to.match(/expected "," or "\)" at position 11, found its end/);
    expect(messageOf('zone near (a)')).to.match(/expected "=", "!=", "in", "not in" or "," at position 6/);
    expect(messageOf('zone not (a)')).to.match(/expected "in" after "not" at position 10/);
    expect(messageOf('a=b c=d')).to.match(/expected "," or the end at position 5, found "c"/);
    expect(messageOf('a="b')).to.match(/expected a closing quote for this one at position 3/);
  });

  it('reads any text as a filter or refuses it as FILTER_INVALID', () => {
    const token = fc.constantFrom('a', 'in', 'not', '(', ')', ',', '=', '!=', '!', '"', ' ', 'é', '\n');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(token).map((tokens) => tokens.join('')),
        ),
        (text) => {
          try {
            expect(parseFilter(text)(TAGS)).to.be.a('boolean');
          } catch (error) {
            expect((error as FlotillaError).code).to.equal('FILTER_INVALID');
          }
        },
      ),
    );
  });
});
