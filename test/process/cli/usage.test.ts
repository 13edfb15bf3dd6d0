import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { Sandbox } from './flotilla.js';

describe('flotilla', () => {
  const sandbox = new Sandbox();
  after(async () => await sandbox.clean());

  it('prints its version and help with exit code 0', async () => {
    const version = await sandbox.run(['--version']);
    expect(version.code).to.equal(0);
    expect(version.stdout).to.match(/^\d+\.\d+\.\d+\S*\n$/);
    const help = await sandbox.run(['call', '--help']);
    expect(help.code).to.equal(0);
    expect(help.stdout).to.match(/^Usage: flotilla call /);
    expect(help.stderr).to.equal('');
  }).timeout(60_000);

  it('explains itself with exit code 2 when it is given no command', async () => {
    const { code, stdout, stderr } = await sandbox.run([]);
    expect(code).to.equal(2);
    expect(stdout).to.equal('');
    expect(stderr).to.match(/^Usage: flotilla /);
  }).timeout(60_000);

  it('says in one line what is wrong with a flag, with exit code 2', async () => {
    const { code, stdout, stderr } = await sandbox.run(['up', '--workers', 'many']);
    expect(code).to.equal(2);
    expect(stdout).to.equal('');
    expect(stderr).to.equal(
      "flotilla: option '--workers <N>' argument 'many' is invalid. Allowed: a whole number from 0 to 256.\n",
    );
    const alone = await sandbox.run(['director', '--id', 'd1', '--listen', '127.0.0.1:0', '--join', '127.0.0.1:1']);
    expect(alone.code).to.equal(2);
    expect(alone.stderr).to.match(/^flotilla: option '--join' needs option '--data': .*\n$/);
    const json = await sandbox.run(['call', 'a.b', '{a', '--json']);
    expect(json.code).to.equal(2);
    expect(JSON.parse(json.stderr).error).to.include({ code: 'USAGE' });
  }).timeout(60_000);

  it('names the file, the line and what is allowed for a wrong option in --config', async () => {
    const file = sandbox.file('bad.toml', '[rpc]\nlanes = 0\n');
    const { code, stderr } = await sandbox.run(['call', 'a.b', '--config', file]);
    expect(code).to.equal(2);
    expect(stderr).to.match(/^flotilla: OPTION_INVALID: .*bad\.toml:2: .*rpc\.lanes.*allowed: 1\.\.64.*\n$/);
  }).timeout(60_000);

  it('says in one line why a command failed, with exit code 1', async () => {
    const missing = await sandbox.run(['status', '--certs', 'nowhere']);
    expect(missing.code).to.equal(1);
    expect(missing.stderr).to.match(/^flotilla: CERT_MISSING: .*flotilla certs init.*\n$/);
    await sandbox.run(['certs', 'init', '--directors', '1', '--workers', '1']);
    // The discard port of this machine: nobody speaks QUIC there.
    const alone = await sandbox.run(['call', 'a.b', '--connect', '127.0.0.1:9', '--json', '--timeout', '1000']);
    expect(alone.code).to.equal(1);
    expect(alone.stdout).to.equal('');
    expect(JSON.parse(alone.stderr).error).to.include({ code: 'UNAVAILABLE', reason: 'CONNECT_FAILED' });
  }).timeout(60_000);

  it('makes, shows and denies certificates', async () => {
    const init = await sandbox.run(['certs', 'init', '--certs', 'c', '--directors', '1', '--workers', '1', '--json']);
    expect(init.code).to.equal(0);
    expect(JSON.parse(init.stdout).every((file: { action: string }) => file.action === 'created')).to.equal(true);
    expect(statSync(join(sandbox.dir, 'c', 'w1.key')).mode & 0o077).to.equal(0);
    const again = await sandbox.run(['certs', 'init', '--dir', 'c', '--directors', '1', '--workers', '1']);
    expect(again.stdout).to.match(/^(?:kept .*\n)+$/);
    const deny = await sandbox.run(['certs', 'deny', 'w1', '--certs', 'c', '--json']);
    expect(JSON.parse(deny.stdout).added).to.equal(true);
    const { fingerprint } = JSON.parse(deny.stdout);
    expect(readFileSync(join(sandbox.dir, 'c', 'denied.txt'), 'utf8')).to.include(`${fingerprint} # w1`);
    const show = await sandbox.run(['certs', 'show', '--certs', 'c']);
    expect(show.stdout).to.match(new RegExp(`^c/w1\\.crt +worker w1 +\\S+ +denied +${fingerprint}$`, 'm'));
    expect(show.stdout).to.match(/^c\/d1\.crt +director d1 +\S+ +valid /m);
    const nobody = await sandbox.run(['certs', 'deny', 'w77', '--certs', 'c']);
    expect(nobody.code).to.equal(1);
  }).timeout(60_000);
});
