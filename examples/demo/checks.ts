/**
 * What the demo's verdict rests on, apart from what it prints: each check takes what was observed and says why that is
 * wrong, or `undefined` when nothing is.
 */

export interface IndexSums {
  readonly terms: ReadonlyMap<string, number>;
  readonly bytes: number;
}

/** The index that the workers made equals the one made by a single process: every term, every count, every byte. */
export function checkIndex(expected: IndexSums, actual: IndexSums): string | undefined {
  if (expected.terms.size === 0) return 'the texts have no terms: nothing can be compared';
  const names = new Set([...expected.terms.keys(), ...actual.terms.keys()]);
  const different = [...names].filter((term) => expected.terms.get(term) !== actual.terms.get(term));
  if (different.length > 0) {
    const examples = different
      .slice(0, 3)
      .map((term) => `"${term}" ${actual.terms.get(term) ?? 0} instead of ${expected.terms.get(term) ?? 0}`);
    return `${different.length} of ${names.size} terms differ from the count of a single process: ${examples.join(', ')}`;
  }
  if (actual.bytes !== expected.bytes) return `the workers saw ${actual.bytes} of ${expected.bytes} bytes`;
  return undefined;
}

/** Every worker had its part, as far as there were enough parts to go round. */
export function checkShares(what: string, shares: ReadonlyMap<string, number>): string | undefined {
  const total = [...shares.values()].reduce((sum, share) => sum + share, 0);
  if (total < shares.size * PARTS_PER_WORKER_MIN) return undefined;
  const idle = [...shares].filter(([, share]) => share === 0).map(([id]) => id);
  return idle.length === 0 ? undefined : `${idle.join(' and ')} got none of ${total} ${what}`;
}

export interface LoadOutcome {
  readonly calls: number;
  readonly failed: number;
  readonly firstFailure: string | undefined;
  /** Answers by process id; those of no known process count as foreign. */
  readonly foreign: number;
}

/** Calls were answered, all of them, and by the demo's own workers. */
export function checkLoad({ calls, failed, firstFailure, foreign }: LoadOutcome): string | undefined {
  if (failed > 0) return `${failed} of ${calls + failed} calls failed, the first with: ${firstFailure ?? 'no message'}`;
  if (calls === 0) return 'no call was answered';
  if (foreign > 0) return `${foreign} calls were answered by a process that is no worker of the demo`;
  return undefined;
}

export interface RestartOutcome extends LoadOutcome {
  readonly worker: string;
  /** How the killed process ended: its signal, if it was one. */
  readonly endedBy: string | undefined;
  /** Answers between the death of the worker and its return. */
  readonly callsWhileGone: number;
  /** Answers of the old process that came after its death: there cannot be any. */
  readonly callsFromTheDead: number;
  readonly callsAfterReturn: number;
}

/** A worker was really killed under load, no call failed, others went on meanwhile, and it took calls again. */
export function checkRestart(outcome: RestartOutcome): string | undefined {
  const { worker, endedBy, callsWhileGone, callsFromTheDead, callsAfterReturn } = outcome;
  if (endedBy !== 'SIGKILL') return `${worker} was to be killed but ended ${endedBy ?? 'by itself'}`;
  const load = checkLoad(outcome);
  if (load !== undefined) return load;
  if (callsFromTheDead > 0) return `${callsFromTheDead} calls were answered by ${worker} after it was dead`;
  if (callsWhileGone === 0) return `no call was answered while ${worker} was gone`;
  if (callsAfterReturn === 0) return `${worker} took no calls after its restart`;
  return undefined;
}

export interface FailoverOutcome {
  readonly director: string;
  readonly successor: string;
  readonly endedBy: string | undefined;
  readonly acknowledged: number;
  readonly failed: number;
  readonly firstFailure: string | undefined;
  readonly writtenMeanwhile: number;
  /** Acknowledged writes that are not there. */
  readonly missing: number;
}

/** The leading director was really killed, another one led, writes went on, and none that was acknowledged is lost. */
export function checkFailover(
  outcome: FailoverOutcome,
  failedCalls: number,
  firstFailedCall: string | undefined,
): string | undefined {
  const { director, successor, endedBy, acknowledged, failed, firstFailure, writtenMeanwhile, missing } = outcome;
  if (endedBy !== 'SIGKILL') return `${director} was to be killed but ended ${endedBy ?? 'by itself'}`;
  if (successor === director) return `${director} leads although it is dead`;
  if (missing > 0) return `${missing} of ${acknowledged} acknowledged writes are lost`;
  if (failed > 0) return `${failed} writes failed, the first with: ${firstFailure ?? 'no message'}`;
  if (writtenMeanwhile === 0) return `nothing was written while ${director} was gone`;
  if (failedCalls > 0) {
    return `${failedCalls} calls to workers failed, the first with: ${firstFailedCall ?? 'no message'}`;
  }
  return undefined;
}

/** Every node ended with exit code 0 when asked to. */
export function checkExits(exits: ReadonlyMap<string, string>): string | undefined {
  const wrong = [...exits].filter(([, exit]) => exit !== 'code 0').map(([id, exit]) => `${id} with ${exit}`);
  return wrong.length === 0 ? undefined : `not every node ended well: ${wrong.join(', ')}`;
}

/** With fewer parts than this per worker, a balancer may rightly leave one without. */
const PARTS_PER_WORKER_MIN = 4;
