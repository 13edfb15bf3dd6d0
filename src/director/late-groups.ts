import { FlotillaError, type NodeId, RpcError } from '../base/index.js';
import { deferred, pause, type WaitingGroup } from '../client/index.js';
import { bootstrapGroup, type RaftGroup } from '../drivers/raft/index.js';
import type { GroupId, Random } from '../ports/index.js';
import type { ClusterConfig } from '../raft/index.js';
import { backoffMs } from '../rpc/index.js';
import { notAnnounced } from './group-founding.js';
import type { GroupRecords } from './group-records.js';
import { GroupRemovals, type GroupRemovalsDependencies } from './group-removals.js';
import { isFounderGone } from './group-views.js';
import { type DirectorGroups, groupName, METADATA_GROUP, prepareGroups } from './groups.js';
import type { DirectorStorage, UserGroup } from './storage.js';

export interface LateGroupsDependencies extends GroupRemovalsDependencies {
  readonly node: NodeId;
  readonly storage: Pick<DirectorStorage, 'group'>;
  readonly userGroups: readonly UserGroup[];
  readonly groups: Pick<DirectorGroups, 'all' | 'add'>;
  readonly records: GroupRecords;
  /** The metadata group's, as this director knows it. */
  readonly config: () => ClusterConfig;
  /** Its member id in a group that began without it; see `askForGroup`. */
  readonly askForGroup: (group: number, signal: AbortSignal) => Promise<number>;
  readonly random: Random;
  /** The disk failed: nothing more can be acknowledged. */
  readonly onFailed: (error: FlotillaError) => void;
}

/**
 * The groups of this director's options that it is no member of yet, because they were added to the options of a cluster
 * that exists: it announces them, founds them with the other voters when all have, or is let into those that began without
 * it, and runs them from then on.
 *
 * A member id counts from the moment `node.json` has it: before that the group does not run here, and its first state may
 * be written again.
 */
export class LateGroups {
  private readonly deps: LateGroupsDependencies;
  private readonly ended = new AbortController();
  /** Groups whose stores have been made ready in this process: each time costs a write of the disk. */
  private readonly prepared = new Set<number>();
  private readonly problems = new Map<number, RpcError | FlotillaError>();
  private readonly removals: GroupRemovals;
  private readonly listeners = new Set<() => void>();
  private working: Promise<unknown> = Promise.resolve();

  constructor(deps: LateGroupsDependencies) {
    this.deps = deps;
    this.removals = new GroupRemovals(deps);
  }

  /** Once the director takes part in the metadata group. Goes on in the background. */
  start(): void {
    const { userGroups, groups } = this.deps;
    for (const { id } of this.notRun()) {
      this.deps.logger.warn({ code: 'GROUP_UNKNOWN', group: id }, notRunMessage(id));
    }
    const late = userGroups.filter(({ id }) => !groups.all.has(id as GroupId));
    this.working = Promise.all([
      this.keepRecords(),
      this.removals.watch(this.ended.signal),
      ...late.map((group) => this.bringIn(group)),
    ]);
  }

  /** A group that runs here has removed this director, as its log says. */
  noticeRemoval(id: GroupId): void {
    this.removals.notice(id);
  }

  /** Groups that have begun and are about to run here: who changes members must wait for them. */
  coming(): GroupId[] {
    return this.begun().filter((id) => !this.isStuck(id));
  }

  /** Groups in which this director is of no use until somebody does something: there is no point in waiting. */
  stuck(): GroupId[] {
    return [...this.begun().filter((id) => this.isStuck(id)), ...this.removals.ids()];
  }

  /** Why a group of the options does not run here; `undefined` when it is not in the options. */
  whyAbsent(id: number): RpcError | undefined {
    const { userGroups, records } = this.deps;
    if (!userGroups.some((group) => group.id === id)) return undefined;
    const problem = this.problems.get(id);
    if (records.founding(id) !== undefined) {
      const why = problem === undefined ? '' : `: ${problem.message}`;
      return RpcError.of('GROUP_WAITING', `group ${id} has begun, and this director does not take part yet${why}`);
    }
    const missing = this.missing(id);
    if (missing.length === 0) return RpcError.of('GROUP_WAITING', `group ${id} is about to begin`);
    const message = `group ${id} begins when these directors have been started with it: ${missing.join(', ')}`;
    return RpcError.of('GROUP_WAITING', message);
  }

