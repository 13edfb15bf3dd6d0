import { BYTE_LIST_HEAD_BYTES, LIMITS, LIST_LENGTH_BYTES, listItemEnd, RpcError } from '../base/index.js';
import type { LogIndex, StateMachine } from '../ports/index.js';
import { ByteWriter } from './byte-writer.js';
import { checkRequest } from './check-command.js';
import type { KvRequest, RangeOp, SessionStamp } from './command.js';
import { decodeRequest } from './command-codec.js';
import { execute, readRange } from './execute.js';
import { withoutReserved } from './key-range.js';
import { KvState } from './kv-state.js';
import { PutReader } from './put-reader.js';
import { Refusal } from './refusal.js';
import type { KvAnswer, RangeReply } from './reply.js';
import { encodePutReply, encodeReply, putReplyBytes, writePutReply } from './reply-codec.js';
import type { Remembered } from './reply-window.js';
import { type Checksum, decodeSnapshot, encodeSnapshot, hashState } from './snapshot-codec.js';
import { type KvWatch, WatchHub, type WatchOptions } from './watch.js';

/**
 * The metadata store as a Raft state machine: an ordered key-value store with one revision that every change raises by
 * one, with history, transactions, leases, client sessions and watches. Deterministic: equal commands make equal states
 * and equal replies on every member, whether it applied all of them or began with a snapshot.
 *
 * A command sees what the commands before it did, those of its own entry included. Nothing it holds makes `apply`
 * throw: a refused command gets an error reply and changes nothing.
 */
export class KvMachine implements StateMachine {
  private state = new KvState();
  private readonly hub: WatchHub;
  private readonly checksum: Checksum;
  private readonly plainPut = new PutReader();
  private readonly replies = new ByteWriter(REPLIES_BYTES);

  /** @param checksum CRC-32, the same function on all members */
  constructor(checksum: Checksum) {
    this.checksum = checksum;
    this.hub = new WatchHub(this.state.store);
  }

  /** The revision of the last change; 0 for a new store. */
  get revision(): number {
    return this.state.store.revision;
  }

  /** The oldest revision that can be read. */
  get compactRevision(): number {
    return this.state.store.compactRevision;
  }

  /** Cluster time as the commands brought it; see `ClusterTime`. */
  get clockMs(): number {
    return this.state.leases.clockMs;
  }

  /** Keys and values in bytes, history included. */
  get bytes(): number {
    return this.state.store.bytes;
  }

  /** Of `bytes`, what a compaction of everything but the latest state would give back. */
  get historyBytes(): number {
    return this.state.store.bytes - this.state.store.liveBytes;
  }

  /** A compaction's memory is still coming back, part by part. */
  get isForgetting(): boolean {
    return this.state.store.forgottenRevision < this.state.store.compactRevision;
  }

  get keyCount(): number {
    return this.state.store.keyCount;
  }

  get leaseCount(): number {
    return this.state.leases.leases.size;
  }

  get watchCount(): number {
    return this.hub.size;
  }

  /** Cluster time at which an `expireLeases` command is due; `Infinity` when there is no lease. */
  get nextLeaseOverMs(): number {
    return this.state.leases.nextOverMs();
  }

  apply(_index: LogIndex, commands: readonly Uint8Array[], repliesWanted = true): readonly Uint8Array[] {
    const replies: Uint8Array[] = [];
    for (const command of commands) {
      const bytes = asBuffer(command);
      const reply = this.applyCommand(bytes, 0, bytes.length);
      if (repliesWanted) replies.push(typeof reply === 'number' ? encodePutReply(reply) : reply);
    }
    this.hub.flush();
    return replies;
  }

  applyList(_index: LogIndex, commands: Uint8Array, repliesWanted: boolean): Uint8Array {
    const { replies } = this;
    const list = asBuffer(commands);
    replies.clear();
    replies.append(list.subarray(0, BYTE_LIST_HEAD_BYTES)); // as many
    const { length } = list;
    for (let at = BYTE_LIST_HEAD_BYTES; at < length; ) {
      const end = listItemEnd(list, at);
      const reply = this.applyCommand(list, at + LIST_LENGTH_BYTES, end);
      if (repliesWanted) this.addReply(reply);
      at = end;
    }
    this.hub.flush();
    return repliesWanted ? replies.take() : commands;
  }

  /**
   * A read outside the log, of this member's state: whoever asks for more than that has made sure of it before.
   *
   * @throws RpcError `KV_COMPACTED`, `KV_REVISION_FUTURE`, `KV_INVALID`, `KV_RESERVED`, `KV_TOO_LARGE`
   */
  range(op: RangeOp, origin: KvRequest['origin'] = 'user'): RangeReply {
    try {
      checkRequest({ command: op, origin, session: undefined });
      return readRange(this.state, op, origin === 'user');
    } catch (error) {
      if (error instanceof Refusal) throw RpcError.of(error.reason, error.message);
      throw error;
    }
  }

