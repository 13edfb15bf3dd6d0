import type { LogIndex } from './log-store.js';

/**
 * What a Raft group replicates. Every member applies the same commands in the same order, so everything here must be
 * deterministic: no clock, no randomness, no iteration order that depends on the run.
 *
 * `apply` runs on the event loop between network and disk work; keep it short.
 */
export interface StateMachine {
  /**
   * Applies the commands of the entry at `index`, in order, and returns one reply for each. A command that cannot be
   * decoded or is refused gets a reply that says so; it must not throw, because every member would.
   *
   * @param repliesWanted false: nobody on this member waits for the replies, so that there need be none. What it answers
   * must not depend on it later either. Default true
   */
  apply(index: LogIndex, commands: readonly Uint8Array[], repliesWanted?: boolean): readonly Uint8Array[];
  /**
   * For a machine that reads commands where they stand, without a view of each: does what `apply` does and is called in
   * its place. `commands` is a well-formed list of them (`encodeByteList`), not to be changed or kept; the result is the
   * list of the replies, which the caller keeps; anything when none are wanted.
   */
  applyList?(index: LogIndex, commands: Uint8Array, repliesWanted: boolean): Uint8Array;
  /**
   * Freezes the state as it is now; the chunks are read later, while `apply` goes on. A chunk need only hold until the
   * next one is asked for: who keeps it copies it.
   */
  snapshot(): AsyncIterable<Uint8Array>;
  /** Replaces the state by that of a snapshot. `apply` is not called before this resolves. */
  restore(chunks: AsyncIterable<Uint8Array>): Promise<void>;
}
