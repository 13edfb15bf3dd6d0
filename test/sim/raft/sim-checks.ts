import type { LogEntry, MemberId } from '../../../src/ports/index.js';
import type { Effects, MessageAfterPersist, RaftCore } from '../../../src/raft/index.js';
import type { RaftNode } from '../../../src/raft/node.js';
import type { SimState } from './sim-disk.js';

/** A property of figure 3.2 of the Raft dissertation does not hold. */
export class SafetyViolation extends Error {
  override readonly name = 'SafetyViolation';
}

/** What the checks remember of one life of one member. */
export interface Watched {
  readonly id: MemberId;
  readonly core: RaftCore;
  /** Commit index at the last look. */
  commit: number;
  /** The last term in which it was seen leading. */
  ledTerm: number;
}

/**
 * The five safety properties, and durable votes, over a whole run: looks at every member after each of its steps. It
 * sees all members at once, so it can compare what none of them could.
 */
export class SimChecks {
  /** How far anybody has ever committed: what a linearizable read must see. */
  committedTo = 0;
  private readonly leaders = new Map<number, MemberId>();
  private readonly entries = new Map<string, { readonly before: number | undefined; readonly text: string }>();
  private readonly committed = new Map<number, { readonly term: number; readonly inTerm: number }>();
  private readonly hashes = new Map<number, number>();
  private readonly votes = new Map<string, MemberId>();

  /** After a step: what the member is now, and what it wants done. */
  look(watched: Watched, effects: Effects): void {
    const node = inside(watched.core);
    this.checkElection(watched, node);
    for (const entry of effects.persist?.entries ?? []) this.checkMatching(node, entry);
    this.checkCommit(watched, node);
  }

  /** Votes count from the moment they leave. */
  sent(from: MemberId, message: MessageAfterPersist): void {
    if (message.type === 'voteRequest') this.vote(from, message.term, from);
    if (message.type === 'voteReply' && message.isGranted) this.vote(from, message.term, message.to);
  }

  /** State machine safety: after the same entry every state is the same. */
  applied(id: MemberId, { index, hash }: SimState): void {
    const known = this.hashes.get(index) ?? hash;
    if (known !== hash) fail(`state machine safety: member ${id} differs after entry ${index}`);
    this.hashes.set(index, hash);
  }

  /** Reads see everything that was committed anywhere when they began. */
  read(id: MemberId, index: number, mustSee: number, mode: string): void {
    if (index < mustSee) fail(`linearizable reads: a ${mode} read at ${id} sees ${index}, ${mustSee} was committed`);
  }

  private checkElection(watched: Watched, node: RaftNode): void {
    if (node.role !== 'leader' || watched.ledTerm === node.term) return;
    watched.ledTerm = node.term;
    const other = this.leaders.get(node.term) ?? node.id;
    if (other !== node.id) fail(`election safety: members ${other} and ${node.id} lead term ${node.term}`);
    this.leaders.set(node.term, node.id);
    for (const [index, { term, inTerm }] of this.committed) {
      if (inTerm >= node.term || index < node.log.baseIndex) continue;
      if (node.log.termAt(index as never) === term) continue;
      fail(`leader completeness: leader ${node.id} of term ${node.term} lacks committed entry ${index}/${term}`);
    }
  }

  private checkMatching(node: RaftNode, { index, term, type, data }: LogEntry): void {
    const key = `${index}/${term}`;
    const before = node.log.termAt((index - 1) as never);
    const text = `${type}${data.join()}`;
    const known = this.entries.get(key);
    if (known === undefined) this.entries.set(key, { before, text });
    else if (known.text !== text || (before !== undefined && known.before !== undefined && known.before !== before)) {
      fail(`log matching: member ${node.id} has another entry ${key}`);
    }
  }

  private checkCommit(watched: Watched, { id, log, term }: RaftNode): void {
    if (log.commit < watched.commit) fail(`commit of member ${id} goes back from ${watched.commit} to ${log.commit}`);
    for (let index = Math.max(watched.commit, log.baseIndex - 1) + 1; index <= log.commit; index += 1) {
      const mine = log.termAt(index as never);
      if (mine === undefined) continue;
      const known = this.committed.get(index);
      if (known === undefined) this.committed.set(index, { term: mine, inTerm: term });
      else if (known.term !== mine) fail(`member ${id} commits ${index}/${mine}, ${index}/${known.term} was committed`);
    }
    watched.commit = log.commit;
    this.committedTo = Math.max(this.committedTo, log.commit);
  }

  private vote(voter: MemberId, term: number, candidate: MemberId): void {
    const key = `${voter}/${term}`;
    const known = this.votes.get(key) ?? candidate;
    if (known !== candidate) fail(`durable votes: member ${voter} votes for ${known} and ${candidate} in term ${term}`);
    this.votes.set(key, candidate);
  }
}

/** The state behind a core, which only checks may look at. */
export function inside(core: RaftCore): RaftNode {
  return Reflect.get(core, 'node') as RaftNode;
}

function fail(what: string): never {
  throw new SafetyViolation(what);
}
