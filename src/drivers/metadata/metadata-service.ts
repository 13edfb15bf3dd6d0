import * as v from 'valibot';
import { defineService, serverStream, unary } from '../../rpc/index.js';

const watchStartSchema = v.object({
  from: v.string(),
  /** Missing: to the end. */
  to: v.optional(v.string()),
  /** Missing: what changes from now on. */
  fromRevision: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1))),
  withPrevious: v.boolean(),
});

export type WatchStart = v.InferOutput<typeof watchStartSchema>;

/** Who leads, as one director knows it. */
export interface LeaderReply {
  /** Its `HOST:PORT`; missing when none is known. */
  readonly leader?: string | undefined;
  readonly term: number;
  /** `HOST:PORT` of all directors. */
  readonly directors: readonly string[];
}

/**
 * The metadata store as every director serves it, to every node of the cluster, with a user's rights.
 *
 * - `execute` takes `encodeRequest`'s bytes and gives those of a reply
 * - `executeAll` does the same for several puts (see `countPuts`), which go into one entry: takes and gives lists
 *   (`encodeByteList`). An error is that of all: some may have been executed all the same
 * - `range` takes a byte that says how new the answer must be (its place in `CONSISTENCIES`), then a request for a range
 * - `watch` gives `encodeWatchMessage`'s bytes
 *
 * A reply of a director that does not lead has the header `flotilla-leader: HOST:PORT`: calls go there directly.
 */
export const MetadataService = defineService('flotilla.metadata', {
  execute: unary<Uint8Array, Uint8Array>(),
  executeAll: unary<Uint8Array, Uint8Array>(),
  range: unary<Uint8Array, Uint8Array>({ idempotent: true }),
  watch: serverStream<WatchStart, Uint8Array>({ idempotent: true, input: watchStartSchema }),
  leader: unary<Record<string, never>, LeaderReply>({ idempotent: true }),
});

export const LEADER_HEADER = 'flotilla-leader';

export const CONSISTENCIES = ['linearizable', 'lease', 'eventual', 'default'] as const;
