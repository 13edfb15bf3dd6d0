import { formatAddress, RpcError, type SocketAddress } from '../../base/index.js';
import {
  type AskedConsistency,
  CONSISTENCIES,
  LEADER_HEADER,
  type LeaderReply,
  linkSignals,
  type MetadataPort,
  MetadataService,
  type MetadataWatchRequest,
  type SharedPut,
} from '../../drivers/metadata/index.js';
import { decodeWatchMessage, type WatchMessage } from '../../kv/index.js';
import type { Clock, CommandSettle, Logger, Random, Timer } from '../../ports/index.js';
import type { CallOptions, Headers, MethodRef } from '../../rpc/index.js';
import type { OpenChannel } from '../node-channel.js';
import { Attempt, type AttemptOwner } from './attempt.js';
import { CommandGatherer, type GathererOwner } from './command-gatherer.js';
import { type DirectorLink, DirectorLinks } from './director-links.js';
import { WatchSilence } from './watch-silence.js';

export interface ClusterPortDependencies {
  /** The directors known at the moment; those that are asked tell of the others. */
  readonly directors: () => readonly SocketAddress[];
  readonly open: OpenChannel;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * The way to the store over the network. It follows the leader: by the hints in the replies of directors that do not
 * lead, and, when a call has no answer for a while, by asking the other directors who leads now; if that is another one
 * than before, what waits for the old one is given up, so that it can be repeated at the new one without waiting for the
 * old one's silence to end.
 */
export class ClusterPort implements MetadataPort, AttemptOwner, GathererOwner {
  private readonly deps: ClusterPortDependencies;
  private readonly links: DirectorLinks;
  private readonly ended = new AbortController();
  private readonly gatherer = new CommandGatherer(this);
  private readonly options: CallOptions;
  private readonly onHeaders = (headers: Headers): void => {
    const leader = headers[LEADER_HEADER];
    if (leader !== undefined) this.links.follow(leader);
  };
  private looking: Timer | undefined;
  private asking = false;
  private introducedMs = Number.NEGATIVE_INFINITY;
  private known: readonly SocketAddress[];
  private nextAsked: DirectorLink | undefined;

  constructor(deps: ClusterPortDependencies) {
    this.deps = deps;
    this.known = deps.directors();
    this.links = new DirectorLinks(this.known, deps.open, deps.clock, deps.random);
    // One for all calls with the usual time: an object per call is not needed.
    this.options = { timeoutMs: USUAL_TIMEOUT_MS, onHeaders: this.onHeaders };
  }

  /** The director that is taken for the leader, `HOST:PORT`. */
  get leader(): string {
    return this.links.leader.address;
  }

  execute(request: Uint8Array, timeoutMs: number, settle: CommandSettle): void {
    this.gatherer.send(); // what was asked for before goes before
    this.sendOne(request, timeoutMs, settle);
  }

  executeShared(put: SharedPut, timeoutMs: number): void {
    const isAlone = put.bytesMax > SHARED_BYTES_MAX; // a long one gains nothing by company
    if (isAlone) this.gatherer.send();
    this.gatherer.add(put, timeoutMs);
    if (isAlone) this.gatherer.send();
  }

  range(request: Uint8Array, consistency: AskedConsistency, timeoutMs: number, settle: CommandSettle): void {
    this.gatherer.send();
    const input = new Uint8Array(1 + request.length);
    input[0] = CONSISTENCIES.indexOf(consistency);
    input.set(request, 1);
    const link = consistency === 'eventual' ? this.links.near : this.links.leader;
    this.begin(link, RANGE, input, timeoutMs, settle);
  }

