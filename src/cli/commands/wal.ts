import { basename } from 'node:path';
import type { Command } from 'commander';
import {
  type GroupInspection,
  type GroupRepair,
  inspectLog,
  type LogInspection,
  type LogProblem,
  type RepairReport,
  repairLog,
  type SegmentInspection,
  type SnapshotInspection,
} from '../../index.js';
import { EXIT_FAILED, EXIT_OK } from '../failure.js';
import { formatBytes } from '../format-bytes.js';
import { print, printJson } from '../output.js';
import { addCerts, addJson, type JsonFlags } from '../shared-options.js';
import { type Column, formatPairs, formatTable } from '../table.js';
import type { Finish } from './finish.js';

interface RepairFlags extends JsonFlags {
  readonly discardDamaged: boolean;
}

/** `wal inspect` and `wal repair`: a director's files, without its cluster. */
export function addWal(program: Command, finish: Finish): void {
  const wal = program
    .command('wal')
    .description('Look at and repair the write-ahead log and the snapshots of a director.')
    .helpCommand(false);
  addJson(addCerts(wal.command('inspect').argument('<DIR>', 'data directory of a director, or of one of its groups')))
    .description('Print segments, terms, indices, snapshots and damage. Only reads; the node may run.')
    .action((dir: string, flags: JsonFlags) => finish(inspect(dir, flags)));
  addJson(addCerts(wal.command('repair').argument('<DIR>', 'data directory of a director that does not run')))
    .description('Cut an unfinished write off the end of the log, as a start does; leave damage alone.')
    .option(
      '--discard-damaged',
      'move all data aside when a group is damaged; the director must then be removed from the cluster and added again',
      false,
    )
    .action((dir: string, flags: RepairFlags) => finish(repair(dir, flags)));
}

/** Exit code 1 when a start of the node would refuse what is there. */
async function inspect(dir: string, { json }: JsonFlags): Promise<number> {
  const found = await inspectLog(dir);
  if (json) printJson(found);
  else print(formatInspection(found));
  const isDamaged = found.groups.some(({ problems }) => problems.some(({ kind }) => kind === 'damaged'));
  return isDamaged ? EXIT_FAILED : EXIT_OK;
}

/** Exit code 1 when damage was left as it is. */
async function repair(dir: string, { json, discardDamaged }: RepairFlags): Promise<number> {
  const report = await repairLog(dir, { discardDamaged });
  if (json) printJson(report);
  else print(formatReport(report));
  return report.groups.some(({ action }) => action === 'refused') ? EXIT_FAILED : EXIT_OK;
}

/** What was found, for people: one block per group. */
export function formatInspection({ directory, user, groups }: LogInspection): string {
  const running = user === undefined ? 'not in use' : `in use by process ${user.pid} on ${user.host}`;
  const head = formatPairs([
    ['directory', directory],
    ['state', running],
  ]);
  return [head, ...groups.map((group) => formatGroup(group, user !== undefined))].join('\n\n');
}

function formatGroup(found: GroupInspection, isRunning: boolean): string {
  const { group, segments, spare, snapshots, hardState, entries, problems } = found;
  const usedBytes = segments.reduce((sum, segment) => sum + segment.usedBytes, 0);
  const summary = formatPairs([
    ['group', String(group)],
    ['hard state', hardState === undefined ? '-' : formatHardState(hardState)],
    [
      'entries',
      entries === undefined
        ? '-'
        : `${entries.firstIndex} to ${entries.lastIndex}, terms ${range(entries.firstTerm, entries.lastTerm)}`,
    ],
    [
      'log',
      `${segments.length} segments, ${formatBytes(usedBytes)} used; ${spare.files} spare, ${formatBytes(spare.sizeBytes)}`,
    ],
    ['snapshots', String(snapshots.length)],
    ['damage', problems.some(({ kind }) => kind === 'damaged') ? 'YES' : 'none'],
  ]);
  const tables = [
    ...(segments.length === 0 ? [] : [formatTable(SEGMENT_COLUMNS, segments)]),
    ...(snapshots.length === 0 ? [] : [formatTable(SNAPSHOT_COLUMNS, snapshots)]),
  ];
  return [summary, ...tables, ...problems.map((problem) => formatProblem(problem, isRunning))].join('\n\n');
}

