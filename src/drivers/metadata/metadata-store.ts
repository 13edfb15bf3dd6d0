import { RpcError } from '../../base/index.js';
import {
  ClusterTime,
  decodeReply,
  encodeRequest,
  type KvCommand,
  type KvMachine,
  type KvReply,
  type KvRequest,
  type KvWatch,
  type RangeOp,
  type RangeReply,
  type SessionStamp,
  type WatchOptions,
} from '../../kv/index.js';
import type { Clock, CommandSettle, Consistency, Logger, ReplicatedGroup } from '../../ports/index.js';

export interface MetadataStoreDependencies {
  /** The group that replicates `machine`. */
  readonly group: ReplicatedGroup;
  readonly machine: KvMachine;
  readonly clock: Clock;
  readonly logger: Logger;
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
  readonly timeoutMs?: number | undefined;
}

/**
 * The metadata store as a director uses it: the key-value machine of this member and the group that replicates it.
 * Works on every director, leading or not.
 */
export class MetadataStore {
  readonly machine: KvMachine;
  readonly group: ReplicatedGroup;
  private readonly clock: Clock;
  private time: ClusterTime | undefined;

  constructor(deps: MetadataStoreDependencies) {
    this.machine = deps.machine;
    this.group = deps.group;
    this.clock = deps.clock;
  }

  /**
   * Proposes a command and waits for its reply. Times of lease commands (`nowMs`) are set here: give 0.
   *
   * @throws RpcError the reason of an error answer (`KV_INVALID`, `KV_LEASE_UNKNOWN`, ...), and what
   * `ReplicatedGroup.propose` throws
   */
  async execute(command: KvCommand, options: ExecuteOptions = {}): Promise<KvReply> {
    const request = encodeRequest({ command, origin: options.origin ?? 'cluster', session: options.session });
    const bytes = await new Promise<Uint8Array>((resolve, reject) =>
      this.submit(request, options.timeoutMs, { resolve, reject }),
    );
    const reply = decodeReply(bytes);
    if (reply.answer.type === 'error') throw RpcError.of(reply.answer.reason, reply.answer.message);
    return reply;
  }

  /** A client's request as it came: it counts as a user's, and its lease times are the leader's. */
  executeEncoded(request: Uint8Array, options: { readonly timeoutMs?: number | undefined } = {}): Promise<Uint8Array> {
    return new Promise((resolve, reject) => this.submit(request, options.timeoutMs, { resolve, reject }));
  }

  /**
   * Reads this member's state once it is as new as `consistency` demands; `revision` is the state's.
   *
   * @throws RpcError `KV_COMPACTED`, `KV_REVISION_FUTURE`, `KV_INVALID`, `KV_RESERVED`, `KV_TOO_LARGE`, `NO_LEADER`,
   * `OVERLOADED`, `CLOSED`
   */
  async range(op: RangeOp, options: RangeOptions): Promise<RangeReply & { readonly revision: number }> {
    await this.group.readBarrier(options.consistency, { timeoutMs: options.timeoutMs });
    return { ...this.machine.range(op, options.origin ?? 'cluster'), revision: this.machine.revision };
  }

  /** Watches this member's state; see `KvMachine.watch`. Cancel it. */
  watch(options: WatchOptions, wake: () => void, origin: KvRequest['origin'] = 'cluster'): KvWatch {
    return this.machine.watch(options, wake, origin);
  }

  /** A command that another director forwarded to this one: what a network's inbox calls instead of `group.propose`. */
  proposeForwarded(command: Uint8Array, options?: { readonly timeoutMs?: number | undefined }): Promise<Uint8Array> {
    return new Promise((resolve, reject) => this.submit(command, options?.timeoutMs, { resolve, reject }));
  }

  /** Stops proposing by itself. Idempotent. */
  close(): void {
    this.time = undefined;
  }

  private submit(request: Uint8Array, timeoutMs: number | undefined, settle: CommandSettle): void {
    this.time ??= new ClusterTime(this.machine.clockMs, this.clock.nowMs());
    this.group.propose(request, { timeoutMs }).then(
      (reply) => settle.resolve(reply),
      (error: unknown) => settle.reject(RpcError.from(error)),
    );
  }
}
