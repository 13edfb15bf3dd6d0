import { formatDuration } from '../format-duration.js';
import { type Column, formatTable } from '../table.js';
import type { NodeRow } from './node-rows.js';

/** The rows for people: a line about the whole cluster, and a line per node. */
export function formatTop(rows: readonly NodeRow[]): string {
  return `${summaryOf(rows)}\n\n${formatTable(COLUMNS, rows)}`;
}

function summaryOf(rows: readonly NodeRow[]): string {
  const count = (role: string): number => rows.filter((row) => row.role === role).length;
  const silent = rows.filter(({ state }) => state === 'silent').length;
  const workers = rows.filter(({ role }) => role === 'worker');
  const rates = workers.flatMap(({ callsPerS }) => (callsPerS === undefined ? [] : [callsPerS]));
  const parts = [
    plural(count('director'), 'director'),
    plural(count('worker'), 'worker'),
    ...(silent === 0 ? [] : [`${silent} silent`]),
    `${sum(workers.map(({ inFlight }) => inFlight ?? 0)).toLocaleString('en')} calls in progress`,
    ...(rates.length === 0 ? [] : [`${rateText(sum(rates))} calls/s`]),
  ];
  return parts.join(', ');
}

const COLUMNS: readonly Column<NodeRow>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'ROLE', value: ({ role }) => role },
  { title: 'STATE', value: ({ state, error }) => (error === undefined ? state : `${state} (${error.reason})`) },
  { title: 'HEALTH', value: ({ health }) => shown(health, (score) => score.toFixed(2)), align: 'right' },
  {
    title: 'IN FLIGHT',
    value: ({ inFlight }) => shown(inFlight, (calls) => calls.toLocaleString('en')),
    align: 'right',
  },
  { title: 'CALLS/S', value: ({ callsPerS }) => shown(callsPerS, rateText), align: 'right' },
  { title: 'FAILED/S', value: ({ failuresPerS }) => shown(failuresPerS, rateText), align: 'right' },
  { title: 'P50 MS', value: ({ p50Ms }) => shown(p50Ms, msText), align: 'right' },
  { title: 'P99 MS', value: ({ p99Ms }) => shown(p99Ms, msText), align: 'right' },
  { title: 'LOOP P99 MS', value: ({ loopP99Ms }) => shown(loopP99Ms, msText), align: 'right' },
  { title: 'UPTIME', value: ({ uptimeMs }) => shown(uptimeMs, formatDuration), align: 'right' },
  { title: 'ADDRESS', value: ({ address }) => address },
];

function shown(value: number | undefined, text: (value: number) => string): string {
  return value === undefined ? '-' : text(value);
}

function rateText(perSecond: number): string {
  return perSecond >= 100 || perSecond === 0 ? Math.round(perSecond).toLocaleString('en') : perSecond.toFixed(1);
}

function msText(ms: number): string {
  return ms >= 100 ? Math.round(ms).toLocaleString('en') : ms.toFixed(ms >= 1 ? 1 : 3);
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
