import { decodeByteList, LIMITS, RpcError } from '../../base/index.js';
import {
  asUserRequest,
  ClusterTime,
  countPuts,
  decodeReply,
  encodeRequest,
  hasTime,
  type KvCommand,
  type KvMachine,
  type KvReply,
  type KvRequest,
  type KvWatch,
  type RangeOp,
  type RangeReply,
  type SessionStamp,
  type WatchOptions,
  withTime,
} from '../../kv/index.js';
import type {
  Clock,
  CommandSettle,
  Consistency,
  LeadershipView,
  Logger,
  ProposeOptions,
  ReplicatedGroup,
} from '../../ports/index.js';
import { GatheredReplies } from './gathered-replies.js';
import { HistoryKeeper, type HistoryOptions } from './history-keeper.js';
import { LeaseExpirer } from './lease-expirer.js';
import { DEFAULT_READ_POLICY, type ReadPolicy } from './read-policy.js';

export interface MetadataStoreDependencies {
  /** The group that replicates `machine`. */
  readonly group: ReplicatedGroup;
  readonly machine: KvMachine;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How much history is kept for readers and watches. */
  readonly history?: Partial<HistoryOptions> | undefined;
  /** How new the answers to users' reads are. Default: as they ask, `linearizable` when they do not. */
  readonly readPolicy?: ReadPolicy | undefined;
}

export interface ExecuteOptions {
  /** `cluster` may touch reserved keys. Default `cluster`: the store is the director's own; clients come as bytes. */
  readonly origin?: KvRequest['origin'] | undefined;
  /** Makes a command that is proposed twice count once. Default: none. */
  readonly session?: SessionStamp | undefined;
  /** Time for an answer in milliseconds, waiting for a leader included. Default 10,000. */
  readonly timeoutMs?: number | undefined;
}

export interface RangeOptions {
  readonly consistency: Consistency;
  /** Default `cluster`. */
  readonly origin?: KvRequest['origin'] | undefined;
  /** Default 10,000. */
  readonly timeoutMs?: number | undefined;
}

/**
 * The metadata store as a director uses it: the key-value machine of this member and the group that replicates it.
 * Works on every director, leading or not. While this director leads, it also ends leases whose time is over and
 * compacts the history.
 *
 * Times of commands about leases are those of the leader, whoever proposes: `nowMs` is set to 0 by those that do not lead
 * and to the leader's `ClusterTime` by the leader, which therefore takes forwarded commands by {@link proposeForwarded}.
 */
export class MetadataStore {
  readonly machine: KvMachine;
  readonly group: ReplicatedGroup;
  readonly readPolicy: ReadPolicy;
  private readonly clock: Clock;
  private readonly expirer: LeaseExpirer;
  private readonly history: HistoryKeeper;
  private readonly stopListening: () => void;
  /** While this node leads. */
  private time: ClusterTime | undefined;

  constructor(deps: MetadataStoreDependencies) {
    const { group, machine, clock, logger } = deps;
    this.readPolicy = deps.readPolicy ?? DEFAULT_READ_POLICY;
    this.machine = machine;
    this.group = group;
    this.clock = clock;
    this.expirer = new LeaseExpirer({ machine, clock, logger, execute: (command) => this.execute(command) });
    this.history = new HistoryKeeper(
      { machine, clock, logger, execute: (command) => this.execute(command) },
      deps.history,
    );
    this.stopListening = group.onLeadership((view) => this.follow(view));
    this.follow(group.leadership);
  }

  /**
   * Proposes a command and waits for its reply. The time of a command about leases is set on the way: give 0.
   *
   * @throws RpcError the reason of an error answer (`KV_INVALID`, `KV_LEASE_UNKNOWN`, ...), and what
   * `ReplicatedGroup.propose` throws
   */
  async execute(command: KvCommand, options: ExecuteOptions = {}): Promise<KvReply> {
    const request = encodeRequest({ command, origin: options.origin ?? 'cluster', session: options.session });
    // What the cluster itself needs (leases, keys, members) does not wait behind users' commands.
    const priority = options.origin === 'user' ? 'normal' : 'urgent';
    const proposing = { timeoutMs: options.timeoutMs, priority } as const;
    const bytes = await new Promise<Uint8Array>((resolve, reject) =>
      this.submit(request, proposing, { resolve, reject }),
    );
    const reply = decodeReply(bytes);
    if (reply.answer.type === 'error') throw RpcError.of(reply.answer.reason, reply.answer.message);
    return reply;
  }

  /**
   * Proposes a user's request as it came: it has a user's rights, whatever it says, and lease times are the leader's. The
   * reply's bytes may be those of an error answer.
   *
   * @throws RpcError what `ReplicatedGroup.propose` throws
   */
  executeEncoded(request: Uint8Array, options?: ProposeOptions): Promise<Uint8Array> {
    return new Promise((resolve, reject) => this.submitEncoded(request, options, { resolve, reject }));
  }

  /** {@link executeEncoded} without a promise of its own. */
  submitEncoded(request: Uint8Array, options: ProposeOptions | undefined, settle: CommandSettle): void {
    if (request.length > LIMITS.kvCommandBytesMax) settle.reject(tooLong(request.length));
    else this.submit(asUserRequest(request), options, settle);
  }