  /** `range` for a user's request as bytes (`encodeRequest`); the answer, refusals included, as a reply's bytes. */
  rangeEncoded(request: Uint8Array): Uint8Array {
    let answer: KvAnswer;
    try {
      const decoded = decodeRequest(request);
      if (decoded.command.type !== 'range') throw new Refusal('KV_INVALID', 'only ranges can be read outside the log');
      checkRequest({ ...decoded, origin: 'user' });
      answer = readRange(this.state, decoded.command, true);
    } catch (error) {
      answer = refusalOf(error);
    }
    return this.reply(answer);
  }

  /**
   * Watches this member's state; poll it first, then whenever `wake` was called. `wake` must not throw or apply
   * commands.
   */
  watch(options: WatchOptions, wake: () => void, origin: KvRequest['origin'] = 'user'): KvWatch {
    const range = origin === 'user' ? withoutReserved(options.range) : options.range;
    return this.hub.add({ ...options, range }, wake);
  }

  snapshot(): AsyncIterable<Uint8Array> {
    // Frozen now, not when the first chunk is asked for.
    const frozen = this.state.copy();
    return chunksOf(frozen, this.checksum);
  }

  /** Watches go on: they are told what is new, or that they missed something. @throws FlotillaError `SNAPSHOT_CORRUPT` */
  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    this.state = await decodeSnapshot(chunks, this.checksum);
    this.hub.replaced(this.state.store);
  }

  /** Equal on members that have applied the same entries. Costs a pass over the whole state. */
  stateHash(): string {
    return hashState(this.state);
  }

  private addReply(reply: Remembered): void {
    const { replies } = this;
    replies.uint32(typeof reply === 'number' ? putReplyBytes(reply) : reply.length);
    if (typeof reply === 'number') writePutReply(replies, reply);
    else replies.append(reply);
  }

  /** The command that stands in `list` from `from` to `to`. */
  private applyCommand(list: Buffer, from: number, to: number): Remembered {
    const { plainPut } = this;
    if (plainPut.read(list, from, to)) {
      return this.answered(plainPut, true) ?? this.remember(plainPut, true, this.runPut());
    }
    return this.applyOther(list.subarray(from, to));
  }

  private applyOther(bytes: Uint8Array): Remembered {
    let request: KvRequest;
    try {
      if (bytes.length > LIMITS.kvCommandBytesMax) {
        throw new Refusal(
          'KV_TOO_LARGE',
          `a command of ${bytes.length} bytes; ${LIMITS.kvCommandBytesMax} are allowed`,
        );
      }
      request = decodeRequest(bytes);
      checkRequest(request);
    } catch (error) {
      return this.reply(refusalOf(error));
    }
    const { session, origin } = request;
    if (session === undefined) return this.run(request);
    const isUser = origin === 'user';
    return this.answered(session, isUser) ?? this.remember(session, isUser, this.run(request));
  }

  /** The answer to a command of a session that was executed before or is refused; `undefined`: it is to be executed. */
  private answered(session: SessionStamp, isUser: boolean): Remembered | undefined {
    const { leases, sessions } = this.state;
    if (!leases.has(session.id, isUser)) {
      const message = `session ${session.id} has expired: whether command ${session.sequence} was executed is not known`;
      return this.reply({ type: 'error', reason: 'KV_SESSION_EXPIRED', message });
    }
    try {
      return sessions.replyTo(session);
    } catch (error) {
      return this.reply(refusalOf(error));
    }
  }

  private remember(session: SessionStamp, isUser: boolean, reply: Remembered): Remembered {
    const { leases, sessions } = this.state;
    // The command may have ended its own session.
    if (leases.has(session.id, isUser)) sessions.remember(session, reply);
    return reply;
  }

  /** What `plainPut` has read. */
  private runPut(): Remembered {
    const { plainPut } = this;
    const size = plainPut.keyEnd - plainPut.keyStart + plainPut.valueEnd - plainPut.valueStart;
    let refusal: KvAnswer | undefined;
    try {
      this.state.checkRoom(size, true);
      this.state.putEncoded(plainPut);
    } catch (error) {
      refusal = refusalOf(error);
    }
    this.commit();
    return refusal === undefined ? this.state.store.revision : this.reply(refusal);
  }

  private run(request: KvRequest): Remembered {
    let answer: KvAnswer;
    try {
      answer = execute(this.state, request);
    } catch (error) {
      answer = refusalOf(error);
    }
    this.commit();
    const isPlain = answer.type === 'put' && answer.previous === undefined;
    return isPlain ? this.state.store.revision : this.reply(answer);
  }

  private commit(): void {
    const { store } = this.state;
    this.hub.note(store.commit());
    store.forgetSome(FORGOTTEN_PER_COMMAND);
  }

  private reply(answer: KvAnswer): Uint8Array {
    return encodeReply({ revision: this.state.store.revision, answer });
  }
}

/** More than a command usually changes, so that forgetting ends although commands go on. */
const FORGOTTEN_PER_COMMAND = 4;

/** The replies to some hundred puts. */
const REPLIES_BYTES = 16 * 1024;

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function refusalOf(error: unknown): KvAnswer {
  if (!(error instanceof Refusal)) throw error;
  return { type: 'error', reason: error.reason, message: error.message };
}

async function* chunksOf(state: KvState, checksum: Checksum): AsyncGenerator<Uint8Array> {
  yield* encodeSnapshot(state, checksum);
}
