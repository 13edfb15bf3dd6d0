/** Options of calls: limits, retries, balancing, leases and compression. */
import * as v from 'valibot';
import { LIMITS } from '../base/index.js';
import { choice, duration, integer, ratio, size, sizeOr, word } from './field.js';

const KiB = 2 ** 10;
const MINUTE_MS = 60_000;

export const rpcSchema = v.strictObject({
  timeoutMs: v.optional(
    duration(
      { min: 1, max: 24 * 60 * MINUTE_MS },
      {
        what: 'Time for a whole call, retries included, when the call sets none.',
        larger: 'a stuck call is noticed later',
        smaller: 'slow calls fail',
      },
    ),
    30_000,
  ),
  concurrentCallsMax: v.optional(
    integer(
      { min: 1, max: LIMITS.outstandingCallsMax },
      {
        what: 'Calls a node works on at once; further ones get `OVERLOADED` and are tried elsewhere.',
        larger: 'more memory under load and longer queues',
        smaller: 'refuses sooner',
      },
    ),
    8_192,
  ),
  connectionsPerPeerMax: v.optional(
    integer(
      { min: 1, max: 1_000_000 },
      {
        what: 'Connections that the holder of one certificate may have to a node, bulk ones included.',
        larger: 'more processes may share a certificate; one of them may take more of `transport.connectionsMax`',
        smaller: 'one client leaves more room to others',
      },
    ),
    1_024,
  ),
  messageBytesMax: v.optional(
    size(
      { min: 1 * KiB, max: LIMITS.messageBytesMax },
      {
        what: 'Longest message taken, after decompression.',
        larger: 'a peer may make us hold this much per message',
        smaller: 'large messages must be sent in parts over a stream',
      },
    ),
    LIMITS.messageBytesDefault,
  ),
  lanes: v.optional(
    integer(
      { min: 1, max: 64 },
      {
        what: 'Long-lived streams that carry the unary calls of one connection.',
        larger: 'a lost packet delays fewer calls; more native calls',
        smaller: 'fewer native calls; a lost packet delays more calls',
      },
    ),
    4,
  ),
});

export const retrySchema = v.strictObject({
  attemptsMax: v.optional(
    integer(
      { min: 1, max: 10 },
      {
        what: 'Attempts of an idempotent call, the first included; 1 turns retries off.',
        larger: 'survives more failures at once and multiplies load in trouble',
        smaller: 'more failures reach the caller',
      },
    ),
    3,
  ),
  budget: v.optional(
    v.strictObject({
      tokensMax: v.optional(
        integer(
          { min: 0, max: 1_000_000 },
          {
            what: 'Retries that a burst of failures may cause.',
            larger: 'a cluster in trouble is asked more',
            smaller: 'below the calls outstanding at one worker, its death makes some fail',
          },
        ),
        1_000,
      ),
      tokensPerSuccess: v.optional(
        ratio(
          { min: 0, max: 1 },
          {
            what: 'Retries that a successful call earns: their share in the long run.',
            larger: 'more load in trouble',
            smaller: 'fewer retries once the burst is used up',
          },
        ),
        0.1,
      ),
    }),
    {},
  ),
  backoff: v.optional(backoffSchema(10, 1_000), {}),
});

/** How soon a lost connection is made again. */
export const reconnectSchema = backoffSchema(50, 5_000);

export const leaseSchema = v.strictObject({
  ttlMs: v.optional(
    duration(
      { min: 200, max: 10 * MINUTE_MS },
      {
        what: 'Time after which a director drops a worker that has not renewed its registration.',
        larger: 'a dead worker is listed longer',
        smaller: 'a short stall drops a healthy worker; more renewals',
      },
    ),
    3_000,
  ),
  renewRatio: v.optional(
    ratio(
      { min: 0.05, max: 0.8 },
      {
        what: 'Share of the lease after which a worker renews it.',
        larger: 'fewer messages; fewer chances before the lease ends',
        smaller: 'more messages',
        defaultText: '1/3',
      },
    ),
    1 / 3,
  ),
});

export const balancingSchema = v.strictObject({
  strategy: v.optional(
    choice(['leastConnections', 'roundRobin', 'random', 'p2c', 'consistentHash'], {
      what: 'How a worker is chosen for a call.',
    }),
    'leastConnections',
  ),
  zone: v.optional(
    word(64, {
      what: 'Prefer workers whose tag `zone` is this; others serve when none there is usable, or all are overloaded.',
      defaultText: 'no preference',
    }),
  ),
  zoneSpillFactor: v.optional(
    ratio(
      { min: 0, max: 1_000 },
      {
        what: 'Calls leave the preferred zone while its load per worker is this many times that of the others, and 8 calls more; 0 never for load.',
        larger: 'an overloaded zone queues longer',
        smaller: 'more calls cross zones',
      },
    ),
    2,
  ),
});

