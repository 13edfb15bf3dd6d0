import { expect } from 'chai';
import type { Metadata, MetadataEntry } from '../../../src/client/metadata/index.js';
import { MetadataCluster } from '../../support/metadata-cluster.js';

function text(entry: MetadataEntry | undefined): string | undefined {
  return entry?.text();
}

describe('metadata API', () => {
  for (const where of ['client', 'director'] as const) {
    describe(`of a ${where}`, () => {
      let cluster: MetadataCluster;
      let metadata: Metadata;
      beforeEach(() => {
        cluster = new MetadataCluster();
        metadata = where === 'client' ? cluster.connect().metadata : cluster.follower.metadata;
      });
      afterEach(() => cluster.close());
      const run = <T>(promise: Promise<T>): Promise<T> => cluster.run(promise);

      it('puts, gets and deletes text, bytes and JSON', async () => {
        expect(await run(metadata.get('a'))).to.equal(undefined);
        const { revision } = await run(metadata.put('a', 'text'));
        expect(revision).to.equal(1);
        await run(metadata.put('a', { json: { n: 1 } }));
        const entry = await run(metadata.get('a'));
        expect(entry?.json()).to.deep.equal({ n: 1 });
        expect(entry).to.include({ key: 'a', createRevision: 1, modRevision: 2, version: 2, lease: 0 });
        const { previous } = await run(metadata.put('a', new Uint8Array([0, 255]), { returnPrevious: true }));
        expect(text(previous)).to.equal('{"n":1}');
        expect([...((await run(metadata.get('a')))?.value ?? [])]).to.deep.equal([0, 255]);
        const deleted = await run(metadata.delete('a', { returnPrevious: true }));
        expect(deleted).to.deep.include({ revision: 4, deleted: 1 });
        expect(deleted.previous.map(({ key }) => key)).to.deep.equal(['a']);
        expect(await run(metadata.get('a'))).to.equal(undefined);
        expect(text(await run(metadata.get('a', { revision: 2 })))).to.equal('{"n":1}');
      });

      it('reads selections: prefixes, ranges, counts, parts of any number of keys', async () => {
        for (const key of ['a', 'a/1', 'a/2', 'b']) await run(metadata.put(key, key));
        const { items, more, revision } = await run(metadata.range({ prefix: 'a' }, { limit: 2 }));
        expect([items.map(({ key }) => key), more, revision]).to.deep.equal([['a', 'a/1'], true, 4]);
        expect((await run(metadata.range({ from: 'a/1', to: 'b' }))).items.map(text)).to.deep.equal(['a/1', 'a/2']);
        expect((await run(metadata.range('a'))).items.map(text)).to.deep.equal(['a']);
        expect(await run(metadata.count({ prefix: '' }))).to.equal(4);
        expect((await run(metadata.range({ prefix: '' }, { keysOnly: true }))).items.map(text)).to.deep.equal(
          Array(4).fill(''),
        );
        await run(metadata.txn({ do: Array.from({ length: 100 }, (_, at) => ({ put: `n/${at}`, value: '' })) }));
        const all = async (limit?: number): Promise<string[]> => {
          const keys: string[] = [];
          for await (const { key } of metadata.entries({ prefix: 'n/' }, { limit })) keys.push(key);
          return keys;
        };
        expect(await run(all())).to.have.length(100);
        expect(await run(all(7))).to.have.length(7);
      });

      it('reads all entries of one state, in as many parts as it takes', async () => {
        const value = 'x'.repeat(500_000);
        for (let at = 0; at < 9; at += 1) await run(metadata.put(`n/${at}`, value));
        const keys: string[] = [];
        const read = async (): Promise<void> => {
          for await (const { key } of metadata.entries({ prefix: 'n/' })) {
            if (keys.length === 0) await metadata.put('n/55', 'new');
            keys.push(key);
          }
        };
        await run(read());
        expect(keys).to.deep.equal(Array.from({ length: 9 }, (_, at) => `n/${at}`));
      });

      it('compares and changes at once', async () => {
        const claim = (value: string) =>
          metadata.txn({
            if: [{ key: 'owner', exists: false }],
            do: [{ put: 'owner', value }, { get: 'owner' }],
            else: [{ get: 'owner' }],
          });
        const [first, second] = await run(Promise.all([claim('x'), claim('y')]));
        expect([first.succeeded, second.succeeded]).to.deep.equal([true, false]);
        expect(first.results.map(({ type }) => type)).to.deep.equal(['put', 'get']);
        const [seen] = second.results;
        expect(seen?.type === 'get' && seen.items.map(text)).to.deep.equal(['x']);
        const entry = await run(metadata.get('owner'));
        const swap = {
          if: [
            { key: 'owner', modRevision: entry?.modRevision ?? 0 },
            { key: 'owner', value: 'x' },
            { key: 'owner', version: 0, is: '>' as const },
          ],
          do: [{ put: 'owner', value: 'z' }],
        };
        expect((await run(metadata.txn(swap))).succeeded).to.equal(true);
        expect((await run(metadata.txn(swap))).succeeded).to.equal(false);
      });

      it('says what is wrong with a call, before or after it was sent', async () => {
        const reasons = [
          metadata.put('', ''),
          metadata.get('\u0000mine'),
          metadata.put('\u0000mine', ''),
          metadata.put('k', 7 as never),
          metadata.put('k', '', { lease: 1.5 }),
          metadata.put('k', '', { lease: 77 }),
          metadata.put('k', 'x'.repeat(1024 * 1024 + 1)),
          metadata.get('k', { revision: 99 }),
          metadata.range(7 as never),
          metadata.txn({ if: [{ key: 'a' } as never] }),
          metadata.txn({ do: [{ put: 'a', value: '1' }, { delete: 'a' }] }),
          metadata.lease(1),
        ].map(async (promise) => (await cluster.failure(promise)).reason);
        expect(await Promise.all(reasons)).to.deep.equal([
          'KV_INVALID',
          'KV_RESERVED',
          'KV_RESERVED',
          'KV_INVALID',
          'KV_INVALID',
          'KV_LEASE_UNKNOWN',
          'KV_TOO_LARGE',
          'KV_REVISION_FUTURE',
          'KV_INVALID',
          'KV_INVALID',
          'KV_INVALID',
          'KV_INVALID',
        ]);
      });

      it('forgets history when told', async () => {
        for (const value of ['1', '2', '3']) await run(metadata.put('k', value));
        await run(metadata.compact(3));
        expect((await cluster.failure(metadata.get('k', { revision: 2 }))).reason).to.equal('KV_COMPACTED');
        expect(text(await run(metadata.get('k', { revision: 3 })))).to.equal('3');
      });

      it('sees its own writes at once, and with eventual reads what the asked director has', async () => {
        await run(metadata.put('k', '1'));
        for (const { group } of cluster.directors) if (group !== cluster.leader.group) group.isLagging = true;
        await run(metadata.put('k', '2'));
        const linearizable = metadata.get('k');
        if (where === 'client') expect(text(await run(linearizable))).to.equal('2');
        const eventual = await run(metadata.get('k', { consistency: 'eventual' }));
        expect(['1', '2']).to.include(text(eventual));
        for (const { group } of cluster.directors) group.isLagging = false;
        expect(text(await run(linearizable))).to.equal('2');
      });

      it('ends calls that are cancelled, late or made after close', async () => {
        cluster.elect(undefined);
        const abort = new AbortController();
        const cancelled = metadata.put('k', '1', { signal: abort.signal });
        const late = metadata.put('k', '2', { timeoutMs: 700 });
        const read = metadata.get('k', { timeoutMs: 700 });
        abort.abort();
        expect((await cluster.failure(cancelled)).reason).to.equal('CANCELLED_BY_CALLER');
        const error = await cluster.failure(late);
        expect([error.reason, error.maybeExecuted]).to.deep.equal(['NO_LEADER', false]);
        expect(['NO_LEADER', 'DEADLINE']).to.include((await cluster.failure(read)).reason);
        cluster.elect(0);
        await run(metadata.close());
        expect((await cluster.failure(metadata.put('k', '3'))).reason).to.equal('CLOSED');
        expect(await run(cluster.leader.metadata.get('k'))).to.equal(undefined);
      });
    });
  }
});