  async *watch(request: MetadataWatchRequest, signal: AbortSignal): AsyncGenerator<WatchMessage, void, undefined> {
    const link = this.links.near;
    this.introduce(link, this.deps.clock.nowMs());
    const silent = new AbortController();
    const silence = new WatchSilence(this.deps.clock, CONNECT_TIMEOUT_MS, () =>
      silent.abort(RpcError.of('CONNECTION_LOST', `director ${link.address} has gone silent`)),
    );
    const { range, fromRevision, withPrevious } = request;
    const start = {
      from: range.from,
      ...(range.to === undefined ? {} : { to: range.to }),
      ...(fromRevision === undefined ? {} : { fromRevision }),
      withPrevious,
    };
    const ending = linkSignals(signal, silent.signal, this.ended.signal);
    try {
      for await (const bytes of link.channel.serverStream(WATCH, start, { signal: ending.signal, timeoutMs: 0 })) {
        silence.pause();
        const message = decodeWatchMessage(bytesOf(bytes));
        if (message.type === 'started') silence.expectWithin(SILENT_HEARTBEATS * message.heartbeatMs);
        // While the reader is busy with it, the director is not silent.
        yield message;
        silence.resume();
      }
      if (!signal.aborted) throw RpcError.of('CONNECTION_LOST', `director ${link.address} ended the watch`);
    } catch (thrown) {
      if (silent.signal.aborted) link.renew('has gone silent');
      const error = this.watchError(link, silent.signal.aborted ? silent.signal.reason : thrown);
      this.failed(link, error);
      throw error;
    } finally {
      ending.unlink();
      silence.stop();
    }
  }

  async close(): Promise<void> {
    if (this.ended.signal.aborted) return;
    this.ended.abort(RpcError.of('CLOSED', 'the metadata client was closed'));
    this.looking?.cancel();
    await this.links.close();
  }

  // GathererOwner

  sendOne(request: Uint8Array, timeoutMs: number, settle: CommandSettle): void {
    this.begin(this.links.leader, EXECUTE, request, timeoutMs, settle);
  }

  sendList(requests: Uint8Array, timeoutMs: number, settle: CommandSettle): void {
    this.begin(this.links.leader, EXECUTE_ALL, requests, timeoutMs, settle);
  }

  // AttemptOwner

  failed(link: DirectorLink, error: RpcError): void {
    if (this.ended.signal.aborted) return;
    this.learn();
    this.links.failed(link, error);
  }

  // Private

  private begin(
    link: DirectorLink,
    method: MethodRef,
    input: Uint8Array,
    timeoutMs: number,
    settle: CommandSettle,
  ): void {
    if (this.ended.signal.aborted) {
      settle.reject(RpcError.of('CLOSED', 'the metadata client was closed'));
      return;
    }
    const options = timeoutMs === USUAL_TIMEOUT_MS ? this.options : { timeoutMs, onHeaders: this.onHeaders };
    const nowMs = this.deps.clock.nowMs();
    const attempt = new Attempt(this, link, nowMs, settle);
    link.channel.begin(method, input, options, attempt);
    this.introduce(link, nowMs);
    this.looking ??= this.deps.clock.setTimer(LOOK_MS, () => this.look(), { unref: true });
  }

  /** A link that was renewed ends its watches like a connection that breaks. */
  private watchError(link: DirectorLink, thrown: unknown): RpcError {
    const error = RpcError.from(thrown);
    if (error.reason !== 'CLOSED' || this.ended.signal.aborted) return error;
    return RpcError.of('CONNECTION_LOST', `the connection to director ${link.address} was given up`, { cause: error });
  }

  /** Asks a director for the others and for the leader, now and then: the cluster grows, shrinks and moves. */
  private introduce(link: DirectorLink, nowMs: number): void {
    if (nowMs - this.introducedMs < INTRODUCE_MS) return;
    this.introducedMs = nowMs;
    const settle = {
      resolve: (reply: unknown) => this.take(link, reply),
      reject: () => {
        this.introducedMs = Number.NEGATIVE_INFINITY;
      },
    };
    link.channel.begin(LEADER, {}, ASK_OPTIONS, settle);
  }

