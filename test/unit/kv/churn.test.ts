import { expect } from 'chai';
import fc from 'fast-check';
import { Prng } from '../../../src/base/index.js';
import { type KvWatch, prefixRange, type TxnOp, type WatchEvent } from '../../../src/kv/index.js';
import type { KvState } from '../../../src/kv/kv-state.js';
import { del, get, KvHarness, put, range } from './kv-harness.js';

interface Version {
  readonly key: string;
  readonly revision: number;
  readonly value: string | undefined;
}

/** Every change there has been, looked through from its beginning for every question. */
class Plain {
  readonly versions: Version[] = [];
  revision = 0;

  change(changes: readonly { readonly key: string; readonly value: string | undefined }[]): void {
    const all = changes.filter(({ key, value }) => value !== undefined || this.at(key, this.revision) !== undefined);
    if (all.length > 0) this.revision += 1;
    for (const { key, value } of all) this.versions.push({ key, revision: this.revision, value });
  }

  at(key: string, revision: number): string | undefined {
    return this.versions.findLast((one) => one.key === key && one.revision <= revision)?.value;
  }

  contents(keys: readonly string[], revision: number): string[] {
    return keys.flatMap((key) => {
      const value = this.at(key, revision);
      return value === undefined ? [] : [`${key}=${value}`];
    });
  }

  /** Keys and values of what revisions from `forgotten` on need, the ends of keys after it included. */
  bytes(forgotten: number): number {
    let bytes = 0;
    const counted = new Set<string>();
    for (const { key, revision, value } of [...this.versions].reverse()) {
      const isNeeded = revision > forgotten || (!counted.has(key) && value !== undefined);
      if (revision <= forgotten) counted.add(key);
      if (isNeeded) bytes += key.length + (value?.length ?? 0);
    }
    return bytes;
  }
}

const KEYS = Array.from({ length: 30 }, (_, i) => `key${String(i).padStart(3, '0')}`);

function stateOf({ machine }: KvHarness): KvState {
  return (machine as unknown as { readonly state: KvState }).state;
}

/** Commands that change what is there, over and over, with small and large values. */
class Churn {
  readonly kv = new KvHarness();
  readonly plain = new Plain();
  readonly random: Prng;

  constructor(seed: string) {
    this.random = new Prng(seed);
  }

  step(): void {
    const { kv, random, plain } = this;
    const roll = random.int(100);
    if (roll < 3) {
      // Mostly the near past, so that forgetting keeps up.
      const back = random.int(random.int(4) === 0 ? 200 : 20);
      const revision = Math.max(kv.machine.compactRevision, kv.machine.revision - back);
      kv.answer('compacted', { type: 'compact', revision });
    } else if (roll < 15) {
      const keys = [...new Set(Array.from({ length: 4 }, () => this.key()))];
      const ops: TxnOp[] = keys.map((key) => (random.int(3) === 0 ? del(key) : put(key, this.value())));
      kv.answer('txn', { type: 'txn', compare: [], thenOps: ops, elseOps: [] });
      const sorted = ops.map((op) =>
        op.type === 'put'
          ? { key: op.key, value: Buffer.from(op.value).toString() }
          : { key: (op as { range: { from: string } }).range.from, value: undefined },
      );
      plain.change(sorted);
    } else if (roll < 25) {
      const key = this.key();
      kv.answer('delete', del(key));
      plain.change([{ key, value: undefined }]);
    } else {
      const key = this.key();
      const value = this.value();
      kv.answer('put', put(key, value));
      plain.change([{ key, value }]);
    }
  }

  /** The first keys are written much more often than the last ones. */
  private key(): string {
    return KEYS[this.random.int(this.random.int(KEYS.length) + 1)] as string;
  }

  private value(): string {
    const sizes = [0, 5, 100, 600, 2_000, this.random.int(20) === 0 ? 20_000 : 5_000];
    return String.fromCharCode(97 + this.random.int(26)).repeat(sizes[this.random.int(sizes.length)] as number);
  }
}

