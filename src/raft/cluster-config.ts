import type { NodeId } from '../base/index.js';
import type { MemberId } from '../ports/index.js';

/** A member and the node it lives on. */
export interface Member {
  readonly id: MemberId;
  readonly node: NodeId;
}

/**
 * Who belongs to the group and whose agreement counts (Raft dissertation, sections 4.2 and 4.3). A value: changes make
 * a new one (see `conf-change.ts`). It is in force from the moment its entry is in the log, committed or not.
 */
export interface ClusterConfig {
  /** Everybody named below, by ascending id. */
  readonly members: readonly Member[];
  /** Not empty. */
  readonly voters: readonly MemberId[];
  /** The voters that are being replaced: not empty exactly while the configuration is joint; both halves must agree. */
  readonly outgoing: readonly MemberId[];
  /** Get the log, count for nothing. */
  readonly learners: readonly MemberId[];
  /** Outgoing voters that become learners when the joint configuration ends. */
  readonly learnersNext: readonly MemberId[];
}

/** A node that has not heard of any configuration yet: it is asked for nothing and can do nothing but listen. */
export const EMPTY_CONFIG: ClusterConfig = { members: [], voters: [], outgoing: [], learners: [], learnersNext: [] };

export function isJoint(config: ClusterConfig): boolean {
  return config.outgoing.length > 0;
}

/** Counts in an election and for commitment, in either half. */
export function isVoter(config: ClusterConfig, id: MemberId): boolean {
  return config.voters.includes(id) || config.outgoing.includes(id);
}

export function isMember(config: ClusterConfig, id: MemberId): boolean {
  return config.members.some((member) => member.id === id);
}

/** `1 2 3`, joint `(1 2 4)&(1 2 3)`, learners after `learners=`. */
export function formatConfig(config: ClusterConfig): string {
  const voters = isJoint(config)
    ? `(${config.voters.join(' ')})&(${config.outgoing.join(' ')})`
    : config.voters.join(' ');
  const learners = config.learners.length > 0 ? ` learners=${config.learners.join(' ')}` : '';
  const next = config.learnersNext.length > 0 ? ` learnersNext=${config.learnersNext.join(' ')}` : '';
  return `${voters}${learners}${next}`;
}
