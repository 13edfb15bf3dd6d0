import type { ConnectTarget } from '../../ports/index.js';
import type { NativeConnection } from './native.js';
import { type SessionBook, sessionKey } from './session-book.js';

/** What the connecting side does about resumption: offers a stored session, and stores the new one. */
export class ClientSession {
  /** A session was offered: the handshake may be shortened. */
  offered = false;
  private saved = false;
  private readonly key: string;
  private readonly book: SessionBook;

  constructor(book: SessionBook, target: ConnectTarget) {
    this.book = book;
    this.key = sessionKey(target.role, target.address);
  }

  /** Before the first datagram. A stored session that cannot be read is deleted. */
  offer(native: NativeConnection): void {
    const session = this.book.find(this.key);
    if (session === undefined) return;
    try {
      native.setSession(session);
      this.offered = true;
    } catch {
      this.book.delete(this.key);
    }
  }

  /** After the handshake: a session that the server did not take is of no more use. */
  settled(resumed: boolean): void {
    if (this.offered && !resumed) this.book.delete(this.key);
  }

  /** Stores the ticket once it has come; cheap to call until then. */
  keep(native: NativeConnection): void {
    if (!this.saved) this.keepLatest(native);
  }

  /** At the end: the server may have sent a newer ticket. */
  keepLatest(native: NativeConnection): void {
    const session = native.session();
    if (session === null) return;
    this.saved = true;
    this.book.save(this.key, session);
  }

  /** The peer refused us or was refused: its session must not be used again. */
  forget(): void {
    this.book.delete(this.key);
  }
}
