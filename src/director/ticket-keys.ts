import { RpcError } from '../base/index.js';
import type { MetadataStore } from '../drivers/metadata/index.js';
import { ClusterTime, type KeyValue, RESERVED_PREFIX } from '../kv/index.js';
import type { Clock, Logger, Random, Timer } from '../ports/index.js';
import { WatchedRecords } from './watched-records.js';

/** The key that seals TLS session tickets, with a name by which workers say which one they have. */
export interface TicketKey {
  readonly id: string;
  /** 48 bytes, as BoringSSL takes them. */
  readonly key: Uint8Array;
}

export interface TicketKeysDependencies {
  readonly metadata: Pick<MetadataStore, 'execute' | 'group' | 'machine' | 'watch'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** 0 keeps the first key for ever. */
  readonly rotationMs: number;
  /** Called for every new key, the first one included; must not throw. */
  readonly onKey: (key: TicketKey) => void;
}

/**
 * The session ticket key that all nodes of the cluster share, so that a client resumes at any of them, and a new one
 * from time to time: a stolen key opens only the recent past's 0-RTT data. It stands in the metadata under
 * `\0ticketKeys/current`; the leader makes it, every director takes it from there, and workers get it with their leases.
 * The one before is not kept: an endpoint opens tickets with one key only.
 */
export class TicketKeys {
  private readonly deps: TicketKeysDependencies;
  private readonly watched: WatchedRecords<StoredKey>;
  private readonly stopListening: () => void;
  /** While this director leads. */
  private time: ClusterTime | undefined;
  private timer: Timer | undefined;
  private isMaking = false;
  private isClosed = false;

  constructor(deps: TicketKeysDependencies) {
    this.deps = deps;
    const { group } = deps.metadata;
    this.watched = new WatchedRecords(deps.metadata, TICKET_KEYS_PREFIX, decodeKey, () => this.changed());
    this.stopListening = group.onLeadership(() => this.follow());
    if (this.current !== undefined) deps.onKey(this.current);
    this.follow();
  }

  /** `undefined` until a leader has made the first. */
  get current(): TicketKey | undefined {
    return this.stored;
  }

  close(): void {
    this.isClosed = true;
    this.timer?.cancel();
    this.stopListening();
    this.watched.close();
  }

  private get stored(): StoredKey | undefined {
    return this.watched.records.get(CURRENT);
  }

  private follow(): void {
    const { metadata, clock } = this.deps;
    if (!metadata.group.leadership.isLeading) this.time = undefined;
    else this.time ??= new ClusterTime(metadata.machine.clockMs, clock.nowMs());
    this.plan();
  }

  private changed(): void {
    if (this.current !== undefined) this.deps.onKey(this.current);
    this.plan();
  }

  /** The leader makes the next key when it is time; by cluster time, which goes on when leaders change. */
  private plan(): void {
    const { clock, rotationMs } = this.deps;
    this.timer?.cancel();
    this.timer = undefined;
    const { stored, time } = this;
    if (this.isClosed || time === undefined || (stored !== undefined && rotationMs === 0)) return;
    // Cluster time moves with the commands that carry it: a new leader's may be behind the key.
    const ageMs = stored === undefined ? rotationMs : Math.max(0, time.at(clock.nowMs()) - stored.madeAtMs);
    this.timer = clock.setTimer(Math.max(0, rotationMs - ageMs), () => void this.make(time), { unref: true });
  }

  private async make(time: ClusterTime): Promise<void> {
    if (this.isMaking) return;
    this.isMaking = true;
    const { metadata, clock, random, logger } = this.deps;
    const id = Buffer.from(random.bytes(8)).toString('hex');
    const key = Buffer.from(random.bytes(TICKET_KEY_BYTES)).toString('base64');
    const value = Buffer.from(JSON.stringify({ id, key, madeAtMs: time.at(clock.nowMs()) }));
    const name = TICKET_KEYS_PREFIX + CURRENT;
    // Not if another leader has made one meanwhile.
    const revision = this.stored?.revision ?? 0;
    const put = { type: 'put', key: name, value, lease: 0, returnPrevious: false } as const;
    const compare = [{ target: 'modRevision', key: name, operator: '=', operand: revision }] as const;
    try {
      await metadata.execute({ type: 'txn', compare, thenOps: [put], elseOps: [] });
    } catch (thrown) {
      logger.debug({ error: RpcError.from(thrown).message }, 'no new session ticket key yet');
      if (!this.isClosed) this.timer = clock.setTimer(RETRY_MS, () => this.plan(), { unref: true });
    } finally {
      this.isMaking = false;
    }
  }
}

interface StoredKey extends TicketKey {
  readonly revision: number;
  /** Cluster time. */
  readonly madeAtMs: number;
}

function decodeKey(item: KeyValue): StoredKey | undefined {
  try {
    const { id, key, madeAtMs } = JSON.parse(Buffer.from(item.value).toString()) as Record<string, unknown>;
    const bytes = Buffer.from(String(key), 'base64');
    if (bytes.length !== TICKET_KEY_BYTES) return undefined;
    return { id: String(id), key: bytes, madeAtMs: Number(madeAtMs), revision: item.modRevision };
  } catch {
    return undefined;
  }
}

const TICKET_KEYS_PREFIX = `${RESERVED_PREFIX}ticketKeys/`;
const CURRENT = 'current';
const TICKET_KEY_BYTES = 48;
const RETRY_MS = 1_000;
