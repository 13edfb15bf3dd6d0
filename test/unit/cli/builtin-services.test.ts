import { expect } from 'chai';
import fc from 'fast-check';
import { BUILTIN_SERVICES, type WordCounts } from '../../../src/cli/builtin-services.js';
import { rejects } from '../../support/rejects.js';

/** Calls a built-in method without a network; its handlers do not look at the context. */
async function call(service: string, method: string, input: unknown): Promise<unknown> {
  const found = BUILTIN_SERVICES.find((implementation) => implementation.service.name === service);
  return await found?.handlers[method]?.(input, undefined as never);
}

async function count(text: string): Promise<WordCounts> {
  return (await call('text', 'count', { text })) as WordCounts;
}

describe('the built-in services', () => {
  it('are idempotent', () => {
    for (const { service } of BUILTIN_SERVICES) {
      for (const [name, method] of Object.entries(service.methods)) {
        expect(method, `${service.name}.${name}`).to.include({ kind: 'unary', idempotent: true });
      }
    }
  });

  it('echo returns its input', async () => {
    for (const input of [undefined, null, 0, 'x', [1], { a: Buffer.from('b') }]) {
      expect(await call('echo', 'echo', input)).to.equal(input);
    }
  });

  it('text.count counts runs of letters and digits, in lower case', async () => {
    expect(await count('a b a')).to.deep.equal({ counts: { a: 2, b: 1 }, total: 3 });
    expect(await count('Grüße, GRÜSSE! 東京 2nd-x\n\tÉcole_école')).to.deep.equal({
      counts: { grüße: 1, grüsse: 1, 東京: 1, '2nd': 1, x: 1, école: 2 },
      total: 7,
    });
    expect(await count('')).to.deep.equal({ counts: {}, total: 0 });
    expect(await count(' .,-')).to.deep.equal({ counts: {}, total: 0 });
  });

  it('text.count counts words that objects inherit like all others', async () => {
    const { counts, total } = await count('constructor toString constructor __proto__ hasOwnProperty');
    expect(total).to.equal(5);
    expect(Object.entries(counts)).to.deep.equal([
      ['constructor', 2],
      ['tostring', 1],
      ['proto', 1],
      ['hasownproperty', 1],
    ]);
  });

  it('text.count loses no word of any text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('a', 'b', 'Ab', '9', 'constructor', 'ñ')), async (words) => {
        const { counts, total } = await count(words.join(' - '));
        const sum = Object.values(counts).reduce((before, each) => before + each, 0);
        return total === words.length && sum === total;
      }),
    );
  });

  it('text.count lets other calls in between in a long text', async () => {
    let turns = 0;
    let counting = true;
    const turn = (): void => {
      turns += 1;
      if (counting) setImmediate(turn);
    };
    setImmediate(turn);
    const { total } = await count('word '.repeat(100_000));
    counting = false;
    expect(total).to.equal(100_000);
    expect(turns).to.be.greaterThan(3);
  });

  it('text.count refuses anything but a text', async () => {
    for (const input of [undefined, null, 'text', {}, { text: 1 }, []]) {
      await rejects(call('text', 'count', input), /takes \{ text: string \}/, 'INVALID_ARGUMENT');
    }
  });
});
