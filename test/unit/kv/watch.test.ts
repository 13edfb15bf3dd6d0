import { expect } from 'chai';
import fc from 'fast-check';
import { type KvWatch, prefixRange, RESERVED_PREFIX, singleKey } from '../../../src/kv/index.js';
import { contains, withoutReserved } from '../../../src/kv/key-range.js';
import { del, KvHarness, put, textOf } from './kv-harness.js';

function poll(watch: KvWatch, eventsMax = 1_000): string[] {
  const answer = watch.poll(eventsMax);
  if (answer.type === 'compacted') return [`compacted, oldest ${answer.oldestRevision}`];
  return answer.events.map(({ type, key, revision, item, previous }) => {
    const before = previous === undefined ? '' : ` was ${textOf(previous.value)}`;
    return `${revision} ${type} ${key}${item === undefined ? '' : `=${textOf(item.value)}`}${before}`;
  });
}

describe('kv: watches', () => {
  it('tell the history from their revision on, then what happens, each once', () => {
    const kv = new KvHarness();
    kv.apply(put('a', '1'), put('b', '1'), put('a', '2'));
    let woken = 0;
    const watch = kv.machine.watch({ range: prefixRange('a'), fromRevision: 2 }, () => {
      woken += 1;
    });
    expect(poll(watch)).to.deep.equal(['3 put a=2']);
    expect(poll(watch)).to.deep.equal([]);
    kv.apply(put('a', '3'), del('a'), put('b', '2'));
    expect(woken, 'once for the entry').to.equal(1);
    kv.apply(put('a', '4'));
    expect(woken, 'not again before it has polled').to.equal(1);
    expect(poll(watch)).to.deep.equal(['4 put a=3', '5 delete a', '7 put a=4']);
    kv.apply(put('b', '3'));
    expect(woken).to.equal(1);
  });

  it('are woken for their keys only, after the entry was applied', () => {
    const kv = new KvHarness();
    const woken: string[] = [];
    const wake = (name: string) => () => woken.push(`${name} at ${kv.machine.revision}`);
    kv.machine.watch({ range: singleKey('a'), fromRevision: 1 }, wake('key'));
    kv.machine.watch({ range: prefixRange('b'), fromRevision: 1 }, wake('prefix'));
    kv.machine.watch({ range: prefixRange('b'), fromRevision: 9 }, wake('later'));
    kv.apply(put('aa', '1'), put('b1', '1'));
    kv.apply(put('a', '1'));
    expect(woken).to.deep.equal(['prefix at 2', 'key at 3']);
  });

  it('are woken by, and told of, exactly the keys of their ranges, also while other watches come and go', () => {
    const text = fc.string({ unit: fc.constantFrom('\u0001', 'a', 'b', '\uffff'), maxLength: 2 });
    const ranges = fc.array(fc.tuple(text, fc.option(text, { nil: undefined })), { minLength: 1, maxLength: 4 });
    const keys = fc.array(
      text.filter((key) => key !== ''),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(ranges, keys, fc.nat(4), (all, written, cancelled) => {
        const kv = new KvHarness();
        const woken = new Set<number>();
        const watches = all.map(([from, to], i) =>
          kv.machine.watch({ range: { from, to }, fromRevision: 1 }, () => woken.add(i)),
        );
        watches[cancelled]?.cancel();
        for (const key of written) kv.apply(put(key, ''));
        for (const [i, watch] of watches.entries()) {
          const [from, to] = all[i] as (typeof all)[number];
          const wanted = written.filter((key) => contains(withoutReserved({ from, to }), key));
          expect(woken.has(i)).to.equal(wanted.length > 0 && i !== cancelled);
          const answer = watch.poll(100);
          expect(answer.type === 'events' && answer.events.map(({ key }) => key)).to.deep.equal(wanted);
        }
      }),
    );
  });

  it('give the value before when asked', () => {
    const kv = new KvHarness();
    kv.apply(put('a', '1'), put('a', '2'), del('a'), put('a', '3'));
    kv.apply({ type: 'compact', revision: 1 });
    const watch = kv.machine.watch({ range: singleKey('a'), fromRevision: 2, withPrevious: true }, () => undefined);
    expect(poll(watch)).to.deep.equal(['2 put a=2 was 1', '3 delete a was 2', '4 put a=3']);
  });

  it('miss nothing when only others’ history is let go of', () => {
    const kv = new KvHarness();
    const watches = [prefixRange('a'), singleKey('a')].map((range) =>
      kv.machine.watch({ range, fromRevision: 1 }, () => undefined),
    );
    kv.apply(put('a', '1'));
    for (const watch of watches) expect(poll(watch)).to.deep.equal(['1 put a=1']);
    kv.apply(...Array.from({ length: 10 }, (_, i) => put('b', `${i}`)), { type: 'compact', revision: 11 });
    for (const watch of watches) expect(poll(watch)).to.deep.equal([]);
    kv.apply(put('a', '2'), put('b', 'x'), { type: 'compact', revision: 11 });
    for (const watch of watches) expect(poll(watch)).to.deep.equal(['12 put a=2']);
    kv.apply(put('a', '3'), { type: 'compact', revision: 14 });
    for (const watch of watches) expect(poll(watch)).to.deep.equal(['compacted, oldest 15']);
  });

  it('say compacted when the history no longer reaches back, at the start and when they are slow', () => {
    const kv = new KvHarness();
    kv.apply(put('a', '1'), put('a', '2'), put('a', '3'));
    const slow = kv.machine.watch({ range: singleKey('a'), fromRevision: 1 }, () => undefined);
    expect(poll(slow, 1)).to.deep.equal(['1 put a=1']);
    kv.apply({ type: 'compact', revision: 2 });
    expect(poll(slow)).to.deep.equal(['compacted, oldest 3']);
    expect(poll(kv.machine.watch({ range: singleKey('a'), fromRevision: 2 }, () => undefined))).to.deep.equal([
      'compacted, oldest 3',
    ]);
    expect(poll(kv.machine.watch({ range: singleKey('a'), fromRevision: 3 }, () => undefined))).to.deep.equal([
      '3 put a=3',
    ]);
  });

  it('never split a revision', () => {
    const kv = new KvHarness();
    kv.apply(
      { type: 'txn', compare: [], thenOps: [put('b', ''), put('a', ''), put('c', '')], elseOps: [] },
      put('d', ''),
    );
    const watch = kv.machine.watch({ range: prefixRange(''), fromRevision: 1 }, () => undefined);
    expect(poll(watch, 2)).to.deep.equal(['1 put a=', '1 put b=', '1 put c=']);
    expect(poll(watch, 2)).to.deep.equal(['2 put d=']);
  });

  it('hear nothing after cancel', () => {
    const kv = new KvHarness();
    let woken = 0;
    const watches = [singleKey('a'), prefixRange('a')].map((range) =>
      kv.machine.watch({ range, fromRevision: 1 }, () => {
        woken += 1;
      }),
    );
    expect(kv.machine.watchCount).to.equal(2);
    for (const watch of watches) watch.cancel();
    kv.apply(put('a', '1'));
    expect([woken, kv.machine.watchCount]).to.deep.equal([0, 0]);
  });

  it('go on over a restored snapshot', async () => {
    const leader = new KvHarness();
    leader.apply(put('a', '1'), put('a', '2'));
    const follower = await leader.restored();
    let woken = 0;
    const watch = follower.machine.watch({ range: singleKey('a'), fromRevision: 1 }, () => {
      woken += 1;
    });
    expect(poll(watch)).to.deep.equal(['1 put a=1', '2 put a=2']);
    leader.apply(put('a', '3'), put('a', '4'));
    await follower.machine.restore(leader.machine.snapshot());
    expect(woken).to.equal(1);
    expect(poll(watch)).to.deep.equal(['3 put a=3', '4 put a=4']);
    leader.apply(put('a', '5'), { type: 'compact', revision: 5 });
    await follower.machine.restore(leader.machine.snapshot());
    expect(poll(watch)).to.deep.equal(['compacted, oldest 6']);
  });

  it('of users see nothing of the cluster’s', () => {
    const kv = new KvHarness();
    kv.apply({ command: put(`${RESERVED_PREFIX}k`, 'secret'), origin: 'cluster', session: undefined }, put('a', '1'));
    expect(poll(kv.machine.watch({ range: prefixRange(''), fromRevision: 1 }, () => undefined))).to.deep.equal([
      '2 put a=1',
    ]);
    const own = kv.machine.watch({ range: prefixRange(''), fromRevision: 1 }, () => undefined, 'cluster');
    expect(poll(own)).to.have.length(2);
  });
});
