import { RpcError, type SocketAddress } from '../base/index.js';
import {
  type LeaseReply,
  type RegisterRequest,
  RegistryService,
  type WatchMessage,
  type WorkerKeyRequest,
} from '../client/index.js';
import type { Clock, Logger, RegistryStore, WorkerRegistration } from '../ports/index.js';
import { type CallContext, type Implementation, implement } from '../rpc/index.js';
import type { DirectorDirectory } from './director-directory.js';
import type { LeaderContact } from './leader-contact.js';
import { checkContact, toldDirectors, watchRegistry } from './registry-watch.js';
import type { TicketKey } from './ticket-keys.js';
import type { WorkerLiveness } from './worker-liveness.js';

export interface RegistryHandlersDependencies {
  readonly store: RegistryStore;
  readonly ticketKeys: { readonly current: TicketKey | undefined };
  /** Who else can be asked; default unknown. */
  readonly directors?: Pick<DirectorDirectory, 'addresses' | 'onChange'> | undefined;
  /** Whom gossip doubts; default nobody. */
  readonly liveness?: Pick<WorkerLiveness, 'doubted' | 'onChange'> | undefined;
  /** Version of the gossip keys; default none. */
  readonly gossipKeys?: { readonly current: { readonly version: number } | undefined } | undefined;
  /** Default: never lost. */
  readonly contact?: Pick<LeaderContact, 'lost' | 'onLost' | 'graceMs'> | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly leaseMs: number;
  /** How often a watch says something when nothing changes. */
  readonly heartbeatMs: number;
  /** Clock time from which every live worker must have registered. */
  readonly settledAtMs: number;
  readonly watchers: { count: number };
  /** Aborted when the director stops serving: watches end, so that clients go elsewhere. */
  readonly ending: AbortSignal;
}

/** Serves `flotilla.registry` from a registry store. */
export function implementRegistry(deps: RegistryHandlersDependencies): Implementation {
  const { store, clock, logger } = deps;
  return implement(RegistryService, {
    register: async (request, context) => {
      authorize(request, context);
      checkContact(deps.contact);
      const registration = registrationOf(request, context);
      const record = await store.register(registration, deps.leaseMs, isAt(context.remote, registration.address));
      logger.info({ worker: record.id, address: record.address, instance: record.instance }, 'worker registered');
      return leaseReply(deps, record.leaseMs, request.ticketKeyId);
    },
    renew: async (request, context) => {
      authorize(request, context);
      checkContact(deps.contact);
      const leaseMs = await store.renew(request);
      return leaseReply(deps, leaseMs, request.ticketKeyId);
    },
    setState: async (request, context) => {
      authorize(request, context);
      checkContact(deps.contact);
      await store.setState(request, request.state);
      logger.info({ worker: request.id, state: request.state }, 'worker changed state');
      return {};
    },
    deregister: async (request, context) => {
      authorize(request, context);
      checkContact(deps.contact);
      await store.deregister(request);
      logger.info({ worker: request.id }, 'worker deregistered');
      return {};
    },
    watch: (request, context): AsyncIterable<WatchMessage> => {
      const settledInMs = Math.max(0, deps.settledAtMs - clock.nowMs());
      const { heartbeatMs, watchers, ending, directors, contact, liveness } = deps;
      const signal = AbortSignal.any([context.signal, ending]);
      const options = { store, clock, heartbeatMs, settledInMs, watchers, directors, contact, liveness };
      return watchRegistry({ ...options, request, signal });
    },
  });
}

/** A worker speaks for itself only, as its certificate says. */
function authorize({ id }: WorkerKeyRequest, { peer }: CallContext): void {
  if (peer.role !== 'worker') {
    throw RpcError.of('FORBIDDEN', `only a worker registers; ${peer.id} is a ${peer.role}`);
  }
  if (peer.id !== id) {
    throw RpcError.of('FORBIDDEN', `the certificate is that of worker ${peer.id}: it cannot speak for ${id}`);
  }
}

function registrationOf(request: RegisterRequest, { remote }: CallContext): WorkerRegistration {
  const { id, instance, address, bulkPort, tags, methods } = request;
  // A worker that listens on all interfaces is reachable where it came from.
  const host = WILDCARDS.has(address.host) ? remote.host : address.host;
  return { id, instance, address: { host, port: address.port }, bulkPort, tags, methods };
}

/**
 * QUIC has validated where the registering connection comes from, and a worker makes it from the socket it listens on.
 * Behind an address translation this does not hold; then a stale record of another id goes with its lease.
 */
function isAt(remote: SocketAddress, claimed: SocketAddress): boolean {
  return remote.host === claimed.host && remote.port === claimed.port;
}

function leaseReply(deps: RegistryHandlersDependencies, leaseMs: number, knownKeyId: string | undefined): LeaseReply {
  const { current } = deps.ticketKeys;
  const ticketKey = current?.id === knownKeyId ? undefined : current;
  const gossipKeysVersion = deps.gossipKeys?.current?.version;
  return {
    leaseMs,
    ...(ticketKey === undefined ? {} : { ticketKey: { id: ticketKey.id, key: ticketKey.key } }),
    ...toldDirectors(deps.directors),
    ...(gossipKeysVersion === undefined ? {} : { gossipKeysVersion }),
  };
}

const WILDCARDS = new Set(['0.0.0.0', '::']);
