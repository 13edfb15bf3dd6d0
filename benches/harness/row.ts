/** One figure of a bench: the JSON output is an array of these, and the table is drawn from the same ones. */
export interface Row {
  readonly suite: string;
  readonly case: string;
  readonly system: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
}

/** A figure before it is known whose it is. */
export interface Figure {
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
}

/** The middle value; of an even count the mean of the two in the middle. @throws RangeError when there is none */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const high = sorted[sorted.length >>> 1];
  const low = sorted[(sorted.length - 1) >>> 1];
  if (high === undefined || low === undefined) throw new RangeError('the median of no values is undefined');
  return (low + high) / 2;
}

/** Folds the figures of several rounds into rows: one per metric, in the order of the first round, each its median. */
export function medianRows(
  where: { readonly suite: string; readonly case: string; readonly system: string },
  rounds: readonly (readonly Figure[])[],
): Row[] {
  const first = rounds[0] ?? [];
  return first.map(({ metric, unit }) => {
    const values = rounds.flatMap((round) => round.filter((figure) => figure.metric === metric).map((f) => f.value));
    return { suite: where.suite, case: where.case, system: where.system, metric, value: median(values), unit };
  });
}

/** The value of one row, or `undefined` when the run did not have it. */
export function findValue(rows: readonly Row[], caseName: string, system: string, metric: string): number | undefined {
  return rows.find((row) => row.case === caseName && row.system === system && row.metric === metric)?.value;
}
