import type { Row } from './row.js';
import { findValue } from './row.js';
import { formatValue } from './table.js';

/** A figure that a suite is meant to reach: a value, or the ratio of ours to a peer's in the same case. */
export interface Goal {
  readonly case: string;
  readonly metric: string;
  readonly system: string;
  /** Compare with another system in the same case, or with another case of the same system. */
  readonly against?: { readonly system?: string; readonly case?: string };
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface GoalOutcome {
  readonly reached: boolean;
  /** One line for the terminal. */
  readonly text: string;
}

/** Goals whose rows the run has; those that were filtered out are left out. */
export function checkGoals(goals: readonly Goal[], rows: readonly Row[]): GoalOutcome[] {
  return goals.flatMap((goal) => {
    const ours = findValue(rows, goal.case, goal.system, goal.metric);
    if (ours === undefined) return [];
    if (goal.against === undefined) return [judge(goal, ours, '')];
    const theirs = findValue(rows, goal.against.case ?? goal.case, goal.against.system ?? goal.system, goal.metric);
    return theirs === undefined || theirs === 0 ? [] : [judge(goal, ours / theirs, 'x')];
  });
}

function judge(goal: Goal, value: number, suffix: string): GoalOutcome {
  const reached =
    value >= (goal.atLeast ?? Number.NEGATIVE_INFINITY) && value <= (goal.atMost ?? Number.POSITIVE_INFINITY);
  const bound =
    goal.atLeast === undefined ? `at most ${formatValue(goal.atMost)}` : `at least ${formatValue(goal.atLeast)}`;
  const peer = goal.against?.system ?? goal.against?.case;
  const what = `${goal.case} ${goal.metric}${peer === undefined ? '' : ` / ${peer}`}`;
  return {
    reached,
    text: `goal ${reached ? 'reached' : 'MISSED '}  ${what}: ${formatValue(value)}${suffix} (${bound}${suffix})`,
  };
}