  /** For status: the groups that wait, whoever has them in the options, and those that this director should run. */
  waiting(): WaitingGroup[] {
    const { userGroups, groups, records } = this.deps;
    const late = userGroups.filter(({ id }) => !groups.all.has(id as GroupId));
    const ids = new Set([...late.map(({ id }) => id), ...records.announced()]);
    const waiting = [...ids].map((id): WaitingGroup => {
      const named = late.find((group) => group.id === id) ?? records.announcements(id)[0];
      const hasBegun = records.founding(id) !== undefined;
      const common = { id, name: groupName({ id, name: named?.name }), hasBegun };
      const problem = this.problems.get(id);
      const missing = hasBegun ? [] : this.missing(id);
      return problem === undefined ? { ...common, missing } : { ...common, missing, problem: problem.message };
    });
    return [...waiting, ...this.notRun(), ...this.removals.waiting()].sort((a, b) => a.id - b.id);
  }

  /**
   * Resolves when the group runs here.
   *
   * @throws RpcError `GROUP_WAITING` after `timeoutMs`, `GROUP_UNKNOWN`, `CLOSED`
   */
  async started(id: number, timeoutMs: number | undefined): Promise<RaftGroup> {
    const waited = new AbortController();
    let isLate = false;
    if (timeoutMs !== undefined) {
      void pause(this.deps.clock, timeoutMs, waited.signal).then(() => {
        isLate = true;
        this.changed();
      });
    }
    try {
      for (;;) {
        const found = this.deps.groups.all.get(id as GroupId);
        if (found !== undefined) return found.group;
        const absent = this.whyAbsent(id);
        if (absent === undefined) throw RpcError.of('GROUP_UNKNOWN', `this director's options have no group ${id}`);
        if (this.ended.signal.aborted) throw RpcError.of('CLOSED', 'the director was closed');
        if (isLate) throw absent;
        await this.nextChange();
      }
    } finally {
      waited.abort();
    }
  }

  /** Waits for what is written to the disk, and for no answer of the others. */
  async close(): Promise<void> {
    this.ended.abort();
    this.changed();
    await this.working;
  }

  /** Groups of the options that run elsewhere. */
  private begun(): GroupId[] {
    const { userGroups, groups, records } = this.deps;
    return userGroups
      .map(({ id }) => id as GroupId)
      .filter((id) => !groups.all.has(id) && records.founding(id) !== undefined);
  }

  private isStuck(id: number): boolean {
    const problem = this.problems.get(id);
    return problem !== undefined && !isPassing(problem);
  }

  /** Those that its data directory is a member of, and its options do not have. */
  private notRun(): WaitingGroup[] {
    const { memory, userGroups } = this.deps;
    const ids = Object.keys(memory.record.cluster?.members ?? {}).map(Number);
    return ids
      .filter((id) => id !== METADATA_GROUP && !userGroups.some((group) => group.id === id))
      .map((id) => ({ id, name: groupName({ id }), hasBegun: true, missing: [], problem: notRunMessage(id) }));
  }

  private missing(id: number): NodeId[] {
    const { config, records } = this.deps;
    return notAnnounced(config(), records.announcements(id));
  }

  /** What earlier lives of this director have said, or did not say yet. */
  private async keepRecords(): Promise<void> {
    const { node, records, userGroups, memory } = this.deps;
    await this.repeat(async () => {
      await this.unlessEnded(records.withdraw(node, (group) => !userGroups.some(({ id }) => id === group)));
      const { founders = {}, members = {} } = memory.record.cluster ?? {};
      // A founder of the cluster has the groups that began with it; those that began later are written down already.
      const ids = Object.keys(founders).length === 0 ? [] : Object.keys(members).map(Number);
      for (const id of ids) if (id !== METADATA_GROUP) await this.unlessEnded(records.ensure(id, founders));
    });
  }

  private async bringIn(group: UserGroup): Promise<void> {
    const { records, groups, logger } = this.deps;
    let member: number | undefined;
    while (records.founding(group.id) === undefined && !this.ended.signal.aborted) {
      await this.repeat(() => this.announce(group));
      // It may be withdrawn because somebody began to remove this director, and did not.
      await this.untilBegun(group.id, ANNOUNCE_AGAIN_MS);
    }
    await this.repeat(async () => {
      member ??= await this.becomeMember(group);
      await groups.add(group, member);
      this.problems.delete(group.id);
      logger.info({ group: group.id, member }, 'a group that was added to the options runs');
      this.changed();
    }, group.id);
  }

