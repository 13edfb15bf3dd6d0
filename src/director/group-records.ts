import * as v from 'valibot';
import type { NodeId } from '../base/index.js';
import type { MetadataStore } from '../drivers/metadata/index.js';
import { type KeyValue, prefixRange, RESERVED_PREFIX, singleKey, type TxnOp } from '../kv/index.js';
import { founderClaims } from './claims.js';
import { WatchedRecords } from './watched-records.js';

/** A director says that it was started with a group which has not begun. */
export interface GroupAnnouncement {
  readonly node: NodeId;
  /** Its membership of the metadata group, which one data directory has for good: a later one's is another. */
  readonly member: number;
  readonly dataId: string;
  /** What it calls the group. */
  readonly name: string;
}

/** With whom a group began. */
export interface GroupFounding {
  /** Data ids by node; the member ids are 1 to n, in the order of the nodes' names. */
  readonly founders: Readonly<Record<string, string>>;
}

/**
 * The groups of the users' own in the metadata: `\0groups/<id>` with whom a group began, and `\0groups/<id>/<node>` which
 * directors were started with one that has not begun. The first is written once and never changes; from then on the
 * founders' member ids are claimed by their data directories.
 */
export class GroupRecords {
  private readonly metadata: GroupRecordsDependencies;
  private readonly watched: WatchedRecords<Stored>;
  private readonly listeners = new Set<() => void>();

  constructor(metadata: GroupRecordsDependencies) {
    this.metadata = metadata;
    this.watched = new WatchedRecords(metadata, GROUPS_PREFIX, decodeRecord, () => {
      for (const listener of [...this.listeners]) listener();
    });
  }

  /** Of a group that has begun, as far as this director knows. */
  founding(group: number): GroupFounding | undefined {
    const found = this.watched.records.get(String(group));
    return found?.type === 'founding' ? found : undefined;
  }

  /** Ids of groups that were announced and have not begun. */
  announced(): number[] {
    const ids = new Set<number>();
    for (const record of this.watched.records.values()) if (record.type === 'announcement') ids.add(record.group);
    return [...ids].filter((id) => this.founding(id) === undefined).sort((a, b) => a - b);
  }

  announcements(group: number): readonly GroupAnnouncement[] {
    return [...this.watched.records.values()].filter((record) => isAnnouncement(record, group));
  }

  /** Calls `listener` after each change, in the middle of applying it: it must not throw; returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Unless it stands there already, or the group has begun. @throws RpcError as `MetadataStore.execute` */
  async announce(group: number, own: GroupAnnouncement): Promise<void> {
    await this.metadata.group.readBarrier('linearizable');
    const known = this.announcements(group).find(({ node }) => node === own.node);
    const value = encodeAnnouncement(own);
    if (known !== undefined && encodeAnnouncement(known) === value) return;
    await this.writeOnce(group, [put(announcementKey(group, own.node), value)]);
  }

  /** A director was started without the groups, or leaves. @throws RpcError as `MetadataStore.execute` */
  async withdraw(node: NodeId, isMeant: (group: number) => boolean): Promise<void> {
    await this.metadata.group.readBarrier('linearizable');
    for (const record of [...this.watched.records.values()]) {
      if (record.type !== 'announcement' || record.node !== node || !isMeant(record.group)) continue;
      const range = singleKey(announcementKey(record.group, node));
      await this.metadata.execute({ type: 'delete', range, returnPrevious: false });
    }
  }

  /**
   * The group begins with those who announced it, unless it has begun or one of them has changed what it said.
   *
   * @returns whether it began by this
   * @throws RpcError as `MetadataStore.execute`
   */
  async found(group: number, by: readonly GroupAnnouncement[]): Promise<boolean> {
    const compare = by.map(({ node }) => {
      const operand = this.revisionOf(group, node);
      return { target: 'modRevision', key: announcementKey(group, node), operator: '=', operand } as const;
    });
    const founders = Object.fromEntries(by.map(({ node, dataId }) => [node, dataId]));
    const range = prefixRange(`${GROUPS_PREFIX}${group}/`);
    const forget = { type: 'delete', range, returnPrevious: false } as const;
    return await this.writeOnce(group, [...foundingOps(group, founders), forget], compare);
  }

  /** A group began together with the cluster, as its founders know. @throws RpcError as `MetadataStore.execute` */
  async ensure(group: number, founders: Readonly<Record<string, string>>): Promise<void> {
    if (this.founding(group) === undefined) await this.writeOnce(group, foundingOps(group, founders));
  }

  close(): void {
    this.watched.close();
    this.listeners.clear();
  }

  private revisionOf(group: number, node: NodeId): number {
    const found = this.watched.records.get(`${group}/${node}`);
    return found?.type === 'announcement' ? found.revision : 0;
  }

  /** If the group has not begun. @returns whether it was written */
  private async writeOnce(group: number, thenOps: readonly TxnOp[], also: readonly Revision[] = []): Promise<boolean> {
    const hasNotBegun = { target: 'exists', key: GROUPS_PREFIX + group, operand: false } as const;
    const compare = [hasNotBegun, ...also];
    const { answer } = await this.metadata.execute({ type: 'txn', compare, thenOps, elseOps: [] });
    return answer.type === 'txn' && answer.succeeded;
  }
}

export type GroupRecordsDependencies = Pick<MetadataStore, 'execute' | 'group' | 'machine' | 'watch'>;

interface Revision {
  readonly target: 'modRevision';
  readonly key: string;
  readonly operator: '=';
  readonly operand: number;
}

type StoredAnnouncement = GroupAnnouncement & {
  readonly type: 'announcement';
  readonly group: number;
  readonly revision: number;
};
type Stored = (GroupFounding & { readonly type: 'founding' }) | StoredAnnouncement;

function isAnnouncement(record: Stored, group: number): record is StoredAnnouncement {
  return record.type === 'announcement' && record.group === group;
}

/** With the claims of the founders' data directories, at once: nobody else may ask for their ids. */
function foundingOps(group: number, founders: Readonly<Record<string, string>>): TxnOp[] {
  return [put(GROUPS_PREFIX + group, JSON.stringify({ founders })), ...founderClaims(group, founders)];
}

function put(key: string, value: string): TxnOp {
  return { type: 'put', key, value: Buffer.from(value), lease: 0, returnPrevious: false };
}

function announcementKey(group: number, node: NodeId): string {
  return `${GROUPS_PREFIX}${group}/${node}`;
}

function encodeAnnouncement({ member, dataId, name }: GroupAnnouncement): string {
  return JSON.stringify({ member, dataId, name });
}

function decodeRecord({ key, value, modRevision }: KeyValue): Stored | undefined {
  const [id = '', node] = key.slice(GROUPS_PREFIX.length).split('/');
  try {
    const json: unknown = JSON.parse(Buffer.from(value).toString());
    if (node === undefined) return { type: 'founding', ...v.parse(foundingSchema, json) };
    const said = v.parse(announcementSchema, json);
    return { type: 'announcement', group: Number(id), node: node as NodeId, ...said, revision: modRevision };
  } catch {
    return undefined;
  }
}

const foundingSchema = v.object({ founders: v.record(v.string(), v.string()) });
const announcementSchema = v.object({ member: v.number(), dataId: v.string(), name: v.string() });
const GROUPS_PREFIX = `${RESERVED_PREFIX}groups/`;
