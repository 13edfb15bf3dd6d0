import type { Row } from './row.js';
import { findValue } from './row.js';

/**
 * The rows as text: a line per case and metric, a column per system, and for each peer the ratio of the suite's first
 * system (ours) to it, where they share a case: above 1 is better for `rps`, below 1 for times and CPU.
 */
export function renderTable(rows: readonly Row[], subject: string): string {
  const systems = unique(rows.map((row) => row.system));
  const ourCases = new Set(rows.filter(({ system }) => system === subject).map((row) => row.case));
  const isPeer = (system: string) => rows.some((row) => row.system === system && ourCases.has(row.case));
  const peers = systems.filter((system) => system !== subject && isPeer(system));
  const columns = [...(systems.includes(subject) ? [subject] : []), ...systems.filter((system) => system !== subject)];
  const header = ['case', 'metric', 'unit', ...columns, ...peers.map((peer) => `/ ${peer}`)];
  const lines: string[][] = [];
  for (const caseName of unique(rows.map((row) => row.case))) {
    const ofCase = rows.filter((row) => row.case === caseName);
    let shownCase = caseName;
    for (const metric of unique(ofCase.map((row) => row.metric))) {
      const values = columns.map((system) => findValue(ofCase, caseName, system, metric));
      const ours = findValue(ofCase, caseName, subject, metric);
      const ratios = peers.map((peer) => ratio(ours, findValue(ofCase, caseName, peer, metric)));
      const unit = ofCase.find((row) => row.metric === metric)?.unit ?? '';
      lines.push([shownCase, metric, unit, ...values.map(formatValue), ...ratios]);
      shownCase = '';
    }
  }
  return align([header, ...lines], 3);
}

/** Numbers as a person compares them: thousands grouped, three significant digits below 100. */
export function formatValue(value: number | undefined): string {
  if (value === undefined) return '-';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

function ratio(ours: number | undefined, theirs: number | undefined): string {
  if (ours === undefined || theirs === undefined || theirs === 0) return '-';
  return `${formatValue(ours / theirs)}x`;
}

/** Pads the cells into columns; the first `leftCount` are left-aligned, the others right-aligned. */
function align(lines: readonly (readonly string[])[], leftCount: number): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  const draw = (line: readonly string[]) =>
    line
      .map((cell, column) =>
        column < leftCount ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  const [header = [], ...body] = lines;
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [draw(header), rule, ...body.map(draw)].join('\n');
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
