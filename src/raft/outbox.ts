import type { LogIndex, SnapshotMeta } from '../ports/index.js';
import type { RaftEvent, ReadRefusal, ReadState } from './effects.js';
import type { MessageAfterPersist, MessageNow, ReadId } from './message.js';

/** Effects that collect until the next `drain()`. */
export class Outbox {
  sendNow: MessageNow[] = [];
  sendAfterPersist: MessageAfterPersist[] = [];
  readStates: ReadState[] = [];
  events: RaftEvent[] = [];
  /** A durable snapshot that the state machine is to be restored from. */
  restore: SnapshotMeta | undefined;

  /** Sends without waiting for the disk. */
  now(message: MessageNow): void {
    this.sendNow.push(message);
  }

  /** Sends once everything that has changed so far is durable. */
  afterPersist(message: MessageAfterPersist): void {
    this.sendAfterPersist.push(message);
  }

  event(event: RaftEvent): void {
    this.events.push(event);
  }

  readReady(id: ReadId, index: LogIndex): void {
    this.readStates.push({ id, index });
  }

  readRefused(id: ReadId, refused: ReadRefusal): void {
    this.readStates.push({ id, index: undefined, refused });
  }
}