  private async announce({ id, name }: UserGroup): Promise<void> {
    const { node, memory, records } = this.deps;
    const { dataId, cluster } = memory.record;
    const member = cluster?.members[String(METADATA_GROUP)] ?? 0;
    await this.unlessEnded(records.announce(id, { node, member, dataId, name: groupName({ id, name }) }));
  }

  private async becomeMember({ id, machine }: UserGroup): Promise<number> {
    const { node, memory, storage, records, askForGroup, viewsOf } = this.deps;
    const { dataId } = memory.record;
    const { founders = {} } = records.founding(id) ?? {};
    const nodes = Object.keys(founders).sort() as NodeId[];
    const founder = nodes.indexOf(node) + 1;
    let member = founder;
    // Another data directory of this director may have voted as that founder: this one becomes another member. So does one
    // that was removed before it came.
    const isFounder = founders[node] === dataId;
    if (!isFounder || isFounderGone(await viewsOf(id, this.ended.signal), founder, nodes.length)) {
      if (!this.prepared.has(id)) await prepareGroups(storage, [id]);
      this.prepared.add(id);
      member = await askForGroup(id, this.ended.signal);
    }
    // Also when what was said of its removal did not come to pass.
    if (isFounder && member === founder) {
      const { store, snapshots } = await storage.group(id as GroupId);
      await bootstrapGroup(store, snapshots, nodes, machine);
    }
    const { cluster } = memory.record;
    if (cluster === undefined) throw new Error('a director with groups belongs to a cluster');
    await memory.write({ cluster: { ...cluster, members: { ...cluster.members, [String(id)]: member } } });
    return member;
  }

  /** The metadata may have no leader, which cannot be waited for here. @throws RpcError `CLOSED`, and those of `work` */
  private async unlessEnded<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.ended;
    const { promise, reject } = deferred<T>();
    const end = (): void => reject(RpcError.of('CLOSED', 'the director was closed'));
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    try {
      return await Promise.race([work, promise]);
    } finally {
      signal.removeEventListener('abort', end);
    }
  }

  /** Until `attempt` succeeds or the director closes. */
  private async repeat(attempt: () => Promise<void>, group?: number): Promise<void> {
    const { clock, random } = this.deps;
    const { signal } = this.ended;
    for (let attempts = 0; !signal.aborted; attempts += 1) {
      try {
        await attempt();
        return;
      } catch (thrown) {
        this.failed(thrown, group);
      }
      await pause(clock, backoffMs(BACKOFF, attempts, random.float()), signal);
    }
  }

  private failed(thrown: unknown, group: number | undefined): void {
    if (this.ended.signal.aborted) return;
    const { logger, onFailed } = this.deps;
    const error = thrown instanceof FlotillaError ? thrown : RpcError.from(thrown);
    const { message } = error;
    const code = error instanceof RpcError ? error.reason : error.code;
    if (code === 'DISK_FAILED' && error instanceof FlotillaError) {
      // A write whose fate is not known must not be repeated as if it had not been.
      this.ended.abort();
      this.changed();
      onFailed(error);
    } else if (group === undefined || isPassing(error)) {
      logger.debug({ code, group, error: message }, 'not yet with the groups of the options');
    } else if (this.problems.get(group)?.message !== message) {
      logger.error({ code, group, error: message }, 'this director cannot take part in a group of its options');
    }
    if (group !== undefined) this.problems.set(group, error);
  }

  /** Or for that long. */
  private async untilBegun(group: number, timeoutMs: number): Promise<void> {
    const { records, clock } = this.deps;
    const done = new AbortController();
    const look = (): void => {
      if (records.founding(group) !== undefined || this.ended.signal.aborted) done.abort();
    };
    const stopListening = records.onChange(look);
    this.ended.signal.addEventListener('abort', look, { once: true });
    look();
    await pause(clock, timeoutMs, done.signal);
    this.ended.signal.removeEventListener('abort', look);
    stopListening();
  }

  private nextChange(): Promise<void> {
    const { promise, resolve } = deferred<void>();
    const listener = (): void => {
      this.listeners.delete(listener);
      resolve();
    };
    this.listeners.add(listener);
    return promise;
  }

  private changed(): void {
    for (const listener of [...this.listeners]) listener();
  }
}

function isPassing(error: RpcError | FlotillaError): boolean {
  return error instanceof RpcError && error.retryable;
}

function notRunMessage(id: number): string {
  return `this director is a member of group ${id} and was started without it (option groups): the others count it as down`;
}

/** What a failed attempt costs is small; what a person has to do takes its time. */
const BACKOFF = { baseMs: 100, maxMs: 5_000 };
const ANNOUNCE_AGAIN_MS = 60_000;
