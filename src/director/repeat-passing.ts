import { RpcError, type RpcReason } from '../base/index.js';
import { pause } from '../client/index.js';
import type { Clock } from '../ports/index.js';

/**
 * Makes `attempt`, and again while it fails with what passes by itself and there is time; then with its last error. For
 * what may be done twice: an attempt whose end is not known (`PROPOSAL_UNKNOWN`) is repeated too.
 *
 * @param deadlineMs clock time
 * @param attempt is told how much time is left, in milliseconds
 */
export async function repeatPassing<T>(
  clock: Clock,
  deadlineMs: number,
  attempt: (leftMs: number) => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await attempt(deadlineMs - clock.nowMs());
    } catch (thrown) {
      const error = RpcError.from(thrown);
      if (!PASSING.has(error.reason) || deadlineMs - clock.nowMs() <= PAUSE_MS) throw error;
      await pause(clock, PAUSE_MS, NEVER);
    }
  }
}

const PASSING: ReadonlySet<RpcReason> = new Set<RpcReason>([
  'GROUP_WAITING',
  'MEMBERSHIP_BUSY',
  'MEMBER_NOT_CAUGHT_UP',
  'NO_LEADER',
  'NOT_LEADER',
  'NOT_CONNECTED',
  'CONNECT_FAILED',
  'CONNECTION_LOST',
  'PROPOSAL_LOST',
  'PROPOSAL_UNKNOWN',
]);
const PAUSE_MS = 100;
const NEVER = new AbortController().signal;
