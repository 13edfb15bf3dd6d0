import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { FlotillaError } from '../../../src/base/index.js';
import { DataDirLock } from '../../../src/io/disk/index.js';

describe('io/disk: data directory lock', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'flotilla-lock-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  async function refusal(): Promise<FlotillaError | undefined> {
    return DataDirLock.acquire(directory).then(
      () => undefined,
      (error: FlotillaError) => error,
    );
  }

  it('is held by one at a time', async () => {
    const lock = await DataDirLock.acquire(directory);
    const error = await refusal();
    expect(error).to.be.instanceOf(FlotillaError).with.property('code', 'DATA_DIR_LOCKED');
    expect(error?.message).to.include(`process ${process.pid} on ${hostname()}`);
    await lock.release();
    await (await DataDirLock.acquire(directory)).release();
  });

  it('is taken over from a process that does not live any more', async () => {
    const lock = await DataDirLock.acquire(directory);
    const holder = JSON.parse(await readFile(join(directory, 'LOCK'), 'utf8'));
    for (const dead of [{ pid: 2 ** 30 }, { started: 'another life' }, { boot: 'before' }]) {
      await writeFile(join(directory, 'LOCK'), JSON.stringify({ ...holder, ...dead }));
      const taken = await DataDirLock.acquire(directory);
      await lock.release();
      expect(await refusal(), 'the first holder releases only its own').to.not.equal(undefined);
      await taken.release();
    }
  });

  it('is left to a holder of which nothing is known here', async () => {
    for (const content of [JSON.stringify({ pid: 1, host: 'elsewhere' }), '', 'not json']) {
      await writeFile(join(directory, 'LOCK'), content);
      expect((await refusal())?.code).to.equal('DATA_DIR_LOCKED');
    }
  });

  it('goes to exactly one of many that find a stale one', async () => {
    const first = await DataDirLock.acquire(directory);
    const holder = JSON.parse(await readFile(join(directory, 'LOCK'), 'utf8'));
    await writeFile(join(directory, 'LOCK'), JSON.stringify({ ...holder, pid: 2 ** 30 }));
    const outcomes = await Promise.allSettled([1, 2, 3, 4].map(() => DataDirLock.acquire(directory)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
    await first.release();
  });
});
