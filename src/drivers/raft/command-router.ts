import { type NodeId, RpcError } from '../../base/index.js';
import type { Clock, CommandSettle, GroupId, ProposeOptions } from '../../ports/index.js';
import { costOf } from './command-queue.js';
import type { GroupCounters } from './counters.js';
import type { LeadershipBoard } from './leadership-board.js';
import type { RaftNetwork } from './network.js';
import type { RaftGroupOptions } from './options.js';

export interface RouterParts {
  readonly id: GroupId;
  readonly node: NodeId;
  readonly network: RaftNetwork;
  readonly clock: Clock;
  readonly board: LeadershipBoard;
  readonly counters: GroupCounters;
  readonly options: RaftGroupOptions;
  /** This member's own proposer. */
  submit(command: Uint8Array, options: ProposeOptions | undefined, settle: CommandSettle): void;
  /** Why nothing can be proposed any more; `undefined` while it can. */
  ended(): RpcError | undefined;
}

/**
 * Brings a command to the leader, wherever that is. What has certainly not been executed is tried again until the time
 * has run out, at whoever leads by then; what may have been executed is not.
 */
export class CommandRouter {
  private readonly parts: RouterParts;
  /** Of commands that are with another node, or wait for a leader. */
  private awayBytes = 0;

  constructor(parts: RouterParts) {
    this.parts = parts;
  }

  /** At this member only. */
  here(command: Uint8Array, options: ProposeOptions | undefined): Promise<Uint8Array> {
    return new Promise((resolve, reject) => this.parts.submit(command, options, { resolve, reject }));
  }

  anywhere(command: Uint8Array, options: ProposeOptions | undefined): Promise<Uint8Array> {
    const { board, clock, options: settings } = this.parts;
    const deadlineMs = clock.nowMs() + (options?.timeoutMs ?? settings.proposeTimeoutMs);
    if (!board.isLeader) return this.away(command, options, deadlineMs);
    return new Promise((resolve, reject) => {
      const retry = (error: RpcError) => this.after(error, command, options, deadlineMs).then(resolve, reject);
      this.parts.submit(command, options, { resolve, reject: retry });
    });
  }

  private async after(
    error: RpcError,
    command: Uint8Array,
    options: ProposeOptions | undefined,
    deadlineMs: number,
  ): Promise<Uint8Array> {
    this.assertElsewhere(error, deadlineMs);
    return this.away(command, options, deadlineMs);
  }

  private async away(
    command: Uint8Array,
    options: ProposeOptions | undefined,
    deadlineMs: number,
  ): Promise<Uint8Array> {
    const cost = costOf({ bytes: command });
    this.checkRoom(command, cost);
    this.awayBytes += cost;
    try {
      for (;;) {
        try {
          return await this.attempt(command, options, deadlineMs);
        } catch (error) {
          this.assertElsewhere(error, deadlineMs);
        }
        await this.change(Math.min(RETRY_MS, deadlineMs - this.parts.clock.nowMs()));
      }
    } finally {
      this.awayBytes -= cost;
    }
  }

  private checkRoom(command: Uint8Array, cost: number): void {
    const { commandBytesMax, queueBytesMax } = this.parts.options;
    if (command.length > commandBytesMax) {
      throw RpcError.of(
        'KV_TOO_LARGE',
        `the command has ${command.length} bytes; at most ${commandBytesMax} are allowed`,
      );
    }
    if (this.awayBytes + cost > queueBytesMax) {
      throw RpcError.of('PROPOSALS_FULL', `${this.awayBytes} bytes of commands wait for the leader already`);
    }
  }

  private attempt(command: Uint8Array, options: ProposeOptions | undefined, deadlineMs: number): Promise<Uint8Array> {
    const { id, node, board, clock, counters, network } = this.parts;
    const ended = this.parts.ended();
    if (ended !== undefined) throw ended;
    const left: ProposeOptions = { ...options, timeoutMs: Math.max(1, deadlineMs - clock.nowMs()) };
    if (board.isLeader) return this.here(command, left);
    const { leader } = board.view;
    if (leader === undefined || leader === node) throw RpcError.of('NO_LEADER', 'no leader is known');
    counters.forwarded += 1;
    return network.forward(leader, id, command, left).catch((error: unknown) => {
      throw asConsensusError(error);
    });
  }

  /** Throws unless the command may be tried again. */
  private assertElsewhere(error: unknown, deadlineMs: number): void {
    if (!(error instanceof RpcError) || error.maybeExecuted || !isPassing(error)) throw error;
    if (this.parts.clock.nowMs() >= deadlineMs) throw RpcError.of('NO_LEADER', `no leader took it: ${error.message}`);
  }

  /** Resolves when another one leads, or after `timeoutMs`. */
  private change(timeoutMs: number): Promise<void> {
    const { board, clock } = this.parts;
    return new Promise((resolve) => {
      const done = () => {
        stopListening();
        timer.cancel();
        resolve();
      };
      const timer = clock.setTimer(Math.max(0, timeoutMs), done, { unref: true });
      const stopListening = board.onChange(done);
    });
  }
}

/** Who led until it was started again without the group, which runs here, says that it knows no such group. */
function isPassing({ code, reason }: RpcError): boolean {
  return code === 'UNAVAILABLE' || reason === 'GROUP_UNKNOWN';
}

/** A broken connection or a deadline says the same as a lost leader. */
function asConsensusError(error: unknown): RpcError {
  const failure = RpcError.from(error);
  if (!failure.maybeExecuted || failure.reason === 'PROPOSAL_UNKNOWN') return failure;
  return RpcError.of('PROPOSAL_UNKNOWN', `the leading director did not answer: ${failure.message}`, { cause: failure });
}

/** How long a command that nobody took waits before the same leader is asked again. */
const RETRY_MS = 50;
