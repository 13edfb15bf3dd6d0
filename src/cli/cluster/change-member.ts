import {
  type AdminOptions,
  type ClusterAdmin,
  type DirectorClient,
  type MembershipChange,
  RpcError,
} from '../../index.js';
import { askDirectors, directorFor, GRACE_MS, groupViews, type Survey } from './ask-directors.js';
import { CatchUpWatch } from './catch-up-watch.js';

export interface MemberChangeOptions {
  /** The director it is about. */
  readonly id: string;
  /** It is taken out, and so not the one to ask. */
  readonly isLeaving: boolean;
  /** Show how far it is. */
  readonly shouldWatch: boolean;
  /** For everything, repetitions included. */
  readonly timeoutMs: number;
  readonly group: number | undefined;
  readonly make: (admin: ClusterAdmin, options: AdminOptions) => Promise<MembershipChange>;
}

export interface ChangedMember {
  readonly groups: MembershipChange;
  /** Where the directors are that answered before the change. */
  readonly directors: readonly string[];
}

/**
 * Makes a change at a director that answers; when that one is lost meanwhile, at another one.
 *
 * @throws RpcError as `ClusterAdmin`; `CONNECT_FAILED` when no director answers
 */
export async function changeMember(client: DirectorClient, options: MemberChangeOptions): Promise<ChangedMember> {
  const deadlineMs = performance.now() + options.timeoutMs;
  /** An attempt may have made the change without our hearing of it. */
  let isUncertain = false;
  for (;;) {
    const survey = await askDirectors(client, GRACE_MS.any);
    const directors = survey.answering.map(({ status }) => status.address);
    const { address } = directorFor(survey, options.isLeaving ? options.id : undefined);
    const timeoutMs = Math.max(1, Math.round(deadlineMs - performance.now()));
    const watch = options.shouldWatch ? new CatchUpWatch(client, options.id, leaderOf(survey) ?? address) : undefined;
    try {
      watch?.start();
      const groups = await options.make(client.admin(address), { timeoutMs, group: options.group });
      return { groups, directors };
    } catch (thrown) {
      const error = RpcError.from(thrown);
      if (isUncertain && error.reason === 'MEMBERSHIP_INVALID') return { groups: [], directors };
      isUncertain ||= error.maybeExecuted;
      if (!LOST.has(error.reason) || performance.now() >= deadlineMs - PAUSE_MS) throw error;
    } finally {
      watch?.stop();
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

function leaderOf(survey: Survey): string | undefined {
  return groupViews(survey)[0]?.leader?.address;
}

/** Another director, or the same one later, may do it. */
const LOST: ReadonlySet<string> = new Set([
  'CONNECT_FAILED',
  'CONNECTION_LOST',
  'NOT_CONNECTED',
  'DRAINING',
  'CLOSED',
  'NO_LEADER',
  'NOT_LEADER',
]);
const PAUSE_MS = 200;
