import type { NodeId, SocketAddress } from '../base/index.js';

/**
 * The worker registry as the director sees it: who serves what, under which lease.
 *
 * Writes are promises because they go through a replicated log; reads are of this director's copy of it. `revision`
 * grows with every change, by one or more, and several changes may share one. All directors of a cluster agree on them.
 */
export interface RegistryStore {
  /** Tells one life of the registry from another: revisions of different epochs cannot be compared. */
  readonly epoch: string;
  /** Everything up to here is in {@link snapshot} and has been told to watches. */
  readonly revision: number;
  /**
   * Resolves when this copy is as new as anything that any director has told anybody before.
   *
   * @throws RpcError `NO_LEADER`
   */
  sync(timeoutMs: number): Promise<void>;
  /**
   * Adds a worker, or replaces the record of the same id (a worker that restarted).
   *
   * @param ownsAddress it is known to be at the address it claims, so no other worker can be: such records are removed.
   * Without that knowledge a worker could drive others out by claiming their addresses.
   */
  register(registration: WorkerRegistration, leaseMs: number, ownsAddress: boolean): Promise<WorkerRecord>;
  /**
   * Prolongs the lease. Makes no change and no revision.
   *
   * @returns for how many milliseconds from now
   * @throws RpcError `LEASE_UNKNOWN` when this instance holds no lease: it must register again
   */
  renew(key: WorkerKey): Promise<number>;
  /** @throws RpcError `LEASE_UNKNOWN` */
  setState(key: WorkerKey, state: WorkerState): Promise<WorkerRecord>;
  /** Removes the worker; one that is not there (any more) is fine. */
  deregister(key: WorkerKey): Promise<void>;
  snapshot(): RegistrySnapshot;
  /**
   * Calls `listener` for every change after `afterRevision`: first, before it returns, those already made, then each
   * as it is made. Answers `compacted` (and calls nothing) when the history no longer reaches back that far.
   */
  watch(afterRevision: number, listener: (change: RegistryChange) => void): RegistryWatch;
}

/** Which life of which worker. */
export interface WorkerKey {
  readonly id: NodeId;
  /** Random for every start of the process: an old instance cannot renew or remove its successor's record. */
  readonly instance: string;
}

/** `draining`: finishes what it has and takes no new calls. */
export type WorkerState = 'active' | 'draining';

/** A method that a worker serves. */
export interface WorkerMethod {
  /** `service.method`. */
  readonly name: string;
  readonly kind: 'unary' | 'serverStream' | 'clientStream' | 'bidiStream';
  readonly idempotent: boolean;
}

/** What a worker says about itself. */
export interface WorkerRegistration extends WorkerKey {
  /** Where clients reach it: never a wildcard address. */
  readonly address: SocketAddress;
  /** UDP port of its bulk endpoint on the same host, when it has one. */
  readonly bulkPort: number | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly methods: readonly WorkerMethod[];
}

export interface WorkerRecord extends WorkerRegistration {
  readonly state: WorkerState;
  /** Duration of its lease in milliseconds. */
  readonly leaseMs: number;
  /** The registry's revision of the last change to this record. */
  readonly revision: number;
}

export interface RegistrySnapshot {
  readonly epoch: string;
  readonly revision: number;
  readonly workers: readonly WorkerRecord[];
}

export type RemovalCause = 'deregistered' | 'expired' | 'replaced';

export type RegistryChange =
  | { readonly type: 'put'; readonly revision: number; readonly worker: WorkerRecord }
  | {
      readonly type: 'removed';
      readonly revision: number;
      readonly id: NodeId;
      readonly instance: string;
      readonly cause: RemovalCause;
    };

export type RegistryWatch =
  | { readonly type: 'watching'; stop(): void }
  | {
      readonly type: 'compacted';
      /** The oldest revision from which a watch can still start. */
      readonly oldestRevision: number;
    };
