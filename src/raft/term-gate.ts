import type { MemberId } from '../ports/index.js';
import type { RaftMessage } from './message.js';
import type { RaftNode } from './node.js';
import { becomeFollower } from './transitions.js';

/**
 * Compares a message's term with the own (Raft dissertation, section 3.3): a newer one is taken over, an older one is
 * answered or dropped. False when the message is done with.
 */
export function passTerm(node: RaftNode, from: MemberId, message: RaftMessage): boolean {
  if (message.term > node.term) return passNewer(node, from, message);
  if (message.term < node.term) return passOlder(node, from, message);
  return true;
}

function passNewer(node: RaftNode, from: MemberId, message: RaftMessage): boolean {
  switch (message.type) {
    case 'preVoteRequest':
      return !node.isLeaderAlive; // changes no term
    case 'voteRequest':
      if (!message.isTransfer && node.isLeaderAlive) return false;
      break;
    case 'preVoteReply':
      if (message.isGranted) return true; // the term is the one we asked for, not one that began
      break;
    default:
      break;
  }
  becomeFollower(node, message.term, isFromLeader(message) ? from : undefined);
  return true;
}

function passOlder(node: RaftNode, from: MemberId, message: RaftMessage): boolean {
  switch (message.type) {
    // An old leader must hear that it is one. If it is the right one and this member's term ran ahead alone, then it
    // must hear that too: its votes are refused while the leader lives, so nothing else could bring it back.
    case 'appendRequest':
    case 'heartbeat':
    case 'installSnapshot':
      node.outbox.afterPersist({ type: 'newerTerm', to: from, term: node.term });
      return false;
    case 'preVoteRequest':
      node.outbox.now({ type: 'preVoteReply', to: from, term: node.term, isGranted: false });
      return false;
    case 'voteRequest':
      node.outbox.afterPersist({ type: 'voteReply', to: from, term: node.term, isGranted: false });
      return false;
    // A read was confirmed after it was asked for, in whatever term that was.
    case 'readIndexRequest':
    case 'readIndexReply':
      return true;
    default:
      return false;
  }
}

/** Sent by leaders only, so that the sender leads the message's term. */
export function isFromLeader(message: RaftMessage): boolean {
  switch (message.type) {
    case 'appendRequest':
    case 'heartbeat':
    case 'installSnapshot':
    case 'timeoutNow':
      return true;
    default:
      return false;
  }
}
