import { expect } from 'chai';
import { type CheckResult, runCheckOn } from './fixture-tree.js';

/** Where a forbidden import stands, what it imports, and the rule that must stop it. */
const FORBIDDEN: readonly (readonly [from: string, to: string, rule: string])[] = [
  ['src/base/a.ts', '../ports/index.js', 'layer-base'],
  ['src/ports/a.ts', '../wire/index.js', 'layer-ports'],
  ['src/wire/a.ts', '../lanes/index.js', 'layer-wire'],
  ['src/lanes/a.ts', '../rpc/index.js', 'layer-lanes'],
  ['src/raft/a.ts', '../gossip/index.js', 'layer-raft'],
  ['src/rpc/a.ts', '../drivers/rpc/index.js', 'layer-rpc'],
  ['src/io/quic/a.ts', '../../rpc/index.js', 'layer-io'],
  ['src/io/quic/b.ts', '../memory/index.js', 'layer-io'],
  ['src/drivers/rpc/a.ts', '../../io/quic/index.js', 'layer-drivers'],
  ['src/config/a.ts', '../ports/index.js', 'layer-config'],
  ['src/certs/a.ts', '../io/quic/index.js', 'layer-certs'],
  ['src/client/a.ts', '../io/quic/index.js', 'layer-client'],
  ['src/worker/a.ts', '../director/index.js', 'layer-worker'],
  ['src/client/create.ts', '../cli/index.js', 'layer-client-create'],
  ['src/cli/a.ts', '../client/index.js', 'layer-cli'],
  ['src/director/a.ts', '../testing/index.js', 'testing-stays-out'],
  ['src/director/b.ts', '../client/inner.js', 'index-only'],
  ['src/worker/b.ts', '../index.js', 'layer-worker'],
  ['src/index.ts', './client/inner.js', 'index-only-public'],
  ['src/lanes/b.ts', 'node:fs', 'pure-lanes'],
  ['src/base/b.ts', 'pino', 'pure-base'],
  ['src/novelty/a.ts', '../base/index.js', 'unit-unknown'],
  ['src/io/quic/c.ts', '@matrixai/quic', 'native-behind-one-file'],
  ['examples/a.ts', '../src/client/index.js', 'examples-public-api'],
  ['src/kv/a.ts', './nowhere.js', 'not-resolvable'],
];

const INDEXES = [
  ...['base', 'ports', 'wire', 'lanes', 'rpc', 'gossip', 'io/quic', 'io/memory', 'drivers/rpc', 'client', 'director'],
  ...['testing', 'cli'],
].map((folder) => `src/${folder}/index.ts`);

const SOUND: Readonly<Record<string, string>> = {
  ...Object.fromEntries(INDEXES.map((path) => [path, 'export type Thing = number;\n'])),
  'src/client/inner.ts': 'export type Thing = number;\n',
  'src/client/create.ts': "import type { Thing } from '../io/quic/index.js';\nexport type Other = Thing;\n",
};

describe('the layer check', function () {
  this.timeout(60_000);

  it('lets a tree pass whose imports go one way', () => {
    const { exitCode, output } = runCheckOn('layers.mjs', SOUND);
    expect(output).to.include('layers: ok');
    expect(exitCode).to.equal(0);
  });

  describe('fails a tree with a forbidden import, though it imports only a type:', () => {
    let result: CheckResult;
    before(() => {
      const bad = FORBIDDEN.map(([from, to]) => [
        from,
        `import type { Thing } from '${to}';\nexport type T = Thing;\n`,
      ]);
      const cycle = {
        'src/rpc/x.ts': "import type { Y } from './y.js';\nexport type X = Y;\n",
        'src/rpc/y.ts': "import type { X } from './x.js';\nexport type Y = X | 1;\n",
      };
      result = runCheckOn('layers.mjs', { ...SOUND, ...Object.fromEntries(bad), ...cycle });
    });

    it('the exit code says so', () => {
      expect(result.exitCode).to.equal(1);
    });

    for (const [from, to, rule] of FORBIDDEN) {
      it(`${from} -> ${to} breaks ${rule}`, () => {
        const lines = result.output.split('\n').filter((line) => line.startsWith(`layers: ${from} -> `));
        expect(lines.some((line) => line.includes(` breaks ${rule}: `))).to.equal(true, lines.join('\n'));
      });
    }

    it('a cycle breaks no-cycles', () => {
      expect(result.output).to.match(/src\/rpc\/[xy]\.ts -> .*src\/rpc\/[xy]\.ts breaks no-cycles/);
    });
  });

  it('fails where there is nothing to read', () => {
    expect(runCheckOn('layers.mjs', { 'README.md': '' }).exitCode).to.equal(1);
  });
});
