import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadServices } from '../../../src/cli/load-services.js';
import { RestartBackoff } from '../../../src/cli/supervise/restart-backoff.js';
import { temporaryDirectory } from '../../support/certs.js';
import { rejects } from '../../support/rejects.js';

describe('the services of --service FILE', () => {
  const dir = temporaryDirectory();
  const A = "{ service: { name: 'a', methods: { x: { kind: 'unary' } } }, handlers: { x: () => 1 } }";

  function moduleOf(name: string, text: string): string {
    const file = join(dir, `${name}.mjs`);
    writeFileSync(file, text);
    return file;
  }

  it('are all implementations that the module exports, singly or in lists, each once', async () => {
    const file = moduleOf(
      'good',
      `export const first = ${A}; export const again = first; export const version = 3; export const nothing = null;
       export const more = [${A.replace("'a'", "'b'")}, ${A.replace("'a'", "'c'")}];`,
    );
    const services = await loadServices(file);
    expect(services.map(({ service }) => service.name).sort()).to.deep.equal(['a', 'b', 'c']);
    expect(services[0]?.handlers.x?.(undefined, undefined as never)).to.equal(1);
  });

  it('are the built-in ones without a file', async () => {
    expect((await loadServices(undefined)).map(({ service }) => service.name)).to.deep.equal(['echo', 'text']);
  });

  it('must be there, load and be complete', async () => {
    await rejects(loadServices(join(dir, 'missing.mjs')), /--service .*missing\.mjs cannot be loaded/);
    await rejects(loadServices(moduleOf('throws', "throw new Error('no database')")), /cannot be loaded: no database/);
    await rejects(
      loadServices(moduleOf('empty', 'export const x = {};')),
      /exports no implementation; export what implement/,
    );
    const incomplete = `export const a = ${A.replace('x: () => 1', '')};`;
    await rejects(
      loadServices(moduleOf('incomplete', incomplete)),
      /service a has no handler for x/,
      'SERVICE_INVALID',
    );
  });
});

describe('the time before a process is started again', () => {
  it('doubles up to ten seconds while it keeps ending', () => {
    const backoff = new RestartBackoff();
    const delays = Array.from({ length: 8 }, () => backoff.next(0));
    expect(delays).to.deep.equal([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  });

  it('is short again after the process has run well', () => {
    const backoff = new RestartBackoff();
    for (let i = 0; i < 5; i += 1) backoff.next(1_000);
    expect(backoff.next(60_000)).to.equal(250);
    expect(backoff.next(0)).to.equal(500);
  });
});
