import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createFileSessionStore, createMemorySessionStore } from '../../../../src/io/quic/index.js';
import { SessionBook, sessionKey } from '../../../../src/io/quic/session-book.js';
import type { Clock, Logger, SessionStore } from '../../../../src/ports/index.js';

const HOUR = 3_600_000;

class Recorder implements Logger {
  readonly warnings: string[] = [];
  debug(): void {}
  info(): void {}
  warn(_fields: object, message: string): void {
    this.warnings.push(message);
  }
  error(): void {}
}

/** A wall clock that stands; timers never fire, so nothing is written unless `flush` is called. */
class StandingClock implements Clock {
  wall = 1_700_000_000_000;
  nowMs(): number {
    return 0;
  }
  wallMs(): number {
    return this.wall;
  }
  setTimer(): { cancel(): void } {
    return { cancel() {} };
  }
}

function fill(store: SessionStore, count: number): void {
  for (let i = 0; i < count; i += 1) store.set(`key ${i}`, Uint8Array.of(i & 255));
}

describe('the memory session store', () => {
  it('keeps 256 sessions and drops the least recently used', () => {
    const store = createMemorySessionStore();
    fill(store, 256);
    expect(store.get('key 0')).to.deep.equal(Uint8Array.of(0));
    store.set('one more', Uint8Array.of(1));
    expect(store.get('key 0')).to.deep.equal(Uint8Array.of(0));
    expect(store.get('key 1')).to.equal(undefined);
  });

  it('keeps its own copy', () => {
    const store = createMemorySessionStore();
    const session = Uint8Array.of(1, 2, 3);
    store.set('key', session);
    session.fill(0);
    expect(store.get('key')).to.deep.equal(Uint8Array.of(1, 2, 3));
    store.delete('key');
    expect(store.get('key')).to.equal(undefined);
  });
});

describe('the file session store', () => {
  let directory = '';
  let file = '';
  let logger: Recorder;
  let clock: StandingClock;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'flotilla-store-'));
    file = join(directory, 'sessions.json');
    logger = new Recorder();
    clock = new StandingClock();
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  const open = () => createFileSessionStore(file, { clock, logger });

  it('gives back after a restart what was stored, from a file with owner-only rights', () => {
    const store = open();
    store.set('worker@127.0.0.1:1', Uint8Array.of(0, 255, 7));
    store.flush();
    expect(statSync(file).mode & 0o777).to.equal(0o600);
    expect(readdirSync(directory)).to.deep.equal(['sessions.json']);
    expect([...(open().get('worker@127.0.0.1:1') ?? [])]).to.deep.equal([0, 255, 7]);
  });

  it('forgets what was deleted, also in the file', () => {
    const store = open();
    store.set('key', Uint8Array.of(1));
    store.flush();
    store.delete('key');
    store.flush();
    expect(open().get('key')).to.equal(undefined);
  });

  it('keeps 256 sessions and drops the least recently used', () => {
    const store = open();
    fill(store, 300);
    store.flush();
    const sessions = (JSON.parse(readFileSync(file, 'utf8')) as { sessions: object }).sessions;
    expect(Object.keys(sessions)).to.have.length(256);
    expect(sessions).to.have.property('key 299');
    expect(sessions).not.to.have.property('key 43');
  });

  it('gives out nothing older than 24 hours', () => {
    open();
    const store = open();
    store.set('key', Uint8Array.of(1));
    clock.wall += 24 * HOUR;
    expect(store.get('key')).to.deep.equal(Buffer.of(1));
    clock.wall += 1;
    expect(store.get('key')).to.equal(undefined);
  });

  it('ignores, with a warning, a file that others can read', () => {
    const store = open();
    store.set('key', Uint8Array.of(1));
    store.flush();
    chmodSync(file, 0o640);
    expect(open().get('key')).to.equal(undefined);
    expect(logger.warnings).to.have.length(1);
    expect(logger.warnings[0]).to.contain('others can read');
  });

  it('starts empty, with a warning, from a damaged file, and replaces it', () => {
    for (const damage of ['', '{', '[]', '{"version":2,"sessions":{}}', '{"version":1,"sessions":[]}', 'null']) {
      writeFileSync(file, damage, { mode: 0o600 });
      chmodSync(file, 0o600);
      const store = open();
      expect(store.get('key'), damage).to.equal(undefined);
      store.set('key', Uint8Array.of(1));
      store.flush();
      expect(open().get('key'), damage).to.deep.equal(Buffer.of(1));
    }
    expect(logger.warnings).to.have.length(6);
  });

  it('skips entries of a wrong shape', () => {
    const sessions = { a: 1, b: { session: 5, savedAtMs: 1 }, c: null, d: { session: 'AQ==', savedAtMs: clock.wall } };
    writeFileSync(file, JSON.stringify({ version: 1, sessions }), { mode: 0o600 });
    const store = open();
    expect(['a', 'b', 'c'].map((key) => store.get(key))).to.deep.equal([undefined, undefined, undefined]);
    expect(store.get('d')).to.deep.equal(Buffer.of(1));
  });

  it('goes on in memory, with one warning, when the file cannot be written', () => {
    file = join(directory, 'no', 'such', 'directory.json');
    const store = open();
    for (let i = 0; i < 3; i += 1) {
      store.set('key', Uint8Array.of(i));
      store.flush();
    }
    expect(store.get('key')).to.deep.equal(Buffer.of(2));
    expect(logger.warnings).to.have.length(1);
    expect(existsSync(file)).to.equal(false);
  });
});

describe('SessionBook', () => {
  it('offers a session only under the certificate that earned it', () => {
    const store = createMemorySessionStore();
    const book = new SessionBook(store, 'aa'.repeat(32));
    const key = sessionKey('worker', { host: '::1', port: 7 });
    expect(key).to.equal('worker@[::1]:7');
    book.save(key, Uint8Array.of(1, 2));
    expect([...(book.find(key) ?? [])]).to.deep.equal([1, 2]);
    book.setOwner('bb'.repeat(32));
    expect(book.find(key)).to.equal(undefined);
    expect(store.get(key)).to.equal(undefined);
  });
});
