import { RpcError } from '../base/index.js';
import type { MetadataStore } from '../drivers/metadata/index.js';
import { type KeyValue, RESERVED_PREFIX } from '../kv/index.js';
import type { Clock, Logger, Random, Timer } from '../ports/index.js';
import { WatchedRecords } from './watched-records.js';

export interface GossipKeysDependencies {
  readonly metadata: Pick<MetadataStore, 'execute' | 'group' | 'machine' | 'watch'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** How long every node has for hearing of a step before the next one is made: more than two leases. */
  readonly stepMs: number;
  /** Called for every new set of keys, the first one included; must not throw. */
  readonly onKeys: (keys: GossipKeySet) => void;
}

/** The keys that seal gossip datagrams, the sealing one first. */
export interface GossipKeySet {
  /** Grows with every step. */
  readonly version: number;
  readonly keys: readonly Uint8Array[];
}

/**
 * The keys of the cluster's gossip, in the metadata under `\0gossip/keys`: directors take them from there, workers get
 * them with their leases. Rotation needs no downtime because every node opens with all keys it has: the new key is
 * installed everywhere, then it seals everywhere, then the old one is dropped. The leader makes the steps.
 */
export class GossipKeys {
  private readonly deps: GossipKeysDependencies;
  private readonly watched: WatchedRecords<StoredKeys>;
  private readonly stopListening: () => void;
  private timer: Timer | undefined;
  private isClosed = false;

  constructor(deps: GossipKeysDependencies) {
    this.deps = deps;
    this.watched = new WatchedRecords(deps.metadata, GOSSIP_PREFIX, decodeKeys, () => this.changed());
    this.stopListening = deps.metadata.group.onLeadership(() => this.plan(0));
    this.changed();
  }

  /** `undefined` until a leader has made the first. */
  get current(): GossipKeySet | undefined {
    return this.stored;
  }

  /**
   * Begins to replace the key; it takes two steps of `stepMs`.
   *
   * @throws RpcError `MEMBERSHIP_BUSY` while a rotation is in progress, and what `MetadataStore.execute` throws
   */
  async rotate(): Promise<{ readonly version: number }> {
    const { stored } = this;
    if (stored === undefined) throw RpcError.of('MEMBERSHIP_BUSY', 'the cluster has no gossip key yet');
    if (stored.step !== 'stable') throw RpcError.of('MEMBERSHIP_BUSY', 'a rotation of the gossip key is in progress');
    const [sealing] = stored.keys as [Uint8Array];
    await this.write({ step: 'installed', keys: [sealing, this.newKey()] }, stored);
    return { version: stored.version + 1 };
  }

  close(): void {
    this.isClosed = true;
    this.timer?.cancel();
    this.stopListening();
    this.watched.close();
  }

  private get stored(): StoredKeys | undefined {
    return this.watched.records.get(KEYS);
  }

  private changed(): void {
    const { stored } = this;
    if (stored !== undefined) this.deps.onKeys(stored);
    this.plan(this.deps.stepMs);
  }

  /** The leader makes the next step when every node has had time to hear of the last one. */
  private plan(delayMs: number): void {
    const { metadata, clock, stepMs } = this.deps;
    this.timer?.cancel();
    this.timer = undefined;
    if (this.isClosed || !metadata.group.leadership.isLeading) return;
    const { stored } = this;
    if (stored?.step === 'stable') return;
    // A new leader does not know when the last step was made: it waits the whole time again.
    const waitMs = stored === undefined ? 0 : Math.max(delayMs, stepMs);
    this.timer = clock.setTimer(waitMs, () => void this.advance(), { unref: true });
  }

  private async advance(): Promise<void> {
    const { stored } = this;
    try {
      if (stored === undefined) await this.write({ step: 'stable', keys: [this.newKey()] }, undefined);
      else if (stored.step === 'installed')
        await this.write({ step: 'used', keys: [...stored.keys].reverse() }, stored);
      else if (stored.step === 'used') await this.write({ step: 'stable', keys: stored.keys.slice(0, 1) }, stored);
    } catch (thrown) {
      this.deps.logger.debug({ error: RpcError.from(thrown).message }, 'no step with the gossip keys yet');
      if (!this.isClosed) this.timer = this.deps.clock.setTimer(RETRY_MS, () => this.plan(0), { unref: true });
    }
  }

  private async write(
    { step, keys }: Pick<StoredKeys, 'step' | 'keys'>,
    before: StoredKeys | undefined,
  ): Promise<void> {
    const version = (before?.version ?? 0) + 1;
    const encoded = keys.map((key) => Buffer.from(key).toString('base64'));
    const value = Buffer.from(JSON.stringify({ version, step, keys: encoded }));
    const key = GOSSIP_PREFIX + KEYS;
    const compare = [{ target: 'modRevision', key, operator: '=', operand: before?.revision ?? 0 }] as const;
    const put = { type: 'put', key, value, lease: 0, returnPrevious: false } as const;
    await this.deps.metadata.execute({ type: 'txn', compare, thenOps: [put], elseOps: [] });
  }

  private newKey(): Uint8Array {
    return this.deps.random.bytes(KEY_BYTES);
  }
}

interface StoredKeys extends GossipKeySet {
  readonly step: 'stable' | 'installed' | 'used';
  readonly revision: number;
}

function decodeKeys(item: KeyValue): StoredKeys | undefined {
  try {
    const { version, step, keys } = JSON.parse(Buffer.from(item.value).toString()) as Record<string, unknown>;
    if (!Array.isArray(keys) || keys.length === 0 || !STEPS.has(String(step))) return undefined;
    const decoded = keys.map((key) => Buffer.from(String(key), 'base64'));
    if (decoded.some((key) => key.length !== KEY_BYTES)) return undefined;
    return { version: Number(version), step: step as StoredKeys['step'], keys: decoded, revision: item.modRevision };
  } catch {
    return undefined;
  }
}

const STEPS: ReadonlySet<string> = new Set(['stable', 'installed', 'used']);
const GOSSIP_PREFIX = `${RESERVED_PREFIX}gossip/`;
const KEYS = 'keys';
const KEY_BYTES = 32;
const RETRY_MS = 1_000;
