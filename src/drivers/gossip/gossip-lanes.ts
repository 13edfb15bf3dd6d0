import { formatAddress, type NodeId, type NodeRole, RpcError, type SocketAddress } from '../../base/index.js';
import {
  decodeDatagram,
  decodeSyncReply,
  type Exchange,
  encodeDatagram,
  encodeSyncPush,
  encodeSyncRequest,
  type Fallback,
  GOSSIP_BOUNDS,
  type GossipCore,
} from '../../gossip/index.js';
import type { Clock, ConnectTarget, Timer } from '../../ports/index.js';
import type { Caller } from '../../rpc/index.js';
import { gossipMethod } from './gossip-service.js';
import type { LaneFrame } from './lane-frame.js';

/** Calls to one node; an `RpcChannel` fits. `close` is called once the lane was idle for some seconds. */
export interface GossipLane extends Pick<Caller, 'unary'> {
  close(): unknown;
}

export type OpenGossipLane = (target: ConnectTarget) => GossipLane;

export interface GossipLanesOptions {
  readonly core: GossipCore;
  readonly self: NodeId;
  readonly frame: LaneFrame;
  readonly open: OpenGossipLane;
  readonly clock: Clock;
  readonly exchangeTimeoutMs: number;
  /** What a member's tags say that it is. */
  roleOf(id: NodeId): NodeRole | undefined;
  /** The core has changed: carry out what it wants. */
  pump(): void;
}

/** The exchanges and probes that this node starts over lanes, a bounded number at a time. */
export class GossipLanes {
  readonly counters = { exchanges: 0, exchangesFailed: 0, probes: 0, probesFailed: 0, overLimit: 0 };
  /** Why the last exchange failed. */
  lastFailure: string | undefined;
  private readonly options: GossipLanesOptions;
  private readonly lanes = new Map<string, OpenLane>();
  private running = 0;
  private isClosed = false;

  constructor(options: GossipLanesOptions) {
    this.options = options;
  }

  exchange({ to, peer }: Exchange): void {
    if (!this.admit()) return;
    this.counters.exchanges += 1;
    void this.run(to, peer, (lane) => this.pushPull(lane)).then((error) => {
      if (error === undefined) return;
      this.counters.exchangesFailed += 1;
      this.lastFailure = `${formatAddress(to)}: ${error.message}`;
    });
  }

  probe(fallback: Fallback): void {
    if (!this.admit()) return;
    this.counters.probes += 1;
    void this.run(fallback.to, fallback.peer, (lane) => this.ask(lane, fallback)).then((error) => {
      if (error !== undefined) this.counters.probesFailed += 1;
    });
  }

  close(): void {
    this.isClosed = true;
    for (const key of [...this.lanes.keys()]) this.drop(key);
  }

  private admit(): boolean {
    if (this.isClosed) return false;
    if (this.running < RUNNING_MAX) return true;
    this.counters.overLimit += 1;
    return false;
  }

  /** A seed is an address only: it may be a director or a worker, and certificates differ. Gives what went wrong. */
  private async run(to: SocketAddress, peer: NodeId | undefined, act: (lane: GossipLane) => Promise<void>) {
    const role = peer === undefined ? undefined : this.options.roleOf(peer);
    this.running += 1;
    try {
      let failure: Error | undefined;
      for (const each of role === undefined ? SEED_ROLES : [role]) {
        failure = await this.runAs({ address: to, role: each, id: peer }, act);
        if (failure === undefined || this.isClosed) return undefined;
        if (!(failure instanceof RpcError && NOT_THERE.has(failure.reason))) return failure;
      }
      return failure;
    } finally {
      this.running -= 1;
    }
  }

  private async runAs(target: ConnectTarget, act: (lane: GossipLane) => Promise<void>): Promise<Error | undefined> {
    const key = `${target.id ?? ''} ${target.role} ${formatAddress(target.address)}`;
    const open = this.lanes.get(key) ?? this.openLane(key, target);
    open.users += 1;
    open.idle?.cancel();
    try {
      await act(open.lane);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    } finally {
      open.users -= 1;
      if (open.users === 0 && this.lanes.get(key) === open) {
        open.idle = this.options.clock.setTimer(IDLE_MS, () => this.drop(key), { unref: true });
      }
    }
  }

  private openLane(key: string, target: ConnectTarget): OpenLane {
    const open: OpenLane = { lane: this.options.open(target), users: 0, idle: undefined };
    this.lanes.set(key, open);
    return open;
  }

  private drop(key: string): void {
    const open = this.lanes.get(key);
    if (open === undefined) return;
    open.idle?.cancel();
    this.lanes.delete(key);
    void Promise.resolve(open.lane.close()).catch(() => {});
  }

  private async pushPull(lane: GossipLane): Promise<void> {
    const { core, frame, clock, exchangeTimeoutMs } = this.options;
    const options = { priority: 'control', timeoutMs: exchangeTimeoutMs } as const;
    for (let round = 0; round < EXCHANGE_ROUNDS_MAX; round += 1) {
      const request = frame.wrap(encodeSyncRequest(core.beginSync()));
      const answer = await lane.unary(gossipMethod('exchange'), request, options);
      const reply = frame.read(answer, decodeSyncReply);
      if (this.isClosed) return;
      const push = core.finishSync(reply, clock.nowMs());
      this.options.pump();
      if (push !== undefined) await lane.unary(gossipMethod('push'), frame.wrap(encodeSyncPush(push)), options);
      // A long answer was cut: the rest of what differs comes with another.
      if (!(answer instanceof Uint8Array) || answer.length < GOSSIP_BOUNDS.syncBytesMax / 2) return;
    }
  }

  private async ask(lane: GossipLane, fallback: Fallback): Promise<void> {
    const { core, frame, clock, self } = this.options;
    const request = frame.wrap(encodeDatagram(self, fallback.messages));
    const options = { priority: 'control', timeoutMs: fallback.timeoutMs } as const;
    const answer = frame.read(await lane.unary(gossipMethod('probe'), request, options), decodeDatagram);
    if (this.isClosed) return;
    core.finishFallback(fallback, answer, clock.nowMs());
    this.options.pump();
  }
}

interface OpenLane {
  readonly lane: GossipLane;
  users: number;
  idle: Timer | undefined;
}

/** No node of the role could be reached; anything else is the answer of one. */
export const NOT_THERE: ReadonlySet<string> = new Set(['NOT_CONNECTED', 'CONNECT_FAILED', 'UNAUTHENTICATED']);
export const SEED_ROLES: readonly NodeRole[] = ['director', 'worker'];
/** A node has one probe under way; the others are exchanges, and answers that came late. */
const RUNNING_MAX = 32;
/** A member that needed one probe over a lane often needs the next one too. */
const IDLE_MS = 10_000;
/** 65,536 members with all tags they may have: 57 MiB. */
const EXCHANGE_ROUNDS_MAX = 32;
