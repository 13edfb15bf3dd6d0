import { formatAddress, parseAddress, type RpcError, type RpcReason, type SocketAddress } from '../../base/index.js';
import type { Clock, Random } from '../../ports/index.js';
import type { NodeChannel, OpenChannel } from '../node-channel.js';

/** A call that waits for its answer. */
export interface PendingAttempt {
  readonly startedMs: number;
  /** Its answer does not count any more. */
  giveUp(why: string): void;
}

/** One director: a channel that is opened when it is first needed, and the attempts that wait for its answers. */
export class DirectorLink {
  readonly address: string;
  readonly pending = new Set<PendingAttempt>();
  /** Until then nobody is sent here because it leads: it could not be reached. */
  shunnedUntilMs = 0;
  /** It has been asked whether it lives. */
  isAsked = false;
  private readonly open: () => NodeChannel;
  private opened: NodeChannel | undefined;

  constructor(address: string, open: () => NodeChannel) {
    this.address = address;
    this.open = open;
  }

  get channel(): NodeChannel {
    this.opened ??= this.open();
    return this.opened;
  }

  get isReachable(): boolean {
    return this.opened === undefined || this.opened.state !== 'unavailable';
  }

  /** Gives up what waits for an answer, so that it can be repeated. */
  giveUp(why: string): void {
    for (const attempt of [...this.pending]) attempt.giveUp(why);
  }

  /**
   * The next call makes another connection. The present one may be dead although nothing says so: that of a process that
   * was killed, and perhaps started again, is only known to be after its idle timeout.
   */
  renew(why: string): void {
    const { opened } = this;
    this.giveUp(why);
    this.opened = undefined;
    void opened?.close();
  }

  async close(): Promise<void> {
    await this.opened?.close();
  }
}

/**
 * The directors a client knows, and two of them: the one it takes for the leader, to which everything goes that only the
 * leader can do, and a near one for reads and watches that any director can serve, so that clients spread over them.
 */
export class DirectorLinks {
  leader: DirectorLink;
  near: DirectorLink;
  private readonly open: OpenChannel;
  private readonly clock: Clock;
  private readonly links = new Map<string, DirectorLink>();
  /** The newest term in which a leader was heard of. */
  private term = 0;

  constructor(directors: readonly SocketAddress[], open: OpenChannel, clock: Clock, random: Random) {
    this.open = open;
    this.clock = clock;
    const links = directors.map((address) => this.add(address));
    this.near = links[random.int(links.length)] as DirectorLink;
    this.leader = this.near;
  }

  get size(): number {
    return this.links.size;
  }

  all(): Iterable<DirectorLink> {
    return this.links.values();
  }

  /** Adds directors that were not known. */
  learn(addresses: readonly string[]): void {
    for (const address of addresses) this.find(address);
  }

  /**
   * A director said who leads, and in which term when it knows; older news than what is known is ignored.
   *
   * @returns whether that changed where calls to the leader go
   */
  follow(address: string, term = this.term): boolean {
    const link = this.find(address);
    if (link === undefined || term < this.term || link.shunnedUntilMs > this.clock.nowMs()) return false;
    this.term = term;
    if (link === this.leader) return false;
    this.leader = link;
    return true;
  }

  /** Nobody is sent to `link` as the leader for a while. */
  shun(link: DirectorLink): void {
    link.shunnedUntilMs = this.clock.nowMs() + SHUN_MS;
    this.leave(link);
  }

  /** An attempt at `link` failed: calls go elsewhere if that may help. */
  failed(link: DirectorLink, error: RpcError): void {
    if (AGAINST_DIRECTOR.has(error.reason)) this.leave(link);
  }

  /** Calls go to other directors than `link`. */
  leave(link: DirectorLink): void {
    if (this.leader === link) this.leader = this.after(link);
    if (this.near === link) this.near = this.after(link);
  }

  /** The director after `link`; one that can be reached, as far as is known, if there is any. */
  after(link: DirectorLink): DirectorLink {
    const links = [...this.links.values()];
    const at = links.indexOf(link);
    const others = [...links.slice(at + 1), ...links.slice(0, at)];
    return others.find((other) => other.isReachable) ?? others[0] ?? link;
  }

  async close(): Promise<void> {
    await Promise.all([...this.links.values()].map((link) => link.close()));
  }

  private find(text: string): DirectorLink | undefined {
    const known = this.links.get(text);
    if (known !== undefined || this.links.size >= DIRECTORS_MAX) return known;
    try {
      return this.add(parseAddress(text));
    } catch {
      return undefined;
    }
  }

  private add(address: SocketAddress): DirectorLink {
    const text = formatAddress(address);
    const known = this.links.get(text);
    if (known !== undefined) return known;
    const link = new DirectorLink(text, () => this.open({ address, role: 'director', id: undefined }));
    this.links.set(text, link);
    return link;
  }
}

const AGAINST_DIRECTOR: ReadonlySet<RpcReason> = new Set<RpcReason>([
  'CONNECT_FAILED',
  'CONNECTION_LOST',
  'NOT_CONNECTED',
  'DEADLINE',
  'DRAINING',
  'CALLS_EXHAUSTED',
  'OVERLOADED',
  'STREAM_LIMIT',
  'UNAUTHENTICATED',
  'METHOD_UNKNOWN',
  'PEER_VIOLATION',
  'NO_LEADER',
]);
const SHUN_MS = 5_000;
/** Far above the number of directors of any cluster. */
const DIRECTORS_MAX = 64;
