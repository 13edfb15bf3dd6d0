import { RpcError, type RpcReason } from '../../base/index.js';
import type { AskedConsistency, MetadataPort, SharedPut } from '../../drivers/metadata/index.js';
import {
  type ByteWriter,
  decodeReply,
  encodeRequest,
  type KvCommand,
  type KvReply,
  type KvRequest,
  readPutReply,
  writeRequest,
} from '../../kv/index.js';
import type { Clock, Random, Timer } from '../../ports/index.js';
import { backoffMs } from '../../rpc/index.js';
import type { ClientSession, SessionKeeper, SessionUser } from './client-session.js';
import { ANSWERS, type ReplyTo } from './command-reply.js';

/** What the calls of one client share. */
export interface CommandHost {
  readonly port: MetadataPort;
  readonly clock: Clock;
  readonly random: Random;
  readonly sessions: SessionKeeper;
}

export interface CommandRequest<Command extends KvCommand = KvCommand> {
  readonly command: Command;
  /**
   * - `session`: under a stamp, so that it counts once: repeated whatever happened
   * - `freely`: repeating it does no harm
   * - `unlessUncertain`: repeated only while it certainly was not executed
   */
  readonly repeat: 'session' | 'freely' | 'unlessUncertain';
  /** For a range that is read outside the log; `undefined` for a command that is proposed. */
  readonly consistency: AskedConsistency | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Runs a command until it has an answer, its time is over, or repeating it could execute it twice.
 *
 * @throws RpcError the reason of an error answer; `PROPOSAL_UNKNOWN` when no answer came and it may be executed;
 * `KV_SESSION_EXPIRED` likewise; `PEER_VIOLATION` for an answer to another command; `CANCELLED_BY_CALLER`; else the last
 * attempt's error
 */
export function runCommand<Command extends KvCommand>(
  host: CommandHost,
  request: CommandRequest<Command>,
): Promise<ReplyTo<Command>>;
/** @param resultOf what the call is to resolve to */
export function runCommand<Command extends KvCommand, Result>(
  host: CommandHost,
  request: CommandRequest<Command>,
  resultOf: (reply: ReplyTo<Command>) => Result,
): Promise<Result>;
export function runCommand(
  host: CommandHost,
  request: CommandRequest,
  resultOf?: (reply: ReplyTo<KvCommand>) => unknown,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    // That the answer is one to the command is what the call makes sure of.
    const onReply =
      resultOf === undefined ? resolve : (reply: KvReply) => resolve(resultOf(reply as ReplyTo<KvCommand>));
    new CommandCall(host, request, onReply, reject).start();
  });
}

class CommandCall implements SharedPut, SessionUser {
  ended = false;
  private readonly host: CommandHost;
  private readonly request: CommandRequest;
  private readonly onReply: (reply: KvReply) => void;
  private readonly onError: (error: RpcError) => void;
  private readonly deadlineMs: number;
  private session: ClientSession | undefined;
  private sequence = 0;
  private bytes: Uint8Array | undefined;
  private wasSent = false;
  private attempts = 0;
  /** An attempt may have been executed. */
  private uncertain = false;
  private lastError: RpcError | undefined;
  private timer: Timer | undefined;
  private onAbort: (() => void) | undefined;

  constructor(
    host: CommandHost,
    request: CommandRequest,
    onReply: (reply: KvReply) => void,
    onError: (error: RpcError) => void,
  ) {
    this.host = host;
    this.request = request;
    this.onReply = onReply;
    this.onError = onError;
    this.deadlineMs = host.clock.nowMs() + request.timeoutMs;
  }

  start(): void {
    const { signal, repeat } = this.request;
    if (signal?.aborted === true) {
      this.cancel(signal);
      return;
    }
    if (signal !== undefined) {
      this.onAbort = () => this.cancel(signal);
      signal.addEventListener('abort', this.onAbort, { once: true });
    }
    if (repeat === 'session') this.enter();
    else this.attempt();
  }

  // SessionUser

  admitted(session: ClientSession, sequence: number): void {
    this.timer?.cancel();
    this.session = session;
    this.sequence = sequence;
    this.bytes = undefined; // of another session
    this.attempt();
  }

  refused(error: RpcError): void {
    this.fail(error);
  }

  // SharedPut

  get bytesMax(): number {
    const { command } = this.request;
    return command.type === 'put' ? STAMP_BYTES + command.key.length * 3 + command.value.length : 0;
  }

  write(to: ByteWriter): void {
    if (this.bytes === undefined) writeRequest(to, this.encodable());
    else to.append(this.bytes);
  }

  keep(request: Uint8Array): void {
    this.bytes = request;
  }

  resolveFrom(replies: Uint8Array, from: number, to: number): void {
    if (this.ended) return;
    const revision = readPutReply(replies, from, to);
    if (revision < 0) {
      this.resolve(replies.subarray(from, to));
      return;
    }
    this.end();
    this.onReply({ revision, answer: PUT });
  }

