import type { GroupMember, GroupStatus } from '../../index.js';
import { formatDuration } from '../format-duration.js';
import { type Column, formatTable } from '../table.js';
import type { GroupView, Survey } from './ask-directors.js';

/** A member as the leader sees it, and as it sees itself. */
interface Row {
  readonly member: GroupMember;
  readonly own: GroupStatus | undefined;
}

/** One group for people: a line about the whole, and a line per member. */
export function formatGroup({ group, leader }: GroupView, { answering, silent }: Survey): string {
  const rows = group.members.map((member): Row => {
    const answer = answering.find(({ status }) => status.id === member.node);
    return { member, own: answer?.status.groups.find(({ id }) => id === group.id) };
  });
  const head = [
    `group ${group.id} (${group.name})`,
    leaderText(group, leader !== undefined),
    `term ${group.term}`,
    `commit ${count(group.commitIndex)} of ${count(group.lastIndex)}`,
    `snapshot ${count(group.snapshotIndex)}`,
  ].join(', ');
  const known = new Set(group.members.map(({ address }) => address));
  const strangers = silent.filter(({ address }) => !known.has(address));
  const notes = strangers.map(({ address, error }) => `${address} does not answer: ${error.message}`);
  return [head, formatTable(COLUMNS, rows), ...notes].join('\n');
}

function leaderText({ leader }: GroupStatus, answered: boolean): string {
  if (leader === undefined) return 'NO LEADER: too few directors can reach one another';
  return answered ? `leader ${leader}` : `leader ${leader}, which does not answer`;
}

function roleOf({ member, own }: Row): string {
  return own?.role === 'leader' ? 'leader' : member.role;
}

function stateOf({ own }: Row): string {
  if (own === undefined) return 'no answer';
  return own.isDiskFull ? 'disk full' : 'up';
}

function orDash<T>(value: T | undefined, format: (value: T) => string): string {
  return value === undefined ? '-' : format(value);
}

function count(value: number): string {
  return value.toLocaleString('en');
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'DIRECTOR', value: ({ member }) => member.node },
  { title: 'MEMBER', value: ({ member }) => String(member.id), align: 'right' },
  { title: 'ROLE', value: roleOf },
  { title: 'ADDRESS', value: ({ member }) => orDash(member.address, String) },
  { title: 'STATE', value: stateOf },
  { title: 'MATCH', value: ({ member, own }) => orDash(member.match ?? own?.lastIndex, count), align: 'right' },
  { title: 'APPLIED', value: ({ own }) => orDash(own?.appliedIndex, count), align: 'right' },
  { title: 'LAG', value: ({ own }) => orDash(own?.durableLag, count), align: 'right' },
  { title: 'CAUGHT UP', value: ({ member }) => orDash(member.isCaughtUp, (is) => (is ? 'yes' : 'no')) },
  { title: 'SILENT', value: ({ member }) => orDash(member.silentMs, formatDuration), align: 'right' },
];