export const outlierSchema = v.strictObject({
  consecutiveFailures: v.optional(
    integer(
      { min: 0, max: 10_000 },
      {
        what: 'Failures in a row after which a worker gets no calls for a while; 0 turns ejection off.',
        larger: 'a sick worker fails more calls first',
        smaller: 'a few unlucky calls eject a healthy worker',
      },
    ),
    5,
  ),
  ejectionBaseMs: v.optional(
    duration(
      { min: 10, max: 60 * MINUTE_MS },
      {
        what: 'Length of the first ejection; each further one is twice as long.',
        larger: 'a recovered worker idles longer',
        smaller: 'a sick worker is tried more often',
      },
    ),
    1_000,
  ),
  ejectionMaxMs: v.optional(
    duration(
      { min: 10, max: 24 * 60 * MINUTE_MS },
      {
        what: 'Longest ejection.',
        larger: 'a recovered worker idles longer',
        smaller: 'a sick worker is tried more often',
      },
    ),
    30_000,
  ),
  ejectedShareMax: v.optional(
    ratio(
      { min: 0, max: 1 },
      {
        what: 'Share of the workers that may be ejected at the same time.',
        larger: 'the rest may be overrun',
        smaller: 'sick workers stay in use',
      },
    ),
    0.5,
  ),
});

export const compressionSchema = v.strictObject({
  algorithm: v.optional(
    choice(['gzip', 'deflate-raw'], {
      what: 'How messages are compressed. `deflate-raw` is gzip without its header and checksum.',
    }),
    'gzip',
  ),
  aboveBytes: v.optional(
    size(
      { min: 64, max: LIMITS.messageBytesMax },
      {
        what: 'Size above which `auto` compresses.',
        larger: 'less processor time, more bytes on the network',
        smaller: 'more processor time, fewer bytes on the network',
      },
    ),
    16 * KiB,
  ),
  requests: kindOfMessage('off', 'Requests of unary calls.'),
  responses: kindOfMessage('off', 'Replies of unary calls.'),
  streams: kindOfMessage('off', 'Messages of streaming calls.'),
  registry: kindOfMessage('auto', 'Snapshots and changes of the worker registry.'),
  snapshots: kindOfMessage('auto', 'Chunks of Raft snapshots between directors.'),
});

/** How messages are compressed; each kind is a size above which it is, `Infinity` for never. */
export interface CompressionSettings {
  readonly algorithm: 'gzip' | 'deflate-raw';
  readonly requests: number;
  readonly responses: number;
  readonly streams: number;
  readonly registry: number;
  readonly snapshots: number;
}

export function settleCompression(parsed: v.InferOutput<typeof compressionSchema>): CompressionSettings {
  const above = (setting: 'off' | 'auto' | number): number => {
    if (setting === 'auto') return parsed.aboveBytes;
    return setting === 'off' ? Number.POSITIVE_INFINITY : setting;
  };
  return {
    algorithm: parsed.algorithm,
    requests: above(parsed.requests),
    responses: above(parsed.responses),
    streams: above(parsed.streams),
    registry: above(parsed.registry),
    snapshots: above(parsed.snapshots),
  };
}

function kindOfMessage(setting: 'off' | 'auto', what: string) {
  return v.optional(
    sizeOr(
      ['off', 'auto'],
      { min: 0, max: LIMITS.messageBytesMax },
      {
        what: `${what} \`off\`, \`auto\` (from \`compression.aboveBytes\` on) or a size of their own; a call’s own \`compress\` wins.`,
      },
    ),
    setting,
  );
}

function backoffSchema(baseMs: number, maxMs: number) {
  return v.strictObject({
    baseMs: v.optional(
      duration(
        { min: 1, max: MINUTE_MS },
        {
          what: 'Bound of the first wait; it doubles with every attempt, and half of it is random.',
          larger: 'recovery is noticed later',
          smaller: 'a recovering peer is burdened more',
        },
      ),
      baseMs,
    ),
    maxMs: v.optional(
      duration(
        { min: 1, max: 60 * MINUTE_MS },
        {
          what: 'Bound of any wait.',
          larger: 'recovery after a long outage is noticed later',
          smaller: 'a peer in a long outage is burdened more',
        },
      ),
      maxMs,
    ),
  });
}
