import type { SessionStore } from '../../ports/index.js';

/** Sessions kept at most, in memory and in a file: the least recently used go first. */
export const SESSIONS_MAX = 256;
/** A session older than this is not offered any more. */
export const SESSION_AGE_MS_MAX = 24 * 3_600_000;

/** Keeps sessions for the life of the process: at most 256, the least recently used are dropped. */
export function createMemorySessionStore(): SessionStore {
  const sessions = new Map<string, Uint8Array>();
  return {
    get(key) {
      const session = sessions.get(key);
      if (session === undefined) return undefined;
      sessions.delete(key);
      sessions.set(key, session);
      return session;
    },
    set(key, session) {
      sessions.delete(key);
      sessions.set(key, Uint8Array.from(session));
      if (sessions.size <= SESSIONS_MAX) return;
      const oldest = sessions.keys().next();
      if (oldest.done !== true) sessions.delete(oldest.value);
    },
    delete(key) {
      sessions.delete(key);
    },
  };
}