describe('kv: a store under change', () => {
  const seeds = fc.string({ minLength: 5, maxLength: 5 });

  it('agrees with a plain history on every readable revision and on its bytes', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const churn = new Churn(seed);
        const { kv, plain } = churn;
        for (let i = 0; i < 600; i += 1) {
          churn.step();
          const { machine } = kv;
          expect(machine.revision).to.equal(plain.revision);
          const { forgottenRevision } = stateOf(kv).store;
          expect(machine.bytes).to.equal(plain.bytes(forgottenRevision));
          expect(machine.bytes - machine.historyBytes).to.equal(
            plain.contents(KEYS, plain.revision).join('').length - machine.keyCount,
          );
          const revision = machine.revision - churn.random.int(machine.revision - machine.compactRevision + 1);
          if (i % 20 === 0 && revision > 0) expect(kv.contents(revision)).to.deep.equal(plain.contents(KEYS, revision));
          const key = KEYS[i % KEYS.length] as string;
          if (revision > 0) expect(kv.value(key, revision)).to.equal(plain.at(key, revision));
        }
        kv.apply({ type: 'compact', revision: kv.machine.revision });
        expect([kv.machine.isForgetting, kv.machine.historyBytes]).to.deep.equal([false, 0]);
      }),
      { numRuns: 15 },
    );
  });

  it('writes each snapshot as it was when it was taken, however late it is read, and whatever was abandoned', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const churn = new Churn(seed);
        const { kv, random } = churn;
        const open: {
          readonly hash: string;
          readonly chunks: AsyncIterator<Uint8Array>;
          readonly parts: Uint8Array[];
        }[] = [];
        let restored = 0;
        for (let i = 0; i < 1_500; i += 1) {
          churn.step();
          if (random.int(60) === 0) {
            const chunks = kv.machine.snapshot()[Symbol.asyncIterator]();
            if (random.int(4) > 0) open.push({ hash: kv.machine.stateHash(), chunks, parts: [] });
          }
          const one = open[random.int(8)];
          if (one === undefined) continue;
          const { done, value } = await one.chunks.next();
          if (done !== true) {
            one.parts.push(Buffer.from(value));
            continue;
          }
          open.splice(open.indexOf(one), 1);
          const other = new KvHarness();
          await other.machine.restore(piecesOf(one.parts));
          expect(other.machine.stateHash()).to.equal(one.hash);
          restored += 1;
        }
        expect(restored).to.be.above(0);
      }),
      { numRuns: 10 },
    );
  });

  it('is the same in a member that began with a snapshot, bytes and past included', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const churn = new Churn(seed);
        for (let i = 0; i < 300; i += 1) churn.step();
        const other = await churn.kv.restored();
        const [first, second] = [churn.kv, other];
        const commands = Array.from({ length: 300 }, (_, i) => {
          const key = KEYS[churn.random.int(30)] as string;
          if (i % 50 === 0) return { type: 'compact', revision: first.machine.revision + i / 2 } as const;
          return i % 7 === 0 ? del(key) : put(key, 'x'.repeat(churn.random.int(700)));
        });
        for (const command of commands) {
          expect(second.apply(command)).to.deep.equal(first.apply(command));
          expect(second.machine.bytes).to.equal(first.machine.bytes);
          expect(second.machine.historyBytes).to.equal(first.machine.historyBytes);
        }
        expect(second.machine.stateHash()).to.equal(first.machine.stateHash());
        const { revision, compactRevision } = first.machine;
        for (let at = compactRevision; at <= revision; at += 10) {
          expect(second.contents(at)).to.deep.equal(first.contents(at));
        }
      }),
      { numRuns: 10 },
    );
  });

  it('never changes a value that it has handed out, and tells watches every change with what was before', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const churn = new Churn(seed);
        const { kv, plain } = churn;
        const kept: { readonly value: Uint8Array; readonly text: string }[] = [];
        const keep = (value: Uint8Array, key: string, revision: number) => {
          const text = plain.at(key, revision);
          expect(Buffer.from(value).toString()).to.equal(text);
          kept.push({ value, text: text as string });
        };
        const watch: KvWatch = kv.machine.watch(
          { range: prefixRange(''), fromRevision: 1, withPrevious: true },
          () => undefined,
        );
        const told: WatchEvent[] = [];
        for (let i = 0; i < 800; i += 1) {
          churn.step();
          const answer = watch.poll(1_000);
          // A compaction of everything comes only after what it forgets was told.
          if (answer.type === 'events') told.push(...answer.events);
          if (i % 10 === 0) {
            for (const item of kv.machine.range(range('', { limit: 5 })).items)
              keep(item.value, item.key, plain.revision);
            const { items } = kv.machine.range(get(KEYS[0] as string));
            for (const item of items) keep(item.value, item.key, plain.revision);
          }
        }
        expect(told.length).to.be.above(500);
        for (const { key, revision, type, item, previous } of told) {
          expect(type).to.equal(item === undefined ? 'delete' : 'put');
          if (item !== undefined) keep(item.value, key, revision);
          expect(previous === undefined).to.equal(plain.at(key, revision - 1) === undefined);
          if (previous !== undefined) keep(previous.value, key, revision - 1);
        }
        for (const { value, text } of kept) expect(Buffer.from(value).toString()).to.equal(text);
      }),
      { numRuns: 8 },
    );
  });
});

async function* piecesOf(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}
