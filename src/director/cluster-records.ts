import type { MetadataStore } from '../drivers/metadata/index.js';
import type { Clock, Logger, Random } from '../ports/index.js';
import { DirectorDirectory } from './director-directory.js';
import { KvRegistryStore } from './kv-registry-store.js';
import { LeaderContact } from './leader-contact.js';
import { TicketKeys } from './ticket-keys.js';

export interface ClusterRecordsDependencies {
  readonly metadata: MetadataStore;
  /** Of the founding: a cluster that begins anew, or from a backup, has another one. */
  readonly clusterId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** How often the session ticket key changes; 0 never. */
  readonly ticketRotationMs: number;
  /** Every key, the first one included; must not throw. */
  readonly onTicketKey: (key: Uint8Array) => void;
  /** How long no leader may be known before clients and workers are sent elsewhere; some election timeouts. */
  readonly contactGraceMs: number;
}

/** What a director keeps in the replicated metadata for the cluster. Make it when the metadata's machine is restored. */
export class ClusterRecords {
  readonly store: KvRegistryStore;
  readonly directors: DirectorDirectory;
  readonly ticketKeys: TicketKeys;
  readonly contact: LeaderContact;

  constructor(deps: ClusterRecordsDependencies) {
    const { metadata, clusterId, clock, random, logger, ticketRotationMs: rotationMs, onTicketKey } = deps;
    this.store = new KvRegistryStore({ metadata, clusterId, clock });
    this.directors = new DirectorDirectory({ metadata, clock, random, logger });
    const onKey = ({ key }: { readonly key: Uint8Array }): void => onTicketKey(key);
    this.ticketKeys = new TicketKeys({ metadata, clock, random, logger, rotationMs, onKey });
    this.contact = new LeaderContact({ group: metadata.group, clock, graceMs: deps.contactGraceMs });
    this.store.watch(this.store.revision, (change) => {
      if (change.type !== 'removed' || change.cause !== 'expired' || !metadata.group.leadership.isLeading) return;
      logger.warn({ worker: change.id }, 'worker dropped: it did not renew its lease');
    });
  }

  close(): void {
    this.contact.close();
    this.ticketKeys.close();
    this.directors.close();
    this.store.close();
  }
}
