import { putReplyBytes } from './reply-codec.js';

/**
 * What is remembered of an executed command: the reply's bytes or, for a put that gave nothing back, which nearly all
 * commands are, its revision alone; the bytes are made of it when they are asked for.
 */
export type Remembered = Uint8Array | number;

/** In the place of a reply that was dropped: the command was executed. */
export const REPLY_FORGOTTEN = -1;

/**
 * The executed commands of one session above its floor, by sequence: a ring that grows to what the session has needed,
 * 8 bytes for each of at most `kvSessionCommandsMax` places.
 */
export class ReplyWindow {
  /** All commands up to this one are answered and forgotten. */
  floor = 0;
  private slots: (Remembered | undefined)[] = [];

  /** `undefined`: not executed, or not above the floor. */
  get(sequence: number): Remembered | undefined {
    const { slots, floor } = this;
    return sequence > floor && sequence <= floor + slots.length ? slots[sequence & (slots.length - 1)] : undefined;
  }

  /** `sequence` is above the floor. */
  set(sequence: number, reply: Remembered): void {
    if (sequence - this.floor > this.slots.length) this.grow(sequence - this.floor);
    this.slots[sequence & (this.slots.length - 1)] = reply;
  }

  /** Raises the floor; returns the bytes of the replies that are dropped for it. */
  forgetTo(floor: number): number {
    let bytes = 0;
    const { slots } = this;
    const last = Math.min(floor, this.floor + slots.length);
    for (let sequence = this.floor + 1; sequence <= last; sequence += 1) {
      const at = sequence & (slots.length - 1);
      const reply = slots[at];
      if (reply === undefined) continue;
      slots[at] = undefined;
      bytes += bytesOf(reply);
    }
    this.floor = floor;
    return bytes;
  }

  /** Sequences of executed commands, in order. */
  *sequences(): Generator<number> {
    for (let place = 1; place <= this.slots.length; place += 1) {
      if (this.get(this.floor + place) !== undefined) yield this.floor + place;
    }
  }

  copy(): ReplyWindow {
    const copy = new ReplyWindow();
    copy.floor = this.floor;
    copy.slots = this.slots.slice();
    return copy;
  }

  private grow(size: number): void {
    let length = Math.max(SLOTS_MIN, this.slots.length);
    while (length < size) length *= 2;
    const slots = new Array<Remembered | undefined>(length).fill(undefined);
    for (const sequence of this.sequences()) slots[sequence & (length - 1)] = this.get(sequence);
    this.slots = slots;
  }
}

/** A revision counts as much as the reply that it stands for: also a restored member must count the same. */
export function bytesOf(reply: Remembered): number {
  if (typeof reply !== 'number') return reply.length;
  return reply === REPLY_FORGOTTEN ? 0 : putReplyBytes(reply);
}

const SLOTS_MIN = 16;