function formatProblem({ kind, file, offset, what, advice }: LogProblem, isRunning: boolean): string {
  const title = { torn: 'unfinished', bypassed: 'damaged', damaged: 'DAMAGED' }[kind];
  const todo = kind === 'torn' && isRunning ? 'nothing: the running node is writing it' : advice;
  return `${title}: ${file}: offset ${offset}: ${what}\n  what to do: ${todo}`;
}

/** What was done, for people. */
export function formatReport({ groups }: RepairReport): string {
  const isDiscarded = groups.some(({ action }) => action === 'discarded');
  return [...groups.map(formatRepair), ...(isDiscarded ? [AFTER_DISCARD] : [])].join('\n');
}

function formatRepair({ group, action, problems, movedTo }: GroupRepair): string {
  const damage = problems.filter(({ kind }) => kind === 'damaged').map((problem) => formatProblem(problem, false));
  switch (action) {
    case 'none':
      return `group ${group}: nothing to repair`;
    case 'cut':
      return problems
        .filter(({ kind }) => kind === 'torn')
        .map(({ file, offset, what }) => `group ${group}: cut off ${what}: ${file} from offset ${offset}`)
        .join('\n');
    case 'refused':
      return [`group ${group}: damaged, and left as it is`, ...damage].join('\n');
    default:
      return [...damage, `group ${group}: moved to ${movedTo}`].join('\n');
  }
}

function formatHardState({ term, vote, commit }: NonNullable<GroupInspection['hardState']>): string {
  return `term ${term}, ${vote === undefined ? 'no vote' : `vote for member ${vote}`}, commit ${commit} or later`;
}

const SEGMENT_COLUMNS: readonly Column<SegmentInspection>[] = [
  { title: 'SEGMENT', value: ({ file }) => basename(file) },
  { title: 'SIZE', value: ({ sizeBytes }) => formatBytes(sizeBytes), align: 'right' },
  { title: 'USED', value: ({ usedBytes }) => formatBytes(usedBytes), align: 'right' },
  { title: 'RECORDS', value: ({ records }) => String(records), align: 'right' },
  { title: 'ENTRIES', value: ({ entries }) => String(entries), align: 'right' },
  { title: 'INDICES', value: ({ firstIndex, lastIndex }) => range(firstIndex, lastIndex), align: 'right' },
  { title: 'TERMS', value: ({ firstTerm, lastTerm }) => range(firstTerm, lastTerm), align: 'right' },
  { title: 'NOTES', value: notesOf },
  { title: 'STATE', value: ({ state }) => state },
];

const SNAPSHOT_COLUMNS: readonly Column<SnapshotInspection>[] = [
  { title: 'SNAPSHOT', value: ({ file }) => basename(file) },
  { title: 'INDEX', value: ({ index }) => String(index), align: 'right' },
  { title: 'TERM', value: ({ term }) => String(term), align: 'right' },
  { title: 'SIZE', value: ({ sizeBytes }) => formatBytes(sizeBytes), align: 'right' },
  { title: 'STATE', value: ({ state }) => state },
];

/** What replaced or dropped entries: `snapshot 40, dropped from 57`. */
function notesOf({ snapshots, truncations }: SegmentInspection): string {
  const notes = [
    ...snapshots.map((index) => `snapshot ${index}`),
    ...truncations.map((from) => `dropped from ${from}`),
  ];
  if (notes.length === 0) return '-';
  return notes.length <= NOTES_MAX ? notes.join(', ') : `${notes.slice(0, NOTES_MAX).join(', ')}, ...`;
}

function range(first: number, last: number): string {
  if (last === 0) return '-';
  return first === last ? String(first) : `${first}-${last}`;
}

const NOTES_MAX = 3;
const AFTER_DISCARD = `
This director has lost what it had promised and must not go on as the member that it was. In this order:
  flotilla member remove ID     at a director that runs; ID is this director
  flotilla member add ID        gives it a new membership
  flotilla director --id ID --join HOST:PORT ...   is rebuilt from its peers`;
