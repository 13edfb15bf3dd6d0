import { defineService, serverStream, unary } from '../../rpc/index.js';
import {
  type LeaseReply,
  type RegisterRequest,
  type RenewRequest,
  registerRequestSchema,
  renewRequestSchema,
  type SetStateRequest,
  setStateRequestSchema,
  type WatchMessage,
  type WatchRequest,
  type WorkerKeyRequest,
  watchRequestSchema,
  workerKeySchema,
} from './registry-messages.js';

/**
 * What directors serve about workers. `watch` is for every node; the rest only for a worker that speaks about itself
 * (`FORBIDDEN` otherwise). None of these is marked idempotent, because 0-RTT data can be replayed: a replayed
 * registration would bring a dead worker back.
 */
export const RegistryService = defineService('flotilla.registry', {
  register: unary<RegisterRequest, LeaseReply>({ input: registerRequestSchema }),
  renew: unary<RenewRequest, LeaseReply>({ input: renewRequestSchema }),
  setState: unary<SetStateRequest, Record<string, never>>({ input: setStateRequestSchema }),
  deregister: unary<WorkerKeyRequest, Record<string, never>>({ input: workerKeySchema }),
  watch: serverStream<WatchRequest, WatchMessage>({ input: watchRequestSchema }),
});
