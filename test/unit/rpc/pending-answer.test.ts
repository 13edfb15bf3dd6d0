import { expect } from 'chai';
import { PendingAnswer } from '../../../src/rpc/index.js';

describe('rpc: an answer that comes later', () => {
  function heard(answer: PendingAnswer<string>, ends: string[]): void {
    answer.listen({
      answered: (value) => ends.push(`answered ${value}`),
      failed: (error) => ends.push(`failed ${String(error)}`),
    });
  }

  it('is told within the call that gives it, and only its first end', () => {
    const ends: string[] = [];
    const answer = new PendingAnswer<string>();
    heard(answer, ends);
    expect(ends).to.deep.equal([]);
    answer.resolve('a');
    expect(ends).to.deep.equal(['answered a']);
    answer.resolve('b');
    answer.reject('c');
    expect(ends).to.deep.equal(['answered a']);
  });

  it('is told at once to who comes after its end', () => {
    const ends: string[] = [];
    const answer = new PendingAnswer<string>();
    answer.reject('no');
    heard(answer, ends);
    expect(ends).to.deep.equal(['failed no']);
  });

  it('can be awaited', async () => {
    const [good, bad] = [new PendingAnswer<string>(), new PendingAnswer<string>()];
    good.resolve('a');
    bad.reject(new Error('no'));
    expect(await good).to.equal('a');
    const error: unknown = await bad.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).to.be.instanceOf(Error).with.property('message', 'no');
  });
});
