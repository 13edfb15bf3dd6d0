import type { MetadataPort } from '../../drivers/metadata/index.js';
import type { KvCommand, PutOp, RangeOp } from '../../kv/index.js';
import type { Clock, Logger, Random } from '../../ports/index.js';
import { SessionKeeper } from './client-session.js';
import { type CommandHost, type CommandRequest, runCommand } from './command-call.js';
import type { ReplyTo, RunCommand } from './command-reply.js';
import { checkedKey, type KeySelector, keyRangeOf } from './keys.js';
import { LockQueue } from './lock-queue.js';
import type {
  DeleteOptions,
  DeleteResult,
  MetadataApi,
  MetadataCallOptions,
  PutOptions,
  PutResult,
  RangeKeysOptions,
  RangeResult,
  ReadOptions,
  WriteOptions,
} from './metadata-api.js';
import { MetadataElection } from './metadata-election.js';
import { bytesOfValue, entryOf, MetadataEntry, type MetadataValue } from './metadata-entry.js';
import { MetadataLease } from './metadata-lease.js';
import { type LockOptions, MetadataLock, takeTurn, takeTurnNow } from './metadata-lock.js';
import { MetadataWatch, type WatchKeysOptions } from './metadata-watch.js';
import {
  leaseIdOf,
  type Transaction,
  type TransactionResult,
  transactionResultOf,
  txnCommandOf,
} from './transaction.js';

export interface MetadataDependencies {
  readonly port: MetadataPort;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * The cluster's metadata store: an ordered map of keys (text) to values (bytes) with one revision that every change
 * raises by one, replicated by the directors. The same at a client (`client.metadata`) and at a director
 * (`director.metadata`).
 *
 * Writes count once however often they are sent: after a lost leader or connection they are repeated under the stamp of
 * the client's session, within their time. What remains uncertain is said: an error with `maybeExecuted`. Reads are
 * linearizable unless they ask for less.
 *
 * Keys are of at most 4 KiB, values of 1 MiB; keys that begin with U+0000 are the cluster's own. For configuration,
 * coordination and small records: everything is in the memory of every director.
 *
 * @throws RpcError from its calls: `NO_LEADER`, `NOT_CONNECTED`, `CONNECT_FAILED`, `PROPOSAL_LOST` (not executed),
 * `PROPOSAL_UNKNOWN`, `KV_SESSION_EXPIRED`, `DEADLINE` (see `maybeExecuted`), `DISK_FULL`, `PROPOSALS_FULL`, `KV_INVALID`,
 * `KV_TOO_LARGE`, `KV_RESERVED`, `KV_FULL`, `KV_LEASE_UNKNOWN`, `KV_COMPACTED`, `KV_REVISION_FUTURE`,
 * `CANCELLED_BY_CALLER`, `CLOSED`
 */
export class Metadata implements MetadataApi, AsyncDisposable {
  private readonly deps: MetadataDependencies;
  private readonly host: CommandHost;
  private closing: Promise<void> | undefined;

  constructor(deps: MetadataDependencies) {
    const { port, clock, random, logger } = deps;
    this.deps = deps;
    const run: RunCommand = (command, timeoutMs) => this.freely(command, timeoutMs);
    this.host = { port, clock, random, sessions: new SessionKeeper({ clock, logger, run }) };
  }

  /** The entry of a key; `undefined` when there is none. */
  async get(key: string, options: ReadOptions = {}): Promise<MetadataEntry | undefined> {
    const { answer } = await this.read(key, { ...options, limit: 1 }, false);
    return entryOf(answer.items[0]);
  }

