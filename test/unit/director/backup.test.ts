import { crc32 } from 'node:zlib';
import { expect } from 'chai';
import { type FlotillaError, RpcError } from '../../../src/base/index.js';
import { Backup, openBackup } from '../../../src/director/backup.js';
import type { MetadataStore } from '../../../src/drivers/metadata/index.js';
import { ALL_KEYS, encodeRequest, type KvCommand, KvMachine } from '../../../src/kv/index.js';
import type { LogIndex } from '../../../src/ports/index.js';

const CLUSTER = '0123456789abcdef';

function run(machine: KvMachine, command: KvCommand): void {
  machine.apply(1 as LogIndex, [encodeRequest({ command, origin: 'cluster', session: undefined })]);
}

function put(key: string, value: string): KvCommand {
  return { type: 'put', key, value: Buffer.from(value), lease: 0, returnPrevious: false };
}

function storeOf(machine: KvMachine, isReachable = true): MetadataStore {
  const readBarrier = async () => {
    if (!isReachable) throw RpcError.of('NO_LEADER', 'too few directors');
  };
  return { machine, group: { readBarrier } } as unknown as MetadataStore;
}

async function backupOf(machine: KvMachine, isReachable = true): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of new Backup(storeOf(machine, isReachable), CLUSTER, crc32).chunks()) parts.push(chunk);
  return Buffer.concat(parts);
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function refusalOf(bytes: Buffer): string {
  try {
    openBackup(bytes);
  } catch (error) {
    return (error as FlotillaError).code;
  }
  return 'accepted';
}

describe('director: backup', () => {
  it('holds what users stored, and none of the cluster’s own records', async () => {
    const machine = new KvMachine(crc32);
    for (let at = 0; at < 2_500; at += 1) run(machine, put(`\u0000registry/w${at}`, 'record'));
    run(machine, put('config/a', 'old'));
    run(machine, put('config/a', 'new'));
    run(machine, put('config/b', 'other'));

    const { header, snapshot } = openBackup(await backupOf(machine));
    const restored = new KvMachine(crc32);
    await restored.restore(once(snapshot));

    expect(header.clusterId).to.equal(CLUSTER);
    const all = { from: '', to: undefined };
    const op = { type: 'range', range: all, limit: 0, revision: 0, keysOnly: false, countOnly: false } as const;
    const items = restored.range(op, 'cluster').items.map(({ key, value }) => [key, Buffer.from(value).toString()]);
    expect(items).to.deep.equal([
      ['config/a', 'new'],
      ['config/b', 'other'],
    ]);
    expect(restored.compactRevision).to.equal(restored.revision);
    expect(machine.range({ ...op, range: ALL_KEYS, countOnly: true }).count).to.equal(2);
  });

  it('holds no history, which the cluster’s own records are part of', async () => {
    const machine = new KvMachine(crc32);
    for (let at = 0; at < 5_000; at += 1) run(machine, put(`config/${at}`, 'first'));
    run(machine, put('\u0000keys/ticket', 'a key of the cluster'));
    run(machine, put('config/1', 'second'));

    const backup = await backupOf(machine);
    expect(backup.includes('a key of the cluster')).to.equal(false);
    const restored = new KvMachine(crc32);
    await restored.restore(once(openBackup(backup).snapshot));
    expect(restored.historyBytes).to.equal(0);
    expect(restored.keyCount).to.equal(5_000);
  });

  it('lets the director do other things meanwhile', async () => {
    const machine = new KvMachine(crc32);
    for (let at = 0; at < 10; at += 1) run(machine, put(`config/${at}`, 'x'.repeat(200_000)));
    let turns = 0;
    const turn = () => {
      turns += 1;
      next = setImmediate(turn);
    };
    let next = setImmediate(turn);
    await backupOf(machine);
    clearImmediate(next);
    expect(turns).to.be.at.least(10);
  });

  it('is refused when a byte differs, when it is cut, and when it is something else', async () => {
    const machine = new KvMachine(crc32);
    run(machine, put('a', 'b'.repeat(5_000)));
    const bytes = await backupOf(machine);
    expect(refusalOf(bytes)).to.equal('accepted');
    for (const at of [3, 60, 2_000, bytes.length - 1]) {
      const damaged = Buffer.from(bytes);
      damaged.writeUInt8((damaged.readUInt8(at) + 1) % 256, at);
      expect(refusalOf(damaged), `byte ${at}`).to.equal('BACKUP_CORRUPT');
    }
    for (const size of [0, 10, 100, bytes.length - 40, bytes.length - 1]) {
      expect(refusalOf(bytes.subarray(0, size)), `${size} bytes`).to.equal('BACKUP_CORRUPT');
    }
    expect(refusalOf(Buffer.from('hello\nworld'))).to.equal('BACKUP_CORRUPT');
  });

  it('fails when too few directors can be reached to know what was acknowledged', async () => {
    const outcome = await backupOf(new KvMachine(crc32), false).catch((error: RpcError) => error.reason);
    expect(outcome).to.equal('NO_LEADER');
  });
});