  resolve(bytes: Uint8Array): void {
    if (this.ended) return;
    let reply: KvReply;
    try {
      reply = decodeReply(bytes);
    } catch (error) {
      this.fail(RpcError.from(error).asMaybeExecuted());
      return;
    }
    const { answer } = reply;
    if (answer.type === ANSWERS[this.request.command.type]) {
      this.end();
      this.onReply(reply);
    } else if (answer.type !== 'error') {
      const what = `a director answered ${this.request.command.type} with ${answer.type}`;
      this.fail(RpcError.of('PEER_VIOLATION', what, { maybeExecuted: true }));
    } else if (answer.reason === 'KV_SESSION_EXPIRED' && this.session !== undefined) {
      this.onSessionExpired(this.session, answer.message);
    } else this.fail(RpcError.of(answer.reason, answer.message), true);
  }

  reject(error: RpcError): void {
    if (this.ended) return;
    this.lastError = error;
    this.uncertain ||= error.maybeExecuted;
    if (!this.mayRepeat(error)) {
      this.fail(error);
      return;
    }
    const backoff = backoffMs(BACKOFF, Math.min(this.attempts, BACKOFF_STEPS), this.host.random.float());
    this.attempts += 1;
    const delayMs = Math.max(backoff, error.retryAfterMs ?? 0);
    if (this.leftMs() <= delayMs) this.fail(error);
    else this.arm(delayMs, () => this.attempt());
  }

  // Private

  private enter(): void {
    this.session = undefined;
    this.host.sessions.enter(this);
    if (this.session !== undefined || this.ended) return;
    this.arm(this.leftMs(), () =>
      this.fail(this.lastError ?? RpcError.of('NO_LEADER', 'no session was granted in time: no leader answered')),
    );
  }

  private encodable(): KvRequest {
    return { command: this.request.command, origin: 'user', session: this.session?.stamp(this.sequence) };
  }

  private attempt(): void {
    const leftMs = this.leftMs();
    if (this.ended) return;
    if (leftMs <= 0) {
      this.fail(this.lastError ?? RpcError.of('DEADLINE', 'the time had run out', { maybeExecuted: false }));
      return;
    }
    try {
      this.send(Math.min(leftMs, ATTEMPT_MS));
      this.wasSent = true;
    } catch (error) {
      this.fail(RpcError.from(error)); // it cannot be encoded
    }
  }

  /** @throws RpcError `KV_INVALID` */
  private send(timeoutMs: number): void {
    const { port } = this.host;
    const { consistency } = this.request;
    if (port.executeShared !== undefined && this.mayShare()) {
      port.executeShared(this, timeoutMs);
      return;
    }
    this.bytes ??= encodeRequest(this.encodable());
    if (consistency === undefined) port.execute(this.bytes, timeoutMs, this);
    else port.range(this.bytes, consistency, timeoutMs, this);
  }

  private mayShare(): boolean {
    const { repeat, command } = this.request;
    return repeat === 'session' && command.type === 'put' && !command.returnPrevious;
  }

  private leftMs(): number {
    return this.deadlineMs - this.host.clock.nowMs();
  }

  private mayRepeat(error: RpcError): boolean {
    if (NOT_REPEATED.has(error.reason)) return false;
    // An attempt has less time than the call.
    if (!error.retryable && error.reason !== 'DEADLINE') return false;
    return this.request.repeat !== 'unlessUncertain' || !this.uncertain;
  }

  private onSessionExpired(session: ClientSession, message: string): void {
    const { sessions } = this.host;
    sessions.expired(session);
    if (this.uncertain) {
      this.fail(RpcError.of('KV_SESSION_EXPIRED', message));
      return;
    }
    // Only the attempt that was refused has been made: another session may execute it.
    sessions.leave(session, this.sequence);
    this.enter();
  }

  private cancel({ reason: cause }: AbortSignal): void {
    const maybeExecuted = this.wasSent && this.request.consistency === undefined;
    this.end();
    this.onError(
      RpcError.of('CANCELLED_BY_CALLER', 'the caller cancelled the metadata call', { cause, maybeExecuted }),
    );
  }

  /** @param isAnswer the store itself said so, and under a stamp it always says the same */
  private fail(error: RpcError, isAnswer = false): void {
    const isOpen = this.uncertain && !isAnswer && !error.maybeExecuted && this.request.consistency === undefined;
    this.end();
    this.onError(isOpen ? unknown(error) : error);
  }

  private arm(delayMs: number, fire: () => void): void {
    this.timer?.cancel();
    this.timer = this.host.clock.setTimer(delayMs, fire);
  }

  private end(): void {
    this.ended = true;
    this.timer?.cancel();
    if (this.onAbort !== undefined) this.request.signal?.removeEventListener('abort', this.onAbort);
    const { session } = this;
    this.session = undefined;
    if (session !== undefined) this.host.sessions.leave(session, this.sequence);
  }
}

/** The last attempt was refused, but one before it may be executed. */
function unknown(error: RpcError): RpcError {
  const message = `no answer came in time, and the command may be executed; the last attempt: ${error.message}`;
  return RpcError.of('PROPOSAL_UNKNOWN', message, { cause: error });
}

/** What a put that gives nothing back is answered with. */
const PUT = { type: 'put', previous: undefined } as const;
/** What a request takes beside key and value, at most. */
const STAMP_BYTES = 64;
/** Retryable in principle, but not soon, or not here. */
const NOT_REPEATED: ReadonlySet<RpcReason> = new Set<RpcReason>(['DISK_FULL', 'CLOSED']);
/** After this time without an answer another director is asked. */
const ATTEMPT_MS = 5_000;
const BACKOFF = { baseMs: 10, maxMs: 500 };
const BACKOFF_STEPS = 10;
