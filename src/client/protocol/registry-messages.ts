import * as v from 'valibot';
import { type NodeId, RpcError } from '../../base/index.js';
import type { WorkerRecord } from '../../ports/index.js';

/**
 * The messages of `flotilla.registry`. What peers send is decoded into these types once, here; the bounds keep a
 * single worker from filling every client's memory.
 */
const nodeIdSchema = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  v.transform((id) => id as NodeId),
);
const instanceSchema = v.pipe(v.string(), v.minLength(1), v.maxLength(64));
const portSchema = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));
const countSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const durationSchema = v.pipe(v.number(), v.finite(), v.minValue(0));
const stateSchema = v.picklist(['active', 'draining']);
const ticketKeyIdSchema = v.pipe(v.string(), v.maxLength(64));

const TAGS_MAX = 64;
const METHODS_MAX = 1_024;
const DOUBTED_MAX = 100_000;

const tagsSchema = v.pipe(
  v.record(v.pipe(v.string(), v.minLength(1), v.maxLength(128)), v.pipe(v.string(), v.maxLength(256))),
  v.check((tags) => Object.keys(tags).length <= TAGS_MAX, `at most ${TAGS_MAX} tags`),
);

const methodSchema = v.object({
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(255)),
  kind: v.picklist(['unary', 'serverStream', 'clientStream', 'bidiStream']),
  idempotent: v.boolean(),
});

const keyEntries = { id: nodeIdSchema, instance: instanceSchema };

const registrationEntries = {
  ...keyEntries,
  address: v.object({ host: v.pipe(v.string(), v.minLength(1), v.maxLength(255)), port: portSchema }),
  bulkPort: v.optional(portSchema),
  tags: tagsSchema,
  methods: v.pipe(v.array(methodSchema), v.maxLength(METHODS_MAX)),
};

/** A worker says who it is, and which ticket key it already has. */
export const registerRequestSchema = v.object({
  ...registrationEntries,
  ticketKeyId: v.optional(ticketKeyIdSchema),
});

export const renewRequestSchema = v.object({ ...keyEntries, ticketKeyId: v.optional(ticketKeyIdSchema) });
export const setStateRequestSchema = v.object({ ...keyEntries, state: stateSchema });
export const workerKeySchema = v.object(keyEntries);

/** From where to go on; without it, or when that is no longer possible, the watch starts with a snapshot. */
export const watchRequestSchema = v.object({
  epoch: v.optional(v.pipe(v.string(), v.maxLength(64))),
  revision: v.optional(countSchema),
});

const ticketKeySchema = v.custom<Uint8Array>((key) => key instanceof Uint8Array && key.length === 48, '48 bytes');

/** `HOST:PORT` of every director of the cluster, so that a node that was started with one of them finds the others. */
const directorsSchema = v.pipe(v.array(v.pipe(v.string(), v.maxLength(300))), v.maxLength(64), v.readonly());

/** The answer to `register` and `renew`. */
const leaseReplySchema = v.object({
  /** The worker renews at a third of this. */
  leaseMs: v.pipe(v.number(), v.finite(), v.minValue(1)),
  /** Only when the worker's is not the current one: 48 bytes that seal session tickets. */
  ticketKey: v.optional(v.object({ id: ticketKeyIdSchema, key: ticketKeySchema })),
  /** Missing when the director does not know them yet. */
  directors: v.optional(directorsSchema),
  /** Counts the changes of the gossip keys; a worker that has others asks for them. Missing before the first. */
  gossipKeysVersion: v.optional(countSchema),
});

const workerSchema = v.pipe(
  v.object({ ...registrationEntries, state: stateSchema, leaseMs: durationSchema, revision: countSchema }),
  v.transform((worker): WorkerRecord => ({ ...worker, bulkPort: worker.bulkPort })),
);

const changeSchema = v.variant('type', [
  v.object({ type: v.literal('put'), revision: countSchema, worker: workerSchema }),
  v.object({
    type: v.literal('removed'),
    revision: countSchema,
    ...keyEntries,
    cause: v.picklist(['deregistered', 'expired', 'replaced']),
  }),
]);

const watchStartEntries = {
  epoch: v.string(),
  revision: countSchema,
  /** Until then (from now) workers may be missing that are alive: the director has not been up for a whole lease. */
  settledInMs: durationSchema,
  /** At least one message comes within this time; much longer silence means a dead director. */
  heartbeatMs: v.pipe(v.number(), v.finite(), v.minValue(1)),
  directors: v.optional(directorsSchema),
};

const workersSchema = v.pipe(v.array(workerSchema), v.readonly());

const watchMessageSchema = v.variant('type', [
  /** The whole registry at `revision`, in one or several messages; all but the last say `more`. */
  v.object({ type: v.literal('snapshot'), ...watchStartEntries, workers: workersSchema, more: v.boolean() }),
  /** The changes after the revision asked for follow. */
  v.object({ type: v.literal('resumed'), ...watchStartEntries }),
  /** In order of their revisions. Several may have the same one; then they are all in this message. */
  v.object({ type: v.literal('changes'), changes: v.pipe(v.array(changeSchema), v.readonly()) }),
  /** Everything up to `revision` has been told. */
  v.object({ type: v.literal('heartbeat'), revision: countSchema }),
  /** The cluster has other directors than were told before. */
  v.object({ type: v.literal('directors'), directors: directorsSchema }),
  /** All workers that gossip doubts now; those that are not named are not doubted (any more). */
  v.object({
    type: v.literal('liveness'),
    suspected: v.pipe(v.array(nodeIdSchema), v.maxLength(DOUBTED_MAX), v.readonly()),
    failed: v.pipe(v.array(nodeIdSchema), v.maxLength(DOUBTED_MAX), v.readonly()),
  }),
]);

const WATCH_TYPES: ReadonlySet<string> = new Set([
  'snapshot',
  'resumed',
  'changes',
  'heartbeat',
  'directors',
  'liveness',
]);

export type RegisterRequest = v.InferOutput<typeof registerRequestSchema>;
export type RenewRequest = v.InferOutput<typeof renewRequestSchema>;
export type SetStateRequest = v.InferOutput<typeof setStateRequestSchema>;
export type WorkerKeyRequest = v.InferOutput<typeof workerKeySchema>;
export type WatchRequest = v.InferOutput<typeof watchRequestSchema>;
export type LeaseReply = v.InferOutput<typeof leaseReplySchema>;
export type WatchMessage = v.InferOutput<typeof watchMessageSchema>;

/** @throws RpcError `PEER_VIOLATION` */
export function decodeWatchMessage(message: unknown): WatchMessage {
  // A newer director may say more than this version understands; at least it lives.
  const type = (message as { readonly type?: unknown } | null | undefined)?.type;
  if (typeof type === 'string' && !WATCH_TYPES.has(type)) return { type: 'heartbeat', revision: 0 };
  return decode(watchMessageSchema, message, 'registry watch message');
}

/** @throws RpcError `PEER_VIOLATION` */
export function decodeLeaseReply(message: unknown): LeaseReply {
  return decode(leaseReplySchema, message, 'registration reply');
}

function decode<S extends v.GenericSchema>(schema: S, message: unknown, what: string): v.InferOutput<S> {
  const result = v.safeParse(schema, message);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw RpcError.of('PEER_VIOLATION', `the director sent a malformed ${what}: ${issue.message}`);
}
