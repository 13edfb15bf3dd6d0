import { expect } from 'chai';
import {
  checkExits,
  checkFailover,
  checkIndex,
  checkLoad,
  checkRestart,
  checkShares,
  type FailoverOutcome,
  type RestartOutcome,
} from '../../../examples/demo/checks.js';

const index = (terms: Record<string, number>, bytes = 10) => ({ terms: new Map(Object.entries(terms)), bytes });
const restart: RestartOutcome = {
  worker: 'w2',
  endedBy: 'SIGKILL',
  calls: 1_000,
  failed: 0,
  firstFailure: undefined,
  foreign: 0,
  callsWhileGone: 300,
  callsFromTheDead: 0,
  callsAfterReturn: 100,
};

const failover: FailoverOutcome = {
  director: 'd1',
  successor: 'd2',
  endedBy: 'SIGKILL',
  acknowledged: 1_000,
  failed: 0,
  firstFailure: undefined,
  writtenMeanwhile: 500,
  missing: 0,
};

describe('the demo', () => {
  it('accepts a failover that lost nothing, and refuses one that did not happen or lost something', () => {
    expect(checkFailover(failover, 0, undefined)).to.equal(undefined);
    expect(checkFailover({ ...failover, missing: 1 }, 0, undefined)).to.match(/1 of 1000 acknowledged writes are lost/);
    expect(checkFailover({ ...failover, failed: 2, firstFailure: 'x' }, 0, undefined)).to.match(/2 writes failed.*x/);
    expect(checkFailover({ ...failover, endedBy: 'code 0' }, 0, undefined)).to.match(/was to be killed/);
    expect(checkFailover({ ...failover, successor: 'd1' }, 0, undefined)).to.match(/leads although it is dead/);
    expect(checkFailover({ ...failover, writtenMeanwhile: 0 }, 0, undefined)).to.match(/nothing was written/);
    expect(checkFailover(failover, 3, 'y')).to.match(/3 calls to workers failed.*y/);
  });

  it('accepts an index that equals the reference', () => {
    expect(checkIndex(index({ a: 2, b: 1 }), index({ b: 1, a: 2 }))).to.equal(undefined);
  });

  it('refuses an index with a wrong count, a missing term or one too many, and names it', () => {
    expect(checkIndex(index({ a: 2, b: 1 }), index({ a: 3, b: 1 }))).to.match(/1 of 2 terms .*"a" 3 instead of 2/);
    expect(checkIndex(index({ a: 2, b: 1 }), index({ a: 2 }))).to.match(/1 of 2 terms .*"b" 0 instead of 1/);
    expect(checkIndex(index({ a: 2 }), index({ a: 2, c: 1 }))).to.match(/1 of 2 terms .*"c" 1 instead of 0/);
  });

  it('refuses an index made from fewer bytes than there are, and one of nothing', () => {
    expect(checkIndex(index({ a: 2 }, 10), index({ a: 2 }, 9))).to.equal('the workers saw 9 of 10 bytes');
    expect(checkIndex(index({}), index({}))).to.match(/no terms/);
  });

  it('refuses shares in which a worker got nothing, unless there was too little to go round', () => {
    const shares = (w3: number) =>
      new Map([
        ['w1', 20],
        ['w2', 20],
        ['w3', w3],
      ]);
    expect(checkShares('calls', shares(1))).to.equal(undefined);
    expect(checkShares('calls', shares(0))).to.equal('w3 got none of 40 calls');
    expect(
      checkShares(
        'calls',
        new Map([
          ['w1', 2],
          ['w2', 0],
        ]),
      ),
    ).to.equal(undefined);
  });

  it('refuses a load with a failed call, without calls, or answered by strangers', () => {
    const good = { calls: 10, failed: 0, firstFailure: undefined, foreign: 0 };
    expect(checkLoad(good)).to.equal(undefined);
    expect(checkLoad({ ...good, failed: 1, firstFailure: 'gone' })).to.equal(
      '1 of 11 calls failed, the first with: gone',
    );
    expect(checkLoad({ ...good, calls: 0 })).to.equal('no call was answered');
    expect(checkLoad({ ...good, foreign: 2 })).to.match(/no worker of the demo/);
  });

  it('refuses a restart that was none: another end than SIGKILL, or answers by the dead', () => {
    expect(checkRestart(restart)).to.equal(undefined);
    expect(checkRestart({ ...restart, endedBy: 'code 0' })).to.match(/was to be killed but ended code 0/);
    expect(checkRestart({ ...restart, callsFromTheDead: 1 })).to.match(/after it was dead/);
  });

  it('refuses a restart with a failed call, with a pause of all workers, or after which the worker stays idle', () => {
    expect(checkRestart({ ...restart, failed: 1, firstFailure: 'gone' })).to.match(/1 of 1001 calls failed/);
    expect(checkRestart({ ...restart, callsWhileGone: 0 })).to.match(/no call was answered while w2 was gone/);
    expect(checkRestart({ ...restart, callsAfterReturn: 0 })).to.match(/w2 took no calls after its restart/);
  });

  it('refuses nodes that do not end with code 0', () => {
    expect(checkExits(new Map([['d1', 'code 0']]))).to.equal(undefined);
    expect(
      checkExits(
        new Map([
          ['d1', 'code 0'],
          ['w1', 'SIGKILL'],
          ['w2', 'code 1'],
        ]),
      ),
    ).to.equal('not every node ended well: w1 with SIGKILL, w2 with code 1');
  });
});
