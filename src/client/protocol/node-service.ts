import * as v from 'valibot';
import { RpcError } from '../../base/index.js';
import { defineService, type Implementation, implement, unary } from '../../rpc/index.js';

const numberSchema = v.pipe(v.number(), v.finite(), v.minValue(0));
const latencySchema = v.object({ count: numberSchema, p50Ms: numberSchema, p99Ms: numberSchema });

const classSchema = v.object({
  /** Calls whose handler has not finished. */
  inFlight: numberSchema,
  /** Since the node started. */
  started: numberSchema,
  /** Answered with an error, of `started`. */
  failed: numberSchema,
  /** Time of unary handlers since the node started. */
  handlerMs: latencySchema,
  /** ... and lately: of the last 10 to 20 seconds when somebody asks all the time, else since the question before. */
  recentHandlerMs: latencySchema,
});

const statsSchema = v.object({
  id: v.pipe(v.string(), v.maxLength(64)),
  role: v.picklist(['director', 'worker']),
  uptimeMs: numberSchema,
  isDraining: v.boolean(),
  connections: numberSchema,
  /** Calls in progress, of all classes. */
  inFlight: numberSchema,
  calls: v.object({ control: classSchema, data: classSchema, bulk: classSchema }),
  /** How late timers are, for 10 seconds or since the question before; missing at the first question. */
  loopDelayMs: v.optional(v.object({ p50Ms: numberSchema, p99Ms: numberSchema, maxMs: numberSchema })),
});

/** What a node says about the calls it serves; `flotilla top` shows it. */
export type NodeStats = v.InferOutput<typeof statsSchema>;
export type ClassStats = NodeStats['calls']['data'];

/** What every serving node answers, to every node. */
export const NodeService = defineService('flotilla.node', {
  /** Nothing, at once: whether the node's event loop turns. */
  ping: unary<Record<string, never>, Record<string, never>>({ idempotent: true }),
  stats: unary<Record<string, never>, NodeStats>({ idempotent: true }),
});

export function implementNodeService(stats: () => NodeStats): Implementation {
  return implement(NodeService, { ping: () => ({}), stats });
}

/** @throws RpcError `PEER_VIOLATION` */
export function decodeNodeStats(reply: unknown): NodeStats {
  const result = v.safeParse(statsSchema, reply);
  if (result.success) return result.output;
  throw RpcError.of('PEER_VIOLATION', `the node sent malformed statistics: ${result.issues[0].message}`);
}

/** Services of this prefix are the framework's own: they are not advertised and not balanced. */
export const INTERNAL_PREFIX = 'flotilla.';
