import type { LogEntry } from '../../../src/ports/index.js';
import { decodeConfig, formatConfig, type Persist, type RaftEvent, type RaftMessage } from '../../../src/raft/index.js';

/** `voteRequest t2 last=4/1`. */
export function describeMessage(message: RaftMessage): string {
  return `${message.type} t${message.term}${detailOf(message)}`;
}

/** `is leader of term 2`. */
export function describeEvent(event: RaftEvent): string {
  switch (event.type) {
    case 'becameLeader':
      return `leads term ${event.term}`;
    case 'leaderChanged':
      return event.leader === undefined ? 'knows no leader' : `follows ${event.leader} in term ${event.term}`;
    case 'steppedDown':
      return `steps down: ${event.reason}`;
    case 'configChanged':
      return `uses config ${formatConfig(event.config)} (of ${event.index})`;
    case 'configCommitted':
      return `sees config ${formatConfig(event.config)} committed (of ${event.index})`;
    case 'transferAborted':
      return `takes leadership back from ${event.to}`;
    case 'peerViolation':
      return `distrusts ${event.from}: ${event.what}`;
    default:
      return '';
  }
}

/** `writes #3: 5/2 6/2, term 2 vote 1`. */
export function describePersist({ sequence, snapshot, entries, hardState }: Persist): string {
  const parts = [
    ...(snapshot === undefined ? [] : [`snapshot ${snapshot.index}/${snapshot.term}`]),
    ...(entries.length === 0 ? [] : [entries.map((entry) => `${entry.index}/${entry.term}`).join(' ')]),
    ...(hardState === undefined ? [] : [`term ${hardState.term} vote ${hardState.vote ?? '-'}`]),
  ];
  return `writes #${sequence}: ${parts.join(', ')}`;
}

/** `5/2 "x"`, `6/2 noop`, `7/2 config 1 2 3`. */
export function describeEntry({ index, term, type, data }: LogEntry): string {
  const config = type === 'config' ? decodeConfig(data) : undefined;
  if (config !== undefined) return `${index}/${term} [${formatConfig(config)}]`;
  return `${index}/${term} ${type === 'noop' ? 'noop' : JSON.stringify(new TextDecoder().decode(data))}`;
}

function detailOf(message: RaftMessage): string {
  switch (message.type) {
    case 'preVoteRequest':
      return ` last=${message.last.index}/${message.last.term}`;
    case 'voteRequest':
      return ` last=${message.last.index}/${message.last.term}${message.isTransfer ? ' transfer' : ''}`;
    case 'preVoteReply':
    case 'voteReply':
      return message.isGranted ? ' granted' : ' refused';
    case 'appendRequest': {
      const { previous, entries, commit } = message;
      const list = entries.map(describeEntry).join(', ');
      return ` after=${previous.index}/${previous.term} commit=${commit}${list === '' ? '' : ` {${list}}`}`;
    }
    case 'appendAccept':
      return ` match=${message.match}`;
    case 'appendReject':
      return ` rejected=${message.rejected} hint=${message.hint.index}/${message.hint.term}`;
    case 'heartbeat':
      return ` commit=${message.commit} round=${message.round}`;
    case 'heartbeatReply':
      return ` round=${message.round}${message.isBehind ? ' behind' : ''}`;
    case 'installSnapshot':
      return ` ${message.meta.index}/${message.meta.term}`;
    case 'readIndexRequest':
      return ` ${message.mode}`;
    case 'readIndexReply':
      return ` index=${message.index ?? 'refused'}`;
    default:
      return '';
  }
}
