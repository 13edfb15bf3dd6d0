import { expect } from 'chai';
import * as fc from 'fast-check';
import { decodeRequest } from '../../../src/kv/command-codec.js';
import {
  asUserRequest,
  decodeWatchMessage,
  encodeRequest,
  encodeWatchMessage,
  hasTime,
  type KeyValue,
  type KvCommand,
  type KvRequest,
  type WatchEvent,
  withTime,
} from '../../../src/kv/index.js';
import { bytesOf, KvHarness, put, range } from './kv-harness.js';

const number = fc.maxSafeNat();
const session = fc.option(fc.record({ id: number, sequence: number, acknowledged: number }), { nil: undefined });
const origin = fc.constantFrom('user' as const, 'cluster' as const);
const timed: fc.Arbitrary<KvCommand> = fc.oneof(
  fc.record({ type: fc.constant('grantLease' as const), ttlMs: number, nowMs: number }),
  fc.record({ type: fc.constant('keepAlive' as const), lease: number, nowMs: number }),
  fc.record({ type: fc.constant('expireLeases' as const), nowMs: number }),
);
const untimed: fc.Arbitrary<KvCommand> = fc.oneof(
  fc.string().map((key) => put(key, 'v')),
  fc.string().map((prefix) => range(prefix)),
  fc.record({ type: fc.constant('revokeLease' as const), lease: number }),
  fc.record({ type: fc.constant('compact' as const), revision: number }),
);

function request(command: fc.Arbitrary<KvCommand>): fc.Arbitrary<KvRequest> {
  return fc.record({ command, origin, session });
}

describe('kv: requests as bytes', () => {
  it('get another time without being decoded, wherever it stands', async () => {
    await fc.assert(
      fc.property(request(timed), number, (before, nowMs) => {
        const bytes = encodeRequest(before);
        expect(hasTime(bytes)).to.equal(true);
        expect(decodeRequest(withTime(bytes, nowMs))).to.deep.equal({
          ...before,
          command: { ...before.command, nowMs },
        });
        expect(decodeRequest(bytes)).to.deep.equal(before);
      }),
    );
  });

  it('without a time stay the same', async () => {
    await fc.assert(
      fc.property(request(untimed), (before) => {
        const bytes = encodeRequest(before);
        expect([hasTime(bytes), withTime(bytes, 7)]).to.deep.equal([false, bytes]);
      }),
    );
  });

  it('lose the cluster’s rights and nothing else', async () => {
    await fc.assert(
      fc.property(request(fc.oneof(timed, untimed)), (before) => {
        const bytes = encodeRequest(before);
        expect(decodeRequest(asUserRequest(bytes))).to.deep.equal(
          decodeRequest(encodeRequest({ ...before, origin: 'user' })),
        );
        expect(asUserRequest(bytes) === bytes).to.equal(before.origin === 'user');
      }),
    );
  });

  it('that are none are passed on to be refused, never thrown at', async () => {
    await fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), number, (bytes, nowMs) => {
        const changed = withTime(asUserRequest(bytes), nowMs);
        const [reply] = new KvHarness().machine.apply(1 as never, [changed]);
        expect(reply).to.be.instanceOf(Uint8Array);
      }),
      { numRuns: 300 },
    );
  });
});

const item: fc.Arbitrary<KeyValue> = fc.record({
  key: fc.string({ minLength: 1 }),
  value: fc.string().map(bytesOf),
  createRevision: number,
  modRevision: number,
  version: number,
  lease: number,
});

function events(revisions: readonly number[]): WatchEvent[] {
  return revisions.map((revision, at) => {
    const key = `k${at}`;
    const value = new Uint8Array(Buffer.alloc(40, at));
    const entry = { key, value, createRevision: 1, modRevision: revision, version: 1, lease: 0 };
    if (at % 3 === 2) return { type: 'delete', key, revision, item: undefined, previous: entry };
    return { type: 'put', key, revision, item: entry, previous: undefined };
  });
}

function plain<T>(value: T): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, each) =>
      each?.type === 'Buffer' || each instanceof Uint8Array ? [...(each.data ?? each)] : each,
    ),
  );
}

