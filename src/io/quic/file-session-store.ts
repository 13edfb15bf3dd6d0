import {
  chmodSync,
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import type { Clock, Logger, SessionStore } from '../../ports/index.js';
import { SESSION_AGE_MS_MAX, SESSIONS_MAX } from './session-store.js';

export interface FileSessionStoreOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long changes wait before they are written, in milliseconds. Default 200. */
  readonly writeDelayMs?: number;
}

interface StoredSession {
  readonly session: string;
  readonly savedAtMs: number;
}

/**
 * Keeps sessions in a file, so that a process that starts again resumes (and sends 0-RTT data) at once. A session is
 * as good as a key: the file has owner-only rights, is replaced as a whole, and is ignored with a warning when others
 * can read it. At most 256 sessions, the least recently used go; none older than 24 hours is given out. A file that is
 * missing or damaged counts as empty; one that cannot be written is reported once.
 */
export function createFileSessionStore(file: string, options: FileSessionStoreOptions): FileSessionStore {
  return new FileSessionStore(file, options);
}

export class FileSessionStore implements SessionStore {
  private readonly file: string;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly writeDelayMs: number;
  private readonly sessions: Map<string, StoredSession>;
  private isWriteDue = false;
  private hasFailed = false;

  constructor(file: string, options: FileSessionStoreOptions) {
    this.file = file;
    this.clock = options.clock;
    this.logger = options.logger;
    this.writeDelayMs = options.writeDelayMs ?? WRITE_DELAY_MS;
    this.sessions = this.read();
  }

  get(key: string): Uint8Array | undefined {
    const stored = this.sessions.get(key);
    if (stored === undefined) return undefined;
    if (this.isOld(stored)) {
      this.delete(key);
      return undefined;
    }
    this.sessions.delete(key);
    this.sessions.set(key, stored);
    return Buffer.from(stored.session, 'base64');
  }

  set(key: string, session: Uint8Array): void {
    this.sessions.delete(key);
    this.sessions.set(key, { session: Buffer.from(session).toString('base64'), savedAtMs: this.clock.wallMs() });
    this.trim();
    this.changed();
  }

  delete(key: string): void {
    if (this.sessions.delete(key)) this.changed();
  }

  /** Writes what has not been written yet; for a process that is about to end. */
  flush(): void {
    if (!this.isWriteDue) return;
    this.isWriteDue = false;
    const temporary = `${this.file}.${process.pid}.tmp`;
    try {
      const sessions = Object.fromEntries(this.sessions);
      writeFileSync(temporary, JSON.stringify({ version: FILE_VERSION, sessions }), { mode: OWNER_ONLY });
      chmodSync(temporary, OWNER_ONLY);
      renameSync(temporary, this.file);
      this.hasFailed = false;
    } catch (error) {
      if (!this.hasFailed) {
        this.logger.warn({ file: this.file, error: String(error) }, 'the session file cannot be written');
      }
      this.hasFailed = true;
      removeQuietly(temporary);
    }
  }

  /** Several connections that end together are one write. */
  private changed(): void {
    if (this.isWriteDue) return;
    this.isWriteDue = true;
    this.clock.setTimer(this.writeDelayMs, () => this.flush(), { unref: true });
  }

  private trim(): void {
    for (const [key, stored] of this.sessions) {
      if (this.sessions.size <= SESSIONS_MAX && !this.isOld(stored)) return;
      this.sessions.delete(key);
    }
  }

  private isOld(stored: StoredSession): boolean {
    const age = this.clock.wallMs() - stored.savedAtMs;
    return age > SESSION_AGE_MS_MAX || age < -SESSION_AGE_MS_MAX;
  }

  private read(): Map<string, StoredSession> {
    const text = this.readOwnFile();
    if (text === undefined) return new Map();
    try {
      return parse(text);
    } catch {
      this.logger.warn({ file: this.file }, 'the session file is damaged and is not used');
      return new Map();
    }
  }

  private readOwnFile(): string | undefined {
    let handle: number;
    try {
      handle = openSync(this.file, 'r');
    } catch {
      return undefined;
    }
    try {
      const { mode, size } = fstatSync(handle);
      if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
        this.logger.warn({ file: this.file }, 'the session file is ignored: others can read or write it (chmod 600)');
        return undefined;
      }
      return size > FILE_BYTES_MAX ? undefined : readFileSync(handle, 'utf8');
    } catch {
      return undefined;
    } finally {
      closeSync(handle);
    }
  }
}

function parse(text: string): Map<string, StoredSession> {
  const content: unknown = JSON.parse(text);
  if (!isRecord(content) || content.version !== FILE_VERSION || !isRecord(content.sessions)) {
    throw new SyntaxError('not a session file');
  }
  const sessions = new Map<string, StoredSession>();
  for (const [key, stored] of Object.entries(content.sessions)) {
    if (!isRecord(stored)) continue;
    const { session, savedAtMs } = stored;
    if (typeof session === 'string' && typeof savedAtMs === 'number') sessions.set(key, { session, savedAtMs });
    if (sessions.size >= SESSIONS_MAX) break;
  }
  return sessions;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function removeQuietly(file: string): void {
  try {
    unlinkSync(file);
  } catch {
    // It was never made.
  }
}

const FILE_VERSION = 1;
const OWNER_ONLY = 0o600;
const WRITE_DELAY_MS = 200;
const FILE_BYTES_MAX = 8 * 1024 * 1024;
