import { expect } from 'chai';
import { formatAddress, parseAddress } from '../../../src/base/index.js';
import { DirectorList } from '../../../src/client/director-list.js';

function listOf(first: number, ...seeds: string[]): DirectorList {
  return new DirectorList(seeds.map(parseAddress), first);
}

function take(list: DirectorList, count: number): string[] {
  return Array.from({ length: count }, () => formatAddress(list.next()));
}

describe('the list of directors', () => {
  it('goes round, beginning where it is told', () => {
    expect(take(listOf(1, 'a:1', 'b:1', 'c:1'), 4)).to.deep.equal(['b:1', 'c:1', 'a:1', 'b:1']);
  });

  it('adds those it learns to those it began with, and forgets them for those it learns next', () => {
    const list = listOf(0, 'a:1');
    list.learn(['a:1', 'b:1', '[::1]:7']);
    expect(String(list)).to.equal('a:1, b:1, [::1]:7');
    list.learn(['c:1']);
    expect(String(list)).to.equal('a:1, c:1');
    list.learn([]);
    expect(list.size).to.equal(1);
  });

  it('goes on behind the present one when it learns', () => {
    const list = listOf(0, 'a:1');
    expect(take(list, 1)).to.deep.equal(['a:1']);
    list.learn(['a:1', 'b:1', 'c:1']);
    expect(take(list, 3)).to.deep.equal(['b:1', 'c:1', 'a:1']);
    expect(take(list, 2)).to.deep.equal(['b:1', 'c:1']);
    list.learn([]);
    expect(take(list, 2)).to.deep.equal(['a:1', 'a:1']);
  });

  it('leaves out what is no address, and what is too much', () => {
    const list = listOf(0, 'a:1');
    list.learn(['', 'b', 'b:0', 'b:99999', 'b:1:1', 'http://b:1', 'b:2']);
    expect(String(list)).to.equal('a:1, b:2');
    list.learn(Array.from({ length: 64 }, (_, port) => `b:${port + 1}`));
    expect(list.size).to.equal(33);
  });
});
