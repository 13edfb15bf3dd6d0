import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { FlotillaError } from '../../../src/base/index.js';
import { createMemorySessionStore, type QuicEndpoint, type TlsFiles, type TlsPem } from '../../../src/io/quic/index.js';
import { systemClock } from '../../../src/io/system/index.js';
import type { Clock } from '../../../src/ports/index.js';
import { RawClient } from './raw-peer.js';
import { ca, closeEndpoints, connect, echo, endpoint, listenEcho, pemFor, rogueCa, until } from './support.js';

const HOUR = 3_600_000;

function clockAt(offsetMs: () => number): Clock {
  return {
    nowMs: () => systemClock.nowMs(),
    wallMs: () => systemClock.wallMs() + offsetMs(),
    setTimer: (delayMs, fire, options) => systemClock.setTimer(delayMs, fire, options),
  };
}

function sessionOf(server: QuicEndpoint): string {
  return `worker@${server.address.host}:${server.address.port}`;
}

async function codeOf(attempt: Promise<unknown>): Promise<[string, string]> {
  try {
    await attempt;
  } catch (error) {
    const { code, message } = error as FlotillaError;
    return [code, message];
  }
  throw new Error('no error was thrown');
}

describe('certificates', () => {
  let directory = '';

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'flotilla-tls-'));
  });

  afterEach(async () => {
    await closeEndpoints();
    rmSync(directory, { recursive: true });
  });

  function writeFiles(pem: TlsPem): TlsFiles {
    const files = {
      caFile: join(directory, 'ca.crt'),
      certFile: join(directory, 'node.crt'),
      keyFile: join(directory, 'node.key'),
      denyFile: join(directory, 'denied.txt'),
    };
    writeFileSync(files.caFile, pem.ca);
    writeFileSync(files.certFile, pem.cert);
    writeFileSync(files.keyFile, pem.key);
    return files;
  }

  it('of a server from another authority are refused by the client', async () => {
    const server = await endpoint('worker', 'w1', { tls: await pemFor('worker', 'w1', { authority: rogueCa }) });
    const accepted = listenEcho(server);
    const reason = await connect(await endpoint('client', 'c1'), server).end();
    expect(reason).to.include({ by: 'transport', reason: 'UNAUTHENTICATED', wasOpen: false });
    expect(reason.message).to.contain('unknown_ca');
    expect(accepted).to.deep.equal([]);
  });

  it('of a client from another authority are refused by the server', async () => {
    const server = await endpoint('worker', 'w1');
    const accepted = listenEcho(server);
    const client = await endpoint('client', 'c1', { tls: await pemFor('client', 'c1', { authority: rogueCa }) });
    const reason = await connect(client, server).end();
    expect(reason.reason).to.equal('UNAUTHENTICATED');
    expect(reason.message).to.contain('unknown_ca');
    expect(accepted).to.deep.equal([]);
    expect(server.counters).to.include({ connectionsAccepted: 0, handshakesFailed: 1 });
  });

  it('are demanded of clients', async () => {
    const server = await endpoint('worker', 'w1');
    const accepted = listenEcho(server);
    const client = await RawClient.open(server.address, { ca: ca.certPem });
    try {
      await client.run('the refusal', () => client.native.peerError() !== null);
      expect(client.native.peerError()).to.include({ isApp: false, errorCode: 0x174 });
      expect(accepted).to.deep.equal([]);
    } finally {
      client.close();
    }
  });

  it('that have expired are refused by the client and by the server', async () => {
    const past = clockAt(() => -2 * HOUR);
    const validity = { notBefore: new Date(Date.now() - 4 * HOUR), notAfter: new Date(Date.now() - HOUR) };
    const expiredServer = await endpoint('worker', 'w1', { tls: await pemFor('worker', 'w1', validity), clock: past });
    const server = await endpoint('worker', 'w2', {
      tls: await pemFor('worker', 'w2', { notBefore: new Date(Date.now() - 4 * HOUR) }),
    });
    const expiredClient = await endpoint('client', 'c1', { tls: await pemFor('client', 'c1', validity), clock: past });
    const client = await endpoint('client', 'c2');
    listenEcho(expiredServer);
    listenEcho(server);
    for (const reason of [await connect(client, expiredServer).end(), await connect(expiredClient, server).end()]) {
      expect(reason.reason).to.equal('UNAUTHENTICATED');
      expect(reason.message).to.contain('expired');
    }
  });

  it('of another role or node than expected are refused', async () => {
    const worker = await endpoint('worker', 'w1');
    listenEcho(worker);
    const client = await endpoint('client', 'c1');
    const asDirector = await connect(client, worker, { role: 'director' }).end();
    expect(asDirector.reason).to.equal('UNAUTHENTICATED');
    const asOther = await connect(client, worker, { id: 'w2' as never }).end();
    expect(asOther).to.deep.include({ by: 'local', code: 3, reason: 'UNAUTHENTICATED' });
    expect(asOther.message).to.contain('worker w1').and.to.contain('w2');
    const right = await connect(client, worker, { id: 'w1' as never }).open();
    expect(await echo(right, 'fine')).to.equal('fine');
  });

  it('do not help a peer that speaks another protocol', async () => {
    const server = await endpoint('worker', 'w1');
    listenEcho(server);
    const tls = await pemFor('client', 'c1');
    const client = await RawClient.open(server.address, { ca: ca.certPem, tls, alpn: 'h3' });
    try {
      await client.run('the refusal', () => client.native.peerError() !== null);
      expect(client.native.peerError()).to.include({ isApp: false, errorCode: 0x178 });
    } finally {
      client.close();
    }
  });

  it('that a running node denies end the live connection', async () => {
    const files = writeFiles(await pemFor('worker', 'w1'));
    const server = await endpoint('worker', 'w1', { tls: { ...files, reloadIntervalMs: 20 } });
    const accepted = listenEcho(server);
    const client = await endpoint('client', 'c1');
    const dialled = connect(client, server);
    expect(await echo(await dialled.open(), 'before')).to.equal('before');
    writeFileSync(files.denyFile as string, `# revoked\n${client.identity.fingerprint.toUpperCase()} # c1\n`);
    const reason = await dialled.end();
    expect(reason).to.deep.include({ by: 'peer', code: 3, reason: 'UNAUTHENTICATED', wasOpen: true });
    await until('the server’s handler', () => accepted[0]?.closed !== undefined);
    expect(accepted[0]?.closed).to.deep.include({ by: 'local', reason: 'UNAUTHENTICATED' });
    const again = await connect(client, server).end();
    expect(again.reason).to.equal('UNAUTHENTICATED');
  });

  it('that expire end the live connection', async () => {
    let offset = 0;
    const server = await endpoint('worker', 'w1', {
      clock: clockAt(() => offset),
      transport: { certificateCheckMs: 10 },
    });
    listenEcho(server);
    const client = await endpoint('client', 'c1', {
      tls: await pemFor('client', 'c1', { notAfter: new Date(Date.now() + HOUR) }),
    });
    const dialled = connect(client, server);
    expect(await echo(await dialled.open(), 'before')).to.equal('before');
    offset = 2 * HOUR;
    const reason = await dialled.end();
    expect(reason).to.deep.include({ by: 'peer', code: 3, reason: 'UNAUTHENTICATED' });
    expect(reason.message).to.contain('expired');
  });

  it('of an authority that has been withdrawn are refused, also when the connection would be resumed', async () => {
    const both = ca.certPem + rogueCa.certPem;
    const own = await pemFor('worker', 'w1', { authority: rogueCa });
    const files = writeFiles({ ...own, ca: both });
    const server = await endpoint('worker', 'w1', { tls: { ...files, reloadIntervalMs: 0 } });
    listenEcho(server);
    const sessions = createMemorySessionStore();
    const client = await endpoint('client', 'c1', { sessions, tls: { ...(await pemFor('client', 'c1')), ca: both } });
    for (const resumed of [false, true]) {
      const dialled = connect(client, server);
      const connection = await dialled.open();
      expect(await echo(connection, 'trusted')).to.equal('trusted');
      expect(connection.resumed).to.equal(resumed);
      await until('the session', () => sessions.get(sessionOf(server)) !== undefined);
      connection.close(0, '');
      await dialled.end();
    }
    writeFiles({ ...own, ca: rogueCa.certPem });
    expect(await server.reloadTls()).to.equal(true);
    expect(await connect(client, server, { earlyData: false }).end()).to.include({ reason: 'UNAUTHENTICATED' });
  });

  it('of a server whose authority the client has withdrawn are refused, whatever session it has', async () => {
    const both = ca.certPem + rogueCa.certPem;
    const tls = { ...(await pemFor('worker', 'w1', { authority: rogueCa })), ca: both };
    const server = await endpoint('worker', 'w1', { tls });
    listenEcho(server);
    const sessions = createMemorySessionStore();
    const files = writeFiles({ ...(await pemFor('client', 'c1')), ca: both });
    const client = await endpoint('client', 'c1', { sessions, tls: { ...files, reloadIntervalMs: 0 } });
    const dialled = connect(client, server);
    expect(await echo(await dialled.open(), 'trusted')).to.equal('trusted');
    await until('the session', () => sessions.get(sessionOf(server)) !== undefined);
    dialled.connection?.close(0, '');
    await dialled.end();
    writeFileSync(files.caFile, ca.certPem);
    expect(await client.reloadTls()).to.equal(true);
    expect(await connect(client, server).end()).to.include({ reason: 'UNAUTHENTICATED' });
  });

  it('are renewed from their files without a restart', async () => {
    const files = writeFiles(await pemFor('worker', 'w1'));
    const server = await endpoint('worker', 'w1', { tls: { ...files, reloadIntervalMs: 0 } });
    listenEcho(server);
    const client = await endpoint('client', 'c1');
    const first = await connect(client, server).open();
    const before = server.identity.fingerprint;
    writeFiles(await pemFor('worker', 'w1'));
    expect(await server.reloadTls()).to.equal(true);
    expect(await server.reloadTls()).to.equal(false);
    expect(server.identity.fingerprint).not.to.equal(before);
    const fresh = await endpoint('client', 'c2');
    const second = await connect(fresh, server).open();
    expect(first.peer?.fingerprint).to.equal(before);
    expect(second.peer?.fingerprint).to.equal(server.identity.fingerprint);
    expect(await echo(first, 'old one goes on')).to.equal('old one goes on');
  });

  it('stay in use when their new files are broken, which is logged once', async () => {
    const files = writeFiles(await pemFor('worker', 'w1'));
    const errors: string[] = [];
    const logger = {
      debug() {},
      info() {},
      warn() {},
      error: (_fields: object, message: string) => errors.push(message),
    };
    const server = await endpoint('worker', 'w1', { tls: { ...files, reloadIntervalMs: 0 }, logger });
    listenEcho(server);
    writeFileSync(files.certFile, 'half a certifica');
    expect(await server.reloadTls()).to.equal(false);
    expect(await server.reloadTls()).to.equal(false);
    expect(errors).to.have.length(1);
    const connection = await connect(await endpoint('client', 'c1'), server).open();
    expect(await echo(connection, 'still here')).to.equal('still here');
  });

  it('that are missing or unusable are named in the error', async () => {
    const good = await pemFor('worker', 'w1');
    const other = await pemFor('worker', 'w2');
    const missing = await codeOf(
      endpoint('worker', 'w1', { tls: { ...writeFiles(good), certFile: join(directory, 'none.crt') } }),
    );
    expect(missing[0]).to.equal('CERT_MISSING');
    expect(missing[1]).to.contain('none.crt');
    const mismatch = await codeOf(endpoint('worker', 'w1', { tls: writeFiles({ ...good, key: other.key }) }));
    expect(mismatch[0]).to.equal('CERT_INVALID');
    expect(mismatch[1]).to.contain('node.key');
    const garbage = await codeOf(endpoint('worker', 'w1', { tls: { ...good, ca: 'nonsense' } }));
    expect(garbage[0]).to.equal('CERT_INVALID');
    expect(garbage[1]).to.contain('tls.ca');
    const expired = await codeOf(
      endpoint('worker', 'w1', {
        tls: await pemFor('worker', 'w1', {
          notBefore: new Date(Date.now() - 2 * HOUR),
          notAfter: new Date(Date.now() - HOUR),
        }),
      }),
    );
    expect(expired[0]).to.equal('CERT_INVALID');
    expect(expired[1]).to.contain('expired');
    const anonymous = await codeOf(endpoint('worker', 'w1', { tls: { ...good, cert: ca.certPem, key: ca.keyPem } }));
    expect(anonymous[0]).to.equal('CERT_INVALID');
    expect(anonymous[1]).to.contain('flotilla://');
    const deny = await codeOf(endpoint('worker', 'w1', { tls: { ...good, deny: ['zz'] } }));
    expect(deny[0]).to.equal('CERT_INVALID');
  });
});
