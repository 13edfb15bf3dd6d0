import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadConfigFile, parseConfig, parseOptions } from '../../../src/config/index.js';

describe('loadConfigFile', () => {
  let dir: string;
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'flotilla-config-'));
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  it('reads tables and snake_case keys, and names the file in errors', () => {
    const file = join(dir, 'flotilla.toml');
    writeFileSync(file, '[network.bulk]\nwindow_bytes = "64MiB"\n');
    expect(loadConfigFile(file)).to.deep.equal({
      preset: undefined,
      options: { network: { bulk: { windowBytes: '64MiB' } } },
    });
    writeFileSync(file, '\n[rpc]\nlanes = 0\n');
    expect(() => loadConfigFile(file))
      .to.throw(`${file}:3: option rpc.lanes is 0; allowed: 1..64`)
      .with.property('code', 'OPTION_INVALID');
  });

  it('says so when the file cannot be read', () => {
    expect(() => loadConfigFile(join(dir, 'none.toml')))
      .to.throw(/none\.toml cannot be read \(ENOENT\)$/)
      .with.property('code', 'FILE_UNUSABLE');
  });
});

describe('parseConfig', () => {
  function errorOf(text: string): string {
    try {
      parseConfig(text, 'f.toml');
    } catch (error) {
      expect(error).to.have.property('code', 'OPTION_INVALID');
      return (error as Error).message;
    }
    return 'no error';
  }

  it('gives options that parseOptions takes', () => {
    const text = `
      preset = "wan"          # a comment
      rpc.timeout_ms = "5s"
      [transport]
      idle_timeout_ms = 40_000
      congestion_control = 'reno'
      [retry]
      budget = { tokens_max = 7 }
    `;
    const { preset, options } = parseConfig(text, 'f.toml');
    const settings = parseOptions(options);
    expect(preset).to.equal('wan');
    expect(settings.transport).to.include({ idleTimeoutMs: 40_000, congestionControl: 'reno' });
    expect(settings.rpc.timeoutMs).to.equal(5_000);
    expect(settings.retry.budget.tokensMax).to.equal(7);
  });

  it('names the line of a wrong value, however the key is written', () => {
    expect(errorOf('# x\n[transport]\n# idle_timeout_ms = 1\nidle_timeout_ms = -5\n')).to.equal(
      'f.toml:4: option transport.idle_timeout_ms is -5; allowed: 100..3600000',
    );
    expect(errorOf('[ transport ]\n"idle_timeout_ms" = -5')).to.match(/^f\.toml:2: /);
    expect(errorOf('\ntransport . idle_timeout_ms = -5')).to.match(/^f\.toml:2: option transport\.idle_timeout_ms/);
    expect(errorOf('[rpc]\n\nretry = 1\n[retry]\nbackoff = { base_ms = 0 }')).to.match(
      /f\.toml:5: option retry\.backoff\.base_ms is 0/,
    );
    expect(errorOf('[rpc]\r\nlanes = 0\r\n')).to.match(/^f\.toml:2: option rpc\.lanes is 0/);
  });

  it('does not take text inside a multi-line string for a key', () => {
    const text = '[balancing]\nzone = """\n[rpc]\nlanes = 1\n"""\n[rpc]\nlanes = 0\n';
    expect(errorOf(text)).to.match(/f\.toml:7: option rpc\.lanes is 0/);
  });

  it('names unknown keys in the file’s spelling', () => {
    expect(errorOf('[transport]\nidle_timeot_ms = 5\n')).to.equal(
      'f.toml:2: unknown option transport.idle_timeot_ms; did you mean transport.idle_timeout_ms?',
    );
    expect(errorOf('idle_timeout_ms = 5')).to.equal(
      'f.toml:1: unknown option idle_timeout_ms; did you mean transport.idle_timeout_ms?',
    );
  });

  it('accepts camelCase keys but not both spellings of one', () => {
    expect(parseConfig('[rpc]\ntimeoutMs = 5', 'f.toml').options).to.deep.equal({ rpc: { timeoutMs: 5 } });
    expect(errorOf('[rpc]\ntimeoutMs = 5\ntimeout_ms = 6')).to.equal(
      'f.toml:2: option rpc.timeout_ms is given twice, in two spellings',
    );
  });

  it('names the line of text that is not TOML', () => {
    expect(errorOf('[rpc]\nlanes = = 1\n')).to.match(/^f\.toml:2: [^\n]+$/);
    expect(errorOf('[rpc]\nlanes = 1\nlanes = 2\n')).to.match(/^f\.toml:3: [^\n]+$/);
    expect(errorOf('__proto__ = { polluted = 1 }')).to.match(/^f\.toml:1: [^\n]+$/);
    expect(errorOf(`x = ${'['.repeat(50_000)}`)).to.match(/^f\.toml:1: [^\n]+$/);
    expect(({} as { polluted?: unknown }).polluted).to.equal(undefined);
  });

  it('refuses presets there are none of', () => {
    expect(errorOf('\npreset = "moon"')).to.equal(
      'f.toml:2: option preset is "moon"; allowed: local, lan, cloud, wan, development',
    );
  });
});
