import { expect } from 'chai';
import fc from 'fast-check';
import { LIMITS } from '../../../src/base/index.js';
import { CallTable, type Expiring } from '../../../src/rpc/index.js';

interface Call extends Expiring {
  readonly name: number;
}

type Step =
  | { readonly type: 'add'; readonly deadlineMs: number }
  | { readonly type: 'answer' | 'giveUp'; readonly pick: number }
  | { readonly type: 'expire'; readonly nowMs: number }
  | { readonly type: 'stray'; readonly id: number };

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('add' as const), deadlineMs: deadlines() }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('answer' as const), pick: fc.nat(1_000) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('giveUp' as const), pick: fc.nat(1_000) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('expire' as const), nowMs: fc.nat(100) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('stray' as const), id: fc.nat(0xffff_ffff) }) },
);

function deadlines(): fc.Arbitrary<number> {
  return fc.oneof(fc.nat(100), fc.constant(Number.POSITIVE_INFINITY));
}

/** The table beside a model of it: a map of calls in progress and a set of ids whose answer is still to come. */
class Pair {
  readonly table = new CallTable<Call>();
  readonly waiting = new Map<number, Call>();
  readonly owed = new Set<number>();
  private names = 0;

  run(step: Step): void {
    switch (step.type) {
      case 'add':
        this.add(step.deadlineMs);
        break;
      case 'answer':
        this.answer(this.pick([...this.waiting.keys(), ...this.owed], step.pick));
        break;
      case 'giveUp':
        this.giveUp(this.pick([...this.waiting.keys(), ...this.owed], step.pick));
        break;
      case 'expire':
        this.expire(step.nowMs);
        break;
      case 'stray':
        if (!this.waiting.has(step.id) && !this.owed.has(step.id)) this.answer(step.id);
    }
  }

  check(): void {
    expect(this.table.size).to.equal(this.waiting.size);
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const [id, call] of this.waiting) {
      expect(this.table.get(id)).to.equal(call);
      earliestMs = Math.min(earliestMs, call.deadlineMs);
    }
    for (const id of this.owed) expect(this.table.get(id)).to.equal(undefined);
    expect(this.table.earliestMs).to.be.at.most(earliestMs);
  }

  private add(deadlineMs: number): void {
    const call = { name: this.names++, deadlineMs };
    const id = this.table.add(call);
    expect(id).to.be.within(0, 0xffff_ffff);
    expect(this.waiting.has(id), 'an id in use is not given again').to.equal(false);
    expect(this.owed.has(id), 'an id whose answer may come is not given again').to.equal(false);
    this.waiting.set(id, call);
  }

  private answer(id: number | undefined): void {
    if (id === undefined) return;
    expect(this.table.take(id)).to.equal(this.waiting.get(id));
    this.waiting.delete(id);
    this.owed.delete(id);
  }

  private giveUp(id: number | undefined): void {
    if (id === undefined) return;
    const call = this.waiting.get(id);
    expect(this.table.giveUp(id)).to.equal(call);
    if (call === undefined) return;
    this.waiting.delete(id);
    this.owed.add(id);
  }

  private expire(nowMs: number): void {
    const due = [...this.waiting].filter(([, call]) => call.deadlineMs <= nowMs);
    const visited: [number, Call][] = [];
    this.table.expire(nowMs, (call, id) => visited.push([id, call]));
    expect(visited.sort(byId)).to.deep.equal(due.sort(byId));
    for (const [id] of due) {
      this.waiting.delete(id);
      this.owed.add(id);
    }
    const left = Math.min(...[...this.waiting.values()].map((call) => call.deadlineMs), Number.POSITIVE_INFINITY);
    expect(this.table.earliestMs).to.equal(left);
  }

  private pick(ids: number[], number: number): number | undefined {
    return ids[number % Math.max(1, ids.length)];
  }
}

function byId([a]: [number, Call], [b]: [number, Call]): number {
  return a - b;
}

describe('CallTable', () => {
  const call = (name: number, deadlineMs = Number.POSITIVE_INFINITY): Call => ({ name, deadlineMs });

  it('behaves as a map whose ids are not given again while an answer may come', () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 200 }), (list) => {
        const pair = new Pair();
        for (const step of list) {
          pair.run(step);
          pair.check();
        }
      }),
    );
  });

  it('never gives the id of a call that was given up, however often generations go round', () => {
    const table = new CallTable<Call>();
    const abandoned = table.add(call(0));
    table.giveUp(abandoned);
    for (let i = 0; i < 3 * 65_536; i++) {
      const id = table.add(call(i));
      if (id === abandoned) expect.fail(`call ${i} got the id`);
      table.take(id);
    }
    expect(table.take(abandoned)).to.equal(undefined);
  });

  it('gives a late answer to nobody', () => {
    const table = new CallTable<Call>();
    const first = table.add(call(1));
    expect(table.take(first)?.name).to.equal(1);
    const second = table.add(call(2));
    expect(second).to.not.equal(first);
    expect(table.take(first)).to.equal(undefined);
    expect(table.get(second)?.name).to.equal(2);
  });

  it('gives -1 when all ids are taken, reserved ones included, and goes on when an answer has come', () => {
    const table = new CallTable<Call>();
    const ids = Array.from({ length: LIMITS.outstandingCallsMax }, (_, i) => table.add(call(i)));
    expect(new Set(ids).size).to.equal(LIMITS.outstandingCallsMax);
    expect(table.add(call(-1))).to.equal(-1);
    const given = ids[77] as number;
    table.giveUp(given);
    expect(table.add(call(-1))).to.equal(-1);
    table.take(given);
    expect(table.add(call(1))).to.be.at.least(0);
  });

  it('takes calls that are added while it expires or clears others', () => {
    const table = new CallTable<Call>();
    for (let i = 0; i < 5; i++) table.add(call(i, 10));
    table.expire(10, ({ name }) => table.add(call(name + 100, 5 + name)));
    expect(table.size).to.equal(5);
    expect(table.earliestMs).to.equal(5);
    const cleared: number[] = [];
    table.clear(({ name }) => {
      cleared.push(name);
      table.add(call(name + 100));
    });
    expect(cleared.sort()).to.deep.equal([100, 101, 102, 103, 104]);
    expect(table.size).to.equal(5);
  });
});
