import { systemCrc32 } from '../../../src/io/disk/index.js';
import type { HardState, LogEntry, MemberId } from '../../../src/ports/index.js';
import type { Effects, RaftCore, RaftMessage } from '../../../src/raft/index.js';
import type { RaftNode } from '../../../src/raft/node.js';

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
  private readonly appliedEntries = new Map<number, string>();
  private readonly appliedTexts = new Map<number, string>();
  private readonly hashes = new Map<number, string>();
  private readonly votes = new Map<string, MemberId>();
  private readonly votedIn = new Map<MemberId, number>();
  private readonly terms = new Map<MemberId, number>();
  /** Up to where a member has said that it holds the log, unless a leader replaced it since. */
  private readonly promised = new Map<MemberId, number>();

  /** After a step: what the member is now, and what it wants done. */
  look(watched: Watched, effects: Effects): void {
    const node = inside(watched.core);
    this.terms.set(node.id, node.term);
    this.checkElection(watched, node);
    const { entries = [] } = effects.persist ?? {};
    for (const entry of entries) this.checkMatching(node, entry);
    const replacedFrom = entries[0]?.index ?? Number.POSITIVE_INFINITY;
    if (replacedFrom <= this.promisedBy(node.id)) this.promised.set(node.id, replacedFrom - 1);
    this.checkCommit(watched, node);
  }

  /** Votes count from the moment they leave. */
  sent(from: MemberId, message: RaftMessage): void {
    if (message.type === 'voteRequest') this.vote(from, message.term, from);
    if (message.type === 'voteReply' && message.isGranted) this.vote(from, message.term, message.to);
    // One that waited for the disk may leave after a newer leader has replaced what it speaks of.
    if (message.type === 'appendAccept' && message.term === this.terms.get(from)) {
      this.promised.set(from, Math.max(this.promisedBy(from), message.match));
    }
  }

  /** After a restart: what left as a vote or an acknowledgement must still be known. */
  restarted(id: MemberId, { term, vote }: HardState, lastIndex: number): void {
    const voted = this.votes.get(`${id}/${term}`);
    if (term < (this.votedIn.get(id) ?? 0))
      fail(`durable votes: member ${id} comes back in term ${term}, it voted later`);
    if (voted !== undefined && voted !== vote)
      fail(`durable votes: member ${id} forgot its vote for ${voted} in ${term}`);
    const promised = this.promisedBy(id);
    if (lastIndex < promised)
      fail(`durable log: member ${id} acknowledged ${promised} and comes back with ${lastIndex}`);
  }

  /** State machine safety: nobody applies another entry at an index. */
  applied(id: MemberId, { index, term, data }: LogEntry): void {
    const text = `${term}:${hashOf(data)}`;
    const known = this.appliedEntries.get(index) ?? text;
    if (known !== text) fail(`state machine safety: member ${id} applies another entry ${index}`);
    this.appliedEntries.set(index, text);
  }

  /** The same where only the commands are seen. */
  appliedCommands(id: MemberId, index: number, commands: readonly Uint8Array[]): void {
    const text = commands.map(hashOf).join();
    const known = this.appliedTexts.get(index) ?? text;
    if (known !== text) fail(`state machine safety: member ${id} applies other commands at ${index}`);
    this.appliedTexts.set(index, text);
  }

  /** After the same entries every state is the same, also where they came as a snapshot. */
  state(id: MemberId, index: number, hash: string): void {
    const known = this.hashes.get(index) ?? hash;
    if (known !== hash) fail(`state machine safety: the state of member ${id} differs after entry ${index}`);
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
    const text = `${type}${hashOf(data)}`;
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

  private promisedBy(id: MemberId): number {
    return this.promised.get(id) ?? 0;
  }

  private vote(voter: MemberId, term: number, candidate: MemberId): void {
    const key = `${voter}/${term}`;
    const known = this.votes.get(key) ?? candidate;
    if (known !== candidate) fail(`durable votes: member ${voter} votes for ${known} and ${candidate} in term ${term}`);
    this.votes.set(key, candidate);
    this.votedIn.set(voter, Math.max(this.votedIn.get(voter) ?? 0, term));
  }
}

/** The state behind a core, which only checks may look at. */
export function inside(core: RaftCore): RaftNode {
  return Reflect.get(core, 'node') as RaftNode;
}

function hashOf(data: Uint8Array): number {
  return systemCrc32(data) ^ data.length;
}

function fail(what: string): never {
  throw new SafetyViolation(what);
}