  /**
   * {@link submitEncoded} for a list of puts (see `countPuts`); the reply is the list of theirs. At a leader they share
   * an entry. Rejects when one of them cannot be answered, whatever became of the others.
   */
  submitAllEncoded(requests: Uint8Array, options: ProposeOptions | undefined, settle: CommandSettle): void {
    if (requests.length > LIMITS.kvCommandBytesMax) {
      settle.reject(tooLong(requests.length));
      return;
    }
    const count = countPuts(requests);
    if (count === undefined) settle.reject(noList());
    else if (count > LIMITS.kvSessionCommandsMax) settle.reject(tooMany(count));
    else if (this.time === undefined) this.submitEach(requests, options, settle);
    else this.group.submitAll(requests, count, options, new Submission(this, requests, true, options, settle));
  }

  /** For {@link Submission}: each by itself, wherever the leader is. */
  submitEach(requests: Uint8Array, options: ProposeOptions | undefined, settle: CommandSettle): void {
    const list = decodeByteList(requests) ?? [];
    const replies = new GatheredReplies(list.length, settle);
    for (const [at, request] of list.entries()) this.submitEncoded(request, options, replies.at(at));
  }

  /**
   * Reads this member's state once it is as new as `consistency` demands; `revision` is the state's.
   *
   * @throws RpcError `KV_COMPACTED`, `KV_REVISION_FUTURE`, `KV_INVALID`, `KV_RESERVED`, `KV_TOO_LARGE`, `NO_LEADER`,
   * `OVERLOADED`, `CLOSED`
   */
  async range(op: RangeOp, options: RangeOptions): Promise<RangeReply & { readonly revision: number }> {
    const { consistency, timeoutMs } = options;
    if (consistency !== 'eventual') await this.group.readBarrier(consistency, { timeoutMs });
    return { ...this.machine.range(op, options.origin ?? 'cluster'), revision: this.machine.revision };
  }

  /** The same for a user's request as it came; the reply's bytes may be those of an error answer. */
  async rangeEncoded(request: Uint8Array, options: Omit<RangeOptions, 'origin'>): Promise<Uint8Array> {
    const { consistency, timeoutMs } = options;
    if (consistency !== 'eventual') await this.group.readBarrier(consistency, { timeoutMs });
    return this.machine.rangeEncoded(request);
  }

  /** Watches this member's state; see `KvMachine.watch`. Cancel it. */
  watch(options: WatchOptions, wake: () => void, origin: KvRequest['origin'] = 'cluster'): KvWatch {
    return this.machine.watch(options, wake, origin);
  }

  /**
   * A command that another director forwarded to this one. What the network between directors calls instead of
   * `group.propose`: only here does the command get the leader's time.
   */
  proposeForwarded(command: Uint8Array, options?: ProposeOptions): Promise<Uint8Array> {
    return new Promise((resolve, reject) => this.submit(command, options, { resolve, reject }));
  }

  /** Stops doing things by itself. Idempotent. */
  close(): void {
    this.stopListening();
    this.retire();
  }

  private submit(request: Uint8Array, options: ProposeOptions | undefined, settle: CommandSettle): void {
    if (this.time === undefined) {
      this.forward(request, options, settle);
      return;
    }
    const isAboutLease = hasTime(request);
    if (isAboutLease) this.expirer.expectLease();
    const timed = isAboutLease ? withTime(request, this.time.at(this.clock.nowMs())) : request;
    this.group.submit(timed, options, new Submission(this, request, false, options, settle));
  }

  /** For {@link Submission}: wherever the leader is. */
  forward(request: Uint8Array, options: ProposeOptions | undefined, settle: CommandSettle): void {
    this.group.propose(withTime(request, 0), options).then(
      (reply) => settle.resolve(reply),
      (error: unknown) => settle.reject(RpcError.from(error)),
    );
  }

  private follow({ isLeading }: LeadershipView): void {
    if (!isLeading) {
      this.retire();
      return;
    }
    // A term of its own for each leadership: what was applied since has moved cluster time on.
    this.time = new ClusterTime(this.machine.clockMs, this.clock.nowMs());
    this.expirer.start(this.time);
    this.history.start();
  }

  private retire(): void {
    this.time = undefined;
    this.expirer.stop();
    this.history.stop();
  }
}

/** A command, or a list of some, given to the group of a leader, which may turn out to be none any more. */
class Submission implements CommandSettle {
  private readonly store: MetadataStore;
  private readonly request: Uint8Array;
  private readonly isList: boolean;
  private readonly options: ProposeOptions | undefined;
  private readonly settle: CommandSettle;

  constructor(
    store: MetadataStore,
    request: Uint8Array,
    isList: boolean,
    options: ProposeOptions | undefined,
    settle: CommandSettle,
  ) {
    this.store = store;
    this.request = request;
    this.isList = isList;
    this.options = options;
    this.settle = settle;
  }

  resolve(reply: Uint8Array): void {
    this.settle.resolve(reply);
  }

  reject(error: RpcError): void {
    if (error.reason !== 'NOT_LEADER') this.settle.reject(error);
    else if (this.isList) this.store.submitEach(this.request, this.options, this.settle);
    else this.store.forward(this.request, this.options, this.settle);
  }
}

function noList(): RpcError {
  const what = 'a list of puts, each under a session and without the wish for what was before';
  return RpcError.of('INPUT_INVALID', `the bytes are not ${what}`);
}

function tooMany(count: number): RpcError {
  return RpcError.of('KV_TOO_LARGE', `${count} requests at once; ${LIMITS.kvSessionCommandsMax} are allowed`);
}

function tooLong(sizeBytes: number): RpcError {
  return RpcError.of('KV_TOO_LARGE', `a command of ${sizeBytes} bytes; ${LIMITS.kvCommandBytesMax} are allowed`);
}
