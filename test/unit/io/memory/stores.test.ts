import { expect } from 'chai';
import { MemoryLogStore, MemorySnapshotStore } from '../../../../src/io/memory/index.js';
import type { LogBatch, LogEntry, LogIndex, SnapshotMeta, Term } from '../../../../src/ports/index.js';
import { rejects } from '../../../support/rejects.js';

describe('io/memory: log store', () => {
  it('gives back what was appended when it is opened again', async () => {
    const store = new MemoryLogStore();
    await store.open();
    const hardState = { term: 3 as Term, vote: undefined, commit: 1 as LogIndex };
    await store.append({ ...batch(entry(1), entry(2)), hardState });
    await store.close();
    const stored = await store.open();
    expect(stored.entries.map(({ index }) => index)).to.deep.equal([1, 2]);
    expect(stored.hardState).to.deep.equal(hardState);
  });

  it('replaces entries at and after the first one of a batch', async () => {
    const store = new MemoryLogStore();
    await store.append(batch(entry(1), entry(2), entry(3)));
    await store.append(batch(entry(2, 2)));
    const { entries } = await store.open();
    expect(entries.map(({ index, term }) => [index, term])).to.deep.equal([
      [1, 1],
      [2, 2],
    ]);
  });

  it('forgets what a snapshot covers, and everything when one takes the place of the log', async () => {
    const store = new MemoryLogStore();
    await store.append(batch(entry(1), entry(2), entry(3)));
    await store.compact(2 as LogIndex);
    expect((await store.open()).entries.map(({ index }) => index)).to.deep.equal([3]);
    await store.append({ ...batch(entry(11)), snapshot: metaOf(10) });
    expect((await store.open()).entries.map(({ index }) => index)).to.deep.equal([11]);
  });

  it('answers writes in their order and never before the call returns', async () => {
    const store = new MemoryLogStore();
    const heard: number[] = [];
    store.write(batch(entry(1)), () => heard.push(1));
    store.write(batch(entry(2)), () => heard.push(2));
    expect(heard).to.deep.equal([]);
    await store.append(batch(entry(3)));
    expect(heard).to.deep.equal([1, 2]);
  });
});

describe('io/memory: snapshot store', () => {
  it('gives back what was saved, from any byte on', async () => {
    const store = new MemorySnapshotStore();
    expect(await store.latest()).to.equal(undefined);
    const stored = await store.save(metaOf(5), chunksOf('hello ', 'wor', 'ld'));
    expect(stored.sizeBytes).to.equal(11);
    expect((await store.latest())?.meta.index).to.equal(5);
    expect(await textOf(store.read(metaOf(5)))).to.equal('hello world');
    expect(await textOf(store.read(metaOf(5), 7))).to.equal('orld');
  });

  it('receives a snapshot in parts, goes on where it was left, and verifies it', async () => {
    const source = new MemorySnapshotStore();
    const { sizeBytes, checksum } = await source.save(metaOf(5), chunksOf('hello world'));
    const store = new MemorySnapshotStore();
    await (await store.draft(metaOf(5))).write(Buffer.from('hello'));
    const draft = await store.draft(metaOf(5));
    expect(draft.receivedBytes).to.equal(5);
    expect(await store.latest()).to.equal(undefined);
    await draft.write(Buffer.from(' world'));
    await draft.finish(sizeBytes, checksum);
    expect(await textOf(store.read(metaOf(5)))).to.equal('hello world');
  });

  it('refuses bytes that are not those that were sent, and forgets them', async () => {
    const store = new MemorySnapshotStore();
    const draft = await store.draft(metaOf(5));
    await draft.write(Buffer.from('jello'));
    await rejects(draft.finish(5, 1234), /not those sent/, 'SNAPSHOT_CORRUPT');
    expect((await store.draft(metaOf(5))).receivedBytes).to.equal(0);
  });

  it('begins anew when the same index comes with another term', async () => {
    const store = new MemorySnapshotStore();
    await (await store.draft(metaOf(5))).write(Buffer.from('old'));
    expect((await store.draft({ ...metaOf(5), term: 9 as Term })).receivedBytes).to.equal(0);
  });

  it('prunes what is older, except the newest', async () => {
    const store = new MemorySnapshotStore();
    for (const index of [5, 6, 7]) await store.save(metaOf(index), chunksOf('x'));
    await store.prune(6 as LogIndex);
    await rejects(textOf(store.read(metaOf(5))), /no snapshot 5/, 'SNAPSHOT_CORRUPT');
    expect(await textOf(store.read(metaOf(6)))).to.equal('x');
    await store.prune(100 as LogIndex);
    expect((await store.latest())?.meta.index).to.equal(7);
  });
});

function entry(index: number, term = 1): LogEntry {
  return { index: index as LogIndex, term: term as Term, type: 'commands', data: Buffer.from('x') };
}

function batch(...entries: LogEntry[]): LogBatch {
  return { snapshot: undefined, entries, hardState: undefined };
}

function metaOf(index: number): SnapshotMeta {
  return { index: index as LogIndex, term: 1 as Term, config: Buffer.from('config') };
}

async function* chunksOf(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  let text = '';
  for await (const chunk of chunks) text += Buffer.from(chunk).toString();
  return text;
}