describe('kv: watch messages', () => {
  it('keep beginnings and ends', async () => {
    for (const message of [
      { type: 'started', revision: 7, heartbeatMs: 1_000 },
      { type: 'compacted', oldestRevision: 9 },
      { type: 'events', events: [], revision: 12, isPartial: false },
    ] as const) {
      expect(encodeWatchMessage(message).map(decodeWatchMessage)).to.deep.equal([message]);
    }
  });

  it('are as many as their bound demands, and together say the same', async () => {
    await fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 30 }).map((list) => list.sort((a, b) => a - b)),
        fc.integer({ min: 1, max: 500 }),
        (revisions, bytesMax) => {
          const told = events(revisions);
          const messages = encodeWatchMessage(
            { type: 'events', events: told, revision: 9, isPartial: false },
            bytesMax,
          );
          for (const bytes of messages) expect(bytes.length).to.be.below(bytesMax + 100);
          const decoded = messages.map(decodeWatchMessage);
          const again: WatchEvent[] = [];
          for (const [at, message] of decoded.entries()) {
            if (message.type !== 'events') throw new Error('expected: events');
            again.push(...message.events);
            const next = again.length < told.length ? told[again.length]?.revision : undefined;
            const last = again.at(-1)?.revision;
            expect(message.isPartial).to.equal(next !== undefined && next === last);
            if (at === decoded.length - 1) expect(message.revision).to.equal(9);
            else expect(message.revision).to.equal(message.isPartial ? (last ?? 0) - 1 : last);
          }
          expect(plain(again)).to.deep.equal(plain(told));
        },
      ),
    );
  });

  it('that are none are refused with a code', async () => {
    await fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          decodeWatchMessage(bytes);
        } catch (error) {
          expect(error).to.have.property('reason', 'MESSAGE_UNDECODABLE');
        }
      }),
      { numRuns: 500 },
    );
  });

  it('carry items as they are', async () => {
    await fc.assert(
      fc.property(item, (entry) => {
        const event = {
          type: 'put',
          key: entry.key,
          revision: entry.modRevision,
          item: entry,
          previous: entry,
        } as const;
        const [bytes] = encodeWatchMessage({ type: 'events', events: [event], revision: 1, isPartial: false });
        expect(plain(decodeWatchMessage(bytes as Uint8Array))).to.deep.equal(
          plain({ type: 'events', events: [event], revision: 1, isPartial: false }),
        );
      }),
    );
  });
});

describe('kv: rights', () => {
  it('hide the cluster’s leases from users, also after a restore', async () => {
    const kv = new KvHarness();
    const grant: KvRequest = {
      command: { type: 'grantLease', ttlMs: 1_000, nowMs: 0 },
      origin: 'cluster',
      session: undefined,
    };
    const { lease } = kv.answer('lease', grant);
    for (const each of [kv, await kv.restored()]) {
      expect(each.refusal({ type: 'revokeLease', lease })).to.equal('KV_LEASE_UNKNOWN');
      expect(each.refusal(put('k', 'v', { lease }))).to.equal('KV_LEASE_UNKNOWN');
      const stamped: KvRequest = {
        command: put('k', 'v'),
        origin: 'user',
        session: { id: lease, sequence: 1, acknowledged: 0 },
      };
      expect(each.refusal(stamped)).to.equal('KV_SESSION_EXPIRED');
      each.answer('put', { command: put('\u0000k', 'v', { lease }), origin: 'cluster', session: undefined });
    }
  });

  it('know how much of the store is history, also after a restore', async () => {
    const kv = new KvHarness();
    kv.apply(put('a', '12345'), put('b', '1'), put('a', '123'));
    kv.apply({ type: 'delete', range: { from: 'b', to: 'c' }, returnPrevious: false });
    const before = kv.machine.historyBytes;
    expect(before).to.be.above(0);
    expect((await kv.restored()).machine.historyBytes).to.equal(before);
    kv.apply({ type: 'compact', revision: kv.machine.revision });
    expect([kv.machine.historyBytes, kv.machine.bytes]).to.deep.equal([0, 4]);
  });
});

describe('kv: watches that look far', () => {
  it('say that there is more instead of looking at everything at once', async () => {
    const kv = new KvHarness();
    for (let at = 0; at < 12; at += 1) kv.apply(...Array.from({ length: 1_000 }, () => put('other', '')));
    kv.apply(put('wanted', ''));
    const watch = kv.machine.watch({ range: { from: 'wanted', to: 'wanted\u0000' }, fromRevision: 1 }, () => undefined);
    const answers: string[] = [];
    for (let more = true; more; ) {
      const answer = watch.poll(10);
      if (answer.type !== 'events') throw new Error('expected: events');
      answers.push(`${answer.events.length} ${answer.revision}`);
      more = answer.more;
    }
    expect(answers).to.deep.equal(['0 5000', '0 10000', '1 12001']);
  });
});
