import type { NodeAnswer, NodeStats } from '../../index.js';

/** One node as `flotilla top` shows it; what is not known is missing. */
export interface NodeRow {
  readonly id: string;
  readonly role: string;
  readonly address: string;
  /** As the directors know it, or `silent` when it did not answer. */
  readonly state: 'active' | 'draining' | 'silent';
  /** 0 to 1, of the failure detector. */
  readonly health?: number;
  /** Calls of the classes data and bulk in progress; control has our own question, health checks and the like. */
  readonly inFlight?: number;
  /** Calls of the same classes that began, and that failed, since the answer before. */
  readonly callsPerS?: number;
  readonly failuresPerS?: number;
  /** Handler times of the last seconds, of the class with more calls. */
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  /** How late timers are. */
  readonly loopP99Ms?: number;
  readonly uptimeMs?: number;
  /** Why it is silent. */
  readonly error?: { readonly code: string; readonly reason: string; readonly message: string };
}

/** Makes rows of answers; rates from one set of answers to the next, by each node's own clock. */
export class NodeRows {
  private before = new Map<string, NodeStats>();

  next(answers: readonly NodeAnswer[]): NodeRow[] {
    const now = new Map<string, NodeStats>();
    const rows = answers.map((answer) => {
      if (!answer.ok) return silentRow(answer);
      const key = `${answer.stats.role} ${answer.stats.id}`;
      now.set(key, answer.stats);
      return rowOf(answer, this.before.get(key));
    });
    this.before = now;
    return rows;
  }
}

function rowOf(answer: Extract<NodeAnswer, { readonly ok: true }>, before: NodeStats | undefined): NodeRow {
  const { member, stats } = answer;
  const { calls, loopDelayMs } = stats;
  const { recentHandlerMs } =
    calls.bulk.recentHandlerMs.count > calls.data.recentHandlerMs.count ? calls.bulk : calls.data;
  return {
    ...commonOf(answer),
    state: stats.isDraining ? 'draining' : member.state,
    inFlight: calls.data.inFlight + calls.bulk.inFlight,
    ...ratesOf(stats, before),
    ...(recentHandlerMs.count === 0 ? {} : { p50Ms: recentHandlerMs.p50Ms, p99Ms: recentHandlerMs.p99Ms }),
    ...(loopDelayMs === undefined ? {} : { loopP99Ms: loopDelayMs.p99Ms }),
    uptimeMs: stats.uptimeMs,
  };
}

function silentRow(answer: Extract<NodeAnswer, { readonly ok: false }>): NodeRow {
  const { code, reason, message } = answer.error;
  return { ...commonOf(answer), state: 'silent', error: { code, reason, message } };
}

function commonOf({ member: { id, role, address, health } }: NodeAnswer) {
  return { id, role, address, ...(health === undefined ? {} : { health }) };
}

function ratesOf(stats: NodeStats, before: NodeStats | undefined) {
  if (before === undefined) return {};
  // A node that was started again counts from zero.
  const isSame = stats.uptimeMs > before.uptimeMs;
  const seconds = (stats.uptimeMs - (isSame ? before.uptimeMs : 0)) / 1_000;
  const rate = (of: (stats: NodeStats) => number): number => (of(stats) - (isSame ? of(before) : 0)) / seconds;
  return {
    callsPerS: rate(({ calls }) => calls.data.started + calls.bulk.started),
    failuresPerS: rate(({ calls }) => calls.data.failed + calls.bulk.failed),
  };
}
