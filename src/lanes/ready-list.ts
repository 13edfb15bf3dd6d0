/**
 * A stream as the scheduler sees it; at the same time a node of the list it is in:
 *
 * ```
 *   +-> head -> stream -> stream -> stream -+
 *   +---------------------------------------+      (both directions)
 * ```
 *
 * The links live in the stream itself, so that moving one between lists, or taking it out from the middle, allocates
 * nothing and needs no search.
 */
export class ScheduledStream {
  readonly streamId: number;
  /** Bytes the transport said are waiting; a linked stream has at least 1. */
  bytesWaiting = 0;
  /** What it may still hand over before the next stream of its class; at least 1 while it is ready. */
  quantumLeftBytes = 0;
  /** The turn in which its flow control was found exhausted; older turns do not count. */
  blockedTurn = -1;
  next: ScheduledStream = this;
  previous: ScheduledStream = this;

  constructor(streamId: number) {
    this.streamId = streamId;
  }

  get linked(): boolean {
    return this.next !== this;
  }

  /** Leaves the list it is in, if any. */
  unlink(): void {
    this.previous.next = this.next;
    this.next.previous = this.previous;
    this.next = this;
    this.previous = this;
  }
}

/** A circular list with a head that is no stream of its own. All methods are O(1). */
export class ReadyList {
  private readonly head = new ScheduledStream(-1);

  first(): ScheduledStream | undefined {
    const first = this.head.next;
    return first === this.head ? undefined : first;
  }

  /** Puts a stream at the end, out of whatever list it was in. */
  append(stream: ScheduledStream): void {
    stream.unlink();
    const last = this.head.previous;
    last.next = stream;
    stream.previous = last;
    stream.next = this.head;
    this.head.previous = stream;
  }

  /** Moves all of `other` to the end of this list, in order. */
  appendAll(other: ReadyList): void {
    const first = other.head.next;
    if (first === other.head) return;
    const last = other.head.previous;
    other.head.next = other.head;
    other.head.previous = other.head;
    const ownLast = this.head.previous;
    ownLast.next = first;
    first.previous = ownLast;
    last.next = this.head;
    this.head.previous = last;
  }
}