  /** While there are attempts: sees to those that have waited long. */
  private look(): void {
    this.looking = undefined;
    this.learn();
    const nowMs = this.deps.clock.nowMs();
    let isBusy = false;
    for (const link of this.links.all()) {
      const [oldest] = link.pending;
      if (oldest === undefined) continue;
      isBusy = true;
      if (nowMs - oldest.startedMs < ASK_AFTER_MS) continue;
      this.askItself(link);
      if (link === this.links.leader) this.askAnother(link);
    }
    if (isBusy) this.looking = this.deps.clock.setTimer(LOOK_MS, () => this.look(), { unref: true });
  }

  /** A director that answers is slow; with one that does not, the connection or the process is gone. */
  private askItself(silent: DirectorLink): void {
    if (silent.isAsked) return;
    silent.isAsked = true;
    const settle = {
      resolve: (reply: unknown) => {
        silent.isAsked = false;
        this.take(silent, reply);
      },
      reject: () => {
        silent.isAsked = false;
        if (this.ended.signal.aborted || silent.pending.size === 0) return;
        if (silent !== this.links.leader) this.links.leave(silent);
        silent.renew('does not say that it lives');
      },
    };
    silent.channel.begin(LEADER, {}, ALIVE_OPTIONS, settle);
  }

  /** Takes over what the rest of this client has heard of directors. */
  private learn(): void {
    const known = this.deps.directors();
    if (known === this.known) return;
    this.known = known;
    this.links.learn(known.map(formatAddress));
  }

  /** Asks another director than `silent` who leads. */
  private askAnother(silent: DirectorLink): void {
    if (this.asking || this.links.size < 2) return;
    const asked = this.links.after(this.nextAsked ?? silent);
    this.nextAsked = asked;
    if (asked === silent) return;
    this.asking = true;
    const settle = {
      resolve: (reply: unknown) => {
        this.asking = false;
        this.take(asked, reply);
        if (silent === this.links.leader && silent.channel.state !== 'ready') this.links.shun(silent);
        if (silent !== this.links.leader) silent.renew(`${this.links.leader.address} is asked instead`);
      },
      reject: () => {
        this.asking = false;
      },
    };
    asked.channel.begin(LEADER, {}, ASK_OPTIONS, settle);
  }

  /** A reply of a peer: what is not as it should be is ignored. */
  private take(link: DirectorLink, reply: unknown): void {
    const { leader, term, directors } = (reply ?? {}) as Partial<LeaderReply>;
    if (Array.isArray(directors)) this.links.learn(directors.filter((director) => typeof director === 'string'));
    if (typeof leader !== 'string' || typeof term !== 'number') return;
    if (this.links.follow(leader, term)) {
      this.deps.logger.debug({ leader, term, toldBy: link.address }, 'the metadata client follows another leader');
    }
  }
}

/** @throws RpcError `PEER_VIOLATION` */
function bytesOf(message: unknown): Uint8Array {
  if (message instanceof Uint8Array) return message;
  throw RpcError.of('PEER_VIOLATION', 'a director’s watch message is not made of bytes');
}

const { methods } = MetadataService;
const EXECUTE: MethodRef = { name: 'flotilla.metadata.execute', definition: methods.execute };
const EXECUTE_ALL: MethodRef = { name: 'flotilla.metadata.executeAll', definition: methods.executeAll };
const RANGE: MethodRef = { name: 'flotilla.metadata.range', definition: methods.range };
const WATCH: MethodRef = { name: 'flotilla.metadata.watch', definition: methods.watch };
const LEADER: MethodRef = { name: 'flotilla.metadata.leader', definition: methods.leader };

const SHARED_BYTES_MAX = 8 * 1024;
/** What a command's first attempts have. */
const USUAL_TIMEOUT_MS = 5_000;
const ASK_OPTIONS: CallOptions = { timeoutMs: 500, priority: 'control' };
/** Longer than a busy director takes. */
const ALIVE_OPTIONS: CallOptions = { timeoutMs: 1_000, priority: 'control' };
const LOOK_MS = 100;
const INTRODUCE_MS = 5_000;
/** An answer that takes longer makes the client ask whether the director lives, and another one who leads. */
const ASK_AFTER_MS = 250;
const CONNECT_TIMEOUT_MS = 3_000;
const SILENT_HEARTBEATS = 4;