  /** Sets a key. Bytes are not to be changed before the call has settled: it may wait for a session before it sends them. */
  put(key: string, value: MetadataValue, options: PutOptions = {}): Promise<PutResult> {
    try {
      const { returnPrevious = false } = options;
      const lease = leaseIdOf(options.lease);
      const command = { type: 'put', key: checkedKey(key), value: bytesOfValue(value), lease, returnPrevious } as const;
      return runCommand(this.host, writeRequestOf(command, options), putResultOf);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Deletes a key, or all keys of a selection (at most 10,000 at once). */
  async delete(keys: KeySelector, options: DeleteOptions = {}): Promise<DeleteResult> {
    const { returnPrevious = false } = options;
    const command = { type: 'delete', range: keyRangeOf(keys), returnPrevious } as const;
    const { answer, revision } = await this.write(command, options);
    return { revision, deleted: answer.deleted, previous: answer.previous.map((item) => new MetadataEntry(item)) };
  }

  /** The entries of a selection in key order, as many as one reply holds; {@link entries} reads any number. */
  async range(keys: KeySelector, options: RangeKeysOptions = {}): Promise<RangeResult> {
    const { answer, revision } = await this.read(keys, options, false);
    return { items: answer.items.map((item) => new MetadataEntry(item)), more: answer.more, revision };
  }

  /** How many keys a selection has. */
  async count(keys: KeySelector, options: ReadOptions = {}): Promise<number> {
    return (await this.read(keys, options, true)).answer.count;
  }

  /** All entries of a selection in key order, read in parts of one state: that after `revision`, or the latest. */
  async *entries(keys: KeySelector, options: RangeKeysOptions = {}): AsyncGenerator<MetadataEntry, void, undefined> {
    for await (const { items } of this.pages(keys, options)) yield* items;
  }

  /** The parts that {@link entries} reads, at least one; all have the same `revision`: that of the first part. */
  async *pages(keys: KeySelector, options: RangeKeysOptions = {}): AsyncGenerator<RangeResult, void, undefined> {
    const { limit = Number.POSITIVE_INFINITY } = options;
    const { to } = keyRangeOf(keys);
    let left = limit;
    let { revision } = options;
    let rest = keys;
    for (;;) {
      // The first part decides which state it is; the others need no newer one.
      const newness = revision === undefined ? {} : { revision };
      const page = await this.range(rest, { ...options, ...newness, limit: Math.min(left, PAGE_KEYS) });
      revision ??= page.revision;
      left -= page.items.length;
      yield { ...page, revision };
      const last = page.items.at(-1);
      if (last === undefined || !page.more || left <= 0) return;
      rest = { from: `${last.key}\u0000`, to };
    }
  }

  /**
   * Compares and changes at once: carries out `do` if all conditions of `if` hold, else `else`.
   *
   * ```ts
   * const { succeeded } = await metadata.txn({
   *   if: [{ key: 'config', modRevision: entry.modRevision }],
   *   do: [{ put: 'config', value: { json: changed } }],
   *   else: [{ get: 'config' }],
   * });
   * ```
   */
  async txn(transaction: Transaction, options: WriteOptions = {}): Promise<TransactionResult> {
    const { answer, revision } = await this.write(txnCommandOf(transaction), options);
    return transactionResultOf(answer, revision);
  }

  /**
   * Grants a lease and keeps it alive until it is revoked: `put(key, value, { lease })` makes a key that ends with it.
   *
   * @param ttlMs how long keys outlive a client that is gone: 100 to 604,800,000
   */
  async lease(ttlMs: number, options: MetadataCallOptions = {}): Promise<MetadataLease> {
    const sentAtMs = this.deps.clock.nowMs();
    const { answer } = await this.write({ type: 'grantLease', ttlMs, nowMs: 0 }, options);
    const run: RunCommand = (command, timeoutMs) => this.freely(command, timeoutMs);
    return new MetadataLease({ clock: this.deps.clock, run }, answer.lease, ttlMs, sentAtMs);
  }

  /**
   * Changes of keys, from now on or from a revision on, across lost connections and directors.
   *
   * ```ts
   * for await (const { type, key, entry } of metadata.watch({ prefix: 'config/' })) console.log(type, key, entry?.text());
   * ```
   */
  watch(keys: KeySelector, options: WatchKeysOptions = {}): MetadataWatch {
    return new MetadataWatch(this.deps, keyRangeOf(keys), options);
  }

  /**
   * Forgets the states before a revision; readers and watches that need them get `KV_COMPACTED`. Directors do that by
   * themselves with what is old.
   */
  async compact(revision: number, options: MetadataCallOptions = {}): Promise<void> {
    await this.write({ type: 'compact', revision }, options);
  }

  /**
   * Waits for a lock and takes it: one holder at a time, in the order of asking. Its keys are `flotilla/locks/NAME/...`.
   *
   * ```ts
   * await using lock = await metadata.lock('nightly', { ttlMs: 5_000 });
   * await work(lock.fencingToken, lock.lost);
   * ```
   *
   * @throws RpcError `DEADLINE` after `timeoutMs`, `LOCK_LOST` when the lease ended while waiting
   */
  async lock(name: string, options: LockOptions = {}): Promise<MetadataLock> {
    const place = await takeTurn(this.queue(LOCKS, name), options, this.deps.clock);
    return new MetadataLock(name, place);
  }

  /** Takes a lock if it is free; `undefined` when it is not. */
  async tryLock(name: string, options: Omit<LockOptions, 'timeoutMs'> = {}): Promise<MetadataLock | undefined> {
    const place = await takeTurnNow(this.queue(LOCKS, name), options);
    return place === undefined ? undefined : new MetadataLock(name, place);
  }

  /** An election among processes of the application. Its keys are `flotilla/elections/NAME/...`. */
  election(name: string): MetadataElection {
    return new MetadataElection(this, this.deps.clock, name, prefixOf(ELECTIONS, name));
  }

  /** Ends the session and the watches; leases are left to end by themselves. Idempotent. */
  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private async shutDown(): Promise<void> {
    await this.host.sessions.close(CLOSE_TIMEOUT_MS);
    await this.deps.port.close();
  }

  private queue(kind: string, name: string): LockQueue {
    return new LockQueue(this, prefixOf(kind, name));
  }

  private async read(keys: KeySelector, options: RangeKeysOptions, countOnly: boolean): Promise<ReplyTo<RangeOp>> {
    const { limit = 0, revision = 0, keysOnly = false, consistency = 'default', timeoutMs, signal } = options;
    const command: RangeOp = { type: 'range', range: keyRangeOf(keys), limit, revision, keysOnly, countOnly };
    const request = { command, repeat: 'freely', consistency, timeoutMs: timeoutMs ?? TIMEOUT_MS, signal } as const;
    return runCommand(this.host, request);
  }

  private write<Command extends KvCommand>(command: Command, options: WriteOptions): Promise<ReplyTo<Command>> {
    return runCommand(this.host, writeRequestOf(command, options));
  }

  private freely<Command extends KvCommand>(command: Command, timeoutMs: number): Promise<ReplyTo<Command>> {
    const request = { command, repeat: 'freely', consistency: undefined, timeoutMs, signal: undefined } as const;
    return runCommand(this.host, request);
  }
}

function writeRequestOf<Command extends KvCommand>(
  command: Command,
  { timeoutMs = TIMEOUT_MS, signal, exactlyOnce = true }: WriteOptions,
): CommandRequest<Command> {
  return { command, repeat: exactlyOnce ? 'session' : 'unlessUncertain', consistency: undefined, timeoutMs, signal };
}

function putResultOf({ answer, revision }: ReplyTo<PutOp>): PutResult {
  return { revision, previous: entryOf(answer.previous) };
}

/** The end of a name is the end of its part of the prefix: `a` and `a/b` are different locks. */
function prefixOf(kind: string, name: string): string {
  return `${kind}${encodeURIComponent(checkedKey(name))}/`;
}

const LOCKS = 'flotilla/locks/';
const ELECTIONS = 'flotilla/elections/';
const TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 1_000;
const PAGE_KEYS = 1_000;
