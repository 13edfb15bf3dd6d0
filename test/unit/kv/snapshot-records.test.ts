import { crc32 } from 'node:zlib';
import { expect } from 'chai';
import type { FlotillaError } from '../../../src/base/index.js';
import { ByteWriter, KvMachine } from '../../../src/kv/index.js';
import { inPieces, KvHarness, put } from './kv-harness.js';

const RECORD = { head: 1, key: 2, change: 3, end: 7 };

/** Records of a snapshot that somebody made up. */
class Records {
  private readonly writer = new ByteWriter();
  private count = 1;

  constructor(revision: number, compactRevision: number, forgottenRevision: number) {
    const { writer } = this;
    writer.byte(RECORD.head);
    writer.text('FKV');
    for (const number of [2, revision, compactRevision, forgottenRevision, 0, 1]) writer.uint(number);
  }

  key(name: string, revision = 0, value?: string): this {
    this.count += 1;
    this.writer.byte(RECORD.key);
    this.writer.text(name);
    this.writer.uint(revision);
    if (revision > 0) this.version(revision, value);
    return this;
  }

  change(key: number, revision: number, value?: string): this {
    this.count += 1;
    this.writer.byte(RECORD.change);
    this.writer.uint(key);
    this.writer.uint(revision);
    this.version(revision, value);
    return this;
  }

  private version(revision: number, value: string | undefined): void {
    const { writer } = this;
    writer.byte(value === undefined ? 0 : 1);
    if (value === undefined) return;
    for (const number of [revision, 1, 0]) writer.uint(number);
    writer.data(Buffer.from(value));
  }

  /** The machine that is restored from them, or the code of the refusal. */
  async restored(): Promise<KvMachine | string> {
    const { writer } = this;
    writer.byte(RECORD.end);
    writer.uint(this.count);
    const payload = writer.take();
    const head = Buffer.alloc(8);
    head.writeUInt32LE(payload.length, 0);
    head.writeUInt32LE(crc32(payload), 4);
    const machine = new KvMachine(crc32);
    try {
      await machine.restore(inPieces(Buffer.concat([head, payload]), 1_000));
      return machine;
    } catch (error) {
      return (error as FlotillaError).code;
    }
  }
}

describe('kv: snapshot records', () => {
  it('are what a state is written as', async () => {
    const kv = new KvHarness();
    kv.apply(put('b', '1'), put('a', '2'), { type: 'compact', revision: 1 });
    const same = new Records(2, 1, 1).key('a').key('b', 1, '1').change(0, 2, '2');
    const machine = await same.restored();
    expect(machine).to.be.instanceOf(KvMachine);
    expect((machine as KvMachine).stateHash()).to.equal(kv.machine.stateHash());
  });

  it('are refused when no state is written like that, though their checksums are right', async () => {
    const cases: Record<string, Records> = {
      'a key without versions': new Records(1, 0, 0).key('a').key('b').change(1, 1, 'v'),
      'keys out of order': new Records(2, 2, 2).key('b', 1, 'v').key('a', 2, 'v'),
      'a key twice': new Records(2, 2, 2).key('a', 1, 'v').key('a', 2, 'v'),
      'a key that had ended': new Records(1, 1, 1).key('a', 1),
      'a key of the future': new Records(1, 1, 1).key('a', 2, 'v'),
      'a change of what was forgotten': new Records(1, 1, 1).key('a').change(0, 1, 'v'),
      'a key changed twice by one revision': new Records(1, 0, 0).key('a').change(0, 1, 'v').change(0, 1, 'w'),
      'changes of one revision out of order': new Records(1, 0, 0)
        .key('a')
        .key('b')
        .change(1, 1, 'v')
        .change(0, 1, 'w'),
      'a revision without changes': new Records(2, 0, 0).key('a').change(0, 2, 'v'),
      'a last revision without changes': new Records(2, 0, 0).key('a').change(0, 1, 'v'),
      'a change of a key that is not there': new Records(1, 0, 0).key('a').change(2 ** 40, 1, 'v'),
      'more forgotten than compacted': new Records(1, 0, 1).key('a', 1, 'v'),
      'more compacted than there is': new Records(1, 2, 1).key('a', 1, 'v'),
    };
    for (const [what, records] of Object.entries(cases)) {
      expect(await records.restored(), what).to.equal('SNAPSHOT_CORRUPT');
    }
  });
});
