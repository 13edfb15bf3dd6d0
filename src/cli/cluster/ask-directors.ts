import {
  type ClusterStatus,
  type DirectorAnswer,
  type DirectorClient,
  type GroupStatus,
  RpcError,
} from '../../index.js';

/** A director that answered, and where. */
export interface Answering {
  readonly address: string;
  readonly status: ClusterStatus;
}

/** What the directors said. */
export interface Survey {
  /** At least one, in the order of their ids. */
  readonly answering: readonly Answering[];
  readonly silent: readonly Extract<DirectorAnswer, { readonly ok: false }>[];
}

/**
 * Asks all directors how they are.
 *
 * @param graceMs how much longer the others are waited for once the leader has answered
 * @throws RpcError of the first one when none answers: `CONNECT_FAILED`, `UNAUTHENTICATED` and so on
 */
export async function askDirectors(directors: DirectorClient, graceMs: number): Promise<Survey> {
  const answers = await directors.statuses({ timeoutMs: ASK_TIMEOUT_MS, graceMs });
  const answering = answers.flatMap((answer) =>
    answer.ok ? [{ address: answer.address, status: answer.status }] : [],
  );
  const silent = answers.filter((answer) => !answer.ok);
  const [first] = silent;
  if (answering.length > 0 || first === undefined) return { answering, silent };
  throw unreached(
    first.error,
    silent.map(({ address }) => address),
  );
}

/** An error of asking directors: that nobody was there is the same thing in different words. */
export function unreached(thrown: unknown, tried: readonly string[]): RpcError {
  const error = RpcError.from(thrown);
  if (!UNREACHED.has(error.reason)) return error;
  const message = `no director answered (tried ${tried.join(', ')}): ${error.message}`;
  return RpcError.of('CONNECT_FAILED', message, { cause: error });
}

/** One group as its leader sees it; without a leader, as the director sees it that knows most. */
export interface GroupView {
  readonly group: GroupStatus;
  /** The director that leads, when it answered. */
  readonly leader: Answering | undefined;
}

/** The groups of the cluster by id. */
export function groupViews({ answering }: Survey): GroupView[] {
  const ids = new Set(answering.flatMap(({ status }) => status.groups.map(({ id }) => id)));
  return [...ids].sort((a, b) => a - b).flatMap((id) => groupView(answering, id) ?? []);
}

/** The director to give an order to: the leader of the metadata, else any; not `avoided`, unless it is the only one. */
export function directorFor({ answering }: Survey, avoided: string | undefined): Answering {
  const usable = answering.filter(({ status }) => status.id !== avoided);
  const leads = ({ status }: Answering): boolean => status.groups.some(({ id, role }) => id === 0 && role === 'leader');
  const chosen = usable.find(leads) ?? usable.find(({ status }) => status.groups.length > 0) ?? answering[0];
  if (chosen === undefined) throw RpcError.of('CONNECT_FAILED', 'no director answered');
  return chosen;
}

function groupView(answering: readonly Answering[], id: number): GroupView | undefined {
  const seen = answering.flatMap((answer) => {
    const group = answer.status.groups.find((candidate) => candidate.id === id);
    return group === undefined ? [] : [{ answer, group }];
  });
  // A leader that was cut off may not know yet that there is a later one.
  const [best] = seen.sort((a, b) => rank(b.group) - rank(a.group));
  if (best === undefined) return undefined;
  return { group: best.group, leader: best.group.role === 'leader' ? best.answer : undefined };
}

function rank({ role, commitIndex, term }: GroupStatus): number {
  return role === 'leader' ? LEADS + term : commitIndex;
}

/** For who has to know of each director how it is, and for who needs one to talk to. */
export const GRACE_MS = { all: 1_500, any: 200 } as const;
const LEADS = 2 ** 52;
const ASK_TIMEOUT_MS = 3_000;
const UNREACHED: ReadonlySet<string> = new Set(['CONNECT_FAILED', 'NOT_CONNECTED', 'CONNECTION_LOST', 'DEADLINE']);
