import { expect } from 'chai';
import { ChangeLog, changesOf } from '../../../src/kv/change-log.js';
import { KeyHistory } from '../../../src/kv/key-history.js';
import { KeyVersion } from '../../../src/kv/key-version.js';
import { ValueArena } from '../../../src/kv/value-arena.js';

function version(modRevision: number, isLive = true): KeyVersion {
  if (!isLive) return KeyVersion.end('k', modRevision);
  const value = Buffer.from(String(modRevision));
  return new KeyVersion('k', { createRevision: 1, modRevision, version: 1, lease: 0 }, value, 0, value.length);
}

describe('kv: the history of a key', () => {
  it('tells what the key was after any revision, and nothing before the first or while it was deleted', () => {
    const history = new KeyHistory('k', 0);
    for (const one of [version(3), version(5), version(8, false), version(10)]) history.push(one);
    const at = (revision: number) => history.at(revision)?.modRevision;
    expect([2, 3, 4, 5, 7, 8, 9, 10, 99].map(at)).to.deep.equal([
      ...[undefined, 3, 3, 5, 5],
      ...[undefined, undefined, 10, 10],
    ]);
    expect(history.live?.modRevision).to.equal(10);
  });

  it('forgets from the oldest on, and a copy keeps what it had', () => {
    const history = new KeyHistory('k', 0);
    for (let revision = 1; revision <= 50; revision += 1) history.push(version(revision));
    const copy = history.copy(1);
    for (let revision = 1; revision <= 50; revision += 1) {
      expect(history.oldest?.modRevision).to.equal(revision);
      expect(history.all().map(({ modRevision }) => modRevision)[0]).to.equal(revision);
      history.shift();
      expect(history.at(revision)).to.equal(undefined);
    }
    expect(history.isEmpty).to.equal(true);
    expect(history.newest).to.equal(undefined);
    expect(copy.all().map(({ modRevision }) => modRevision)).to.deep.equal(Array.from({ length: 50 }, (_, i) => i + 1));
  });
});

describe('kv: the log of changes', () => {
  it('is read by revision, from the oldest that was not forgotten to the last', () => {
    const log = new ChangeLog();
    expect(log.oldest).to.equal(undefined);
    let oldest = 100;
    for (let revision = 100; revision < 10_000; revision += 1) {
      log.push(revision, [version(revision)]);
      if (revision % 3 !== 0) log.shift();
      oldest += revision % 3 === 0 ? 0 : 1;
      expect(log.oldest).to.equal(oldest > revision ? undefined : oldest);
    }
    for (const revision of [oldest, oldest + 1, 9_999])
      expect(changesOf(log.at(revision) ?? [])[0]?.modRevision).to.equal(revision);
    for (const revision of [0, oldest - 1, 10_000]) expect(log.at(revision)).to.equal(undefined);
  });
});

describe('kv: copies of values', () => {
  it('are equal to what was copied and share no byte with it or with each other', () => {
    const arena = new ValueArena();
    const sizes = [0, 1, 256, 511, 512, 513, 5_000, 300, 4_096, 40];
    const copies: { readonly size: number; readonly bytes: Uint8Array }[] = [];
    // Among few other bytes, which are copied along, and among many.
    for (const around of [0, 10, 24, 25, 3_000]) {
      for (const size of sizes) {
        const source = new Uint8Array(size + 2 * around).fill(255);
        source.fill(size % 251, around, around + size);
        arena.add(source, around, around + size);
        source.fill(254);
        copies.push({ size, bytes: arena.block.subarray(arena.start, arena.start + size) });
      }
    }
    for (const { size, bytes } of copies) {
      expect(bytes.length).to.equal(size);
      expect(bytes.every((byte) => byte === size % 251)).to.equal(true);
    }
  });
});
