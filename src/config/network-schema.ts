import * as v from 'valibot';
import { FlotillaError, LIMITS } from '../base/index.js';
import { choice, duration, integer, size } from './field.js';

const KiB = 2 ** 10;
const MiB = 2 ** 20;
const HOUR_MS = 3_600_000;

/** What every traffic class has; `class` options that are not given follow `transport` and `rpc`. */
const windowBytes = v.optional(
  size(
    { min: 64 * KiB, max: 256 * MiB },
    {
      what: 'Receive window of the class. Control and data share a connection, whose window is the sum of both (control counts 2 MiB when only data is set).',
      larger: 'more memory per connection in the worst case',
      smaller: 'throughput is limited to this per round trip; for bulk take 1.2 times the largest payload',
      defaultText: 'as `transport.connectionWindowBytes`',
    },
  ),
);
const streamsMax = v.optional(
  integer(
    { min: 8, max: 50_000 },
    {
      what: 'Streams of the class a peer may have open. Control and data share a connection: their sum holds (control counts 100 when only data is set).',
      larger: 'a hostile peer costs about 2 KiB per stream more',
      smaller: 'fewer streaming calls at once',
      defaultText: 'as `transport.streamsMax`',
    },
  ),
);
const timeoutMs = v.optional(
  duration(
    { min: 1, max: 24 * HOUR_MS },
    {
      what: 'Time for a call of the class that sets none itself.',
      larger: 'a stuck call is noticed later',
      smaller: 'slow calls fail',
      defaultText: 'as `rpc.timeoutMs`',
    },
  ),
);
const concurrentCallsMax = v.optional(
  integer(
    { min: 1, max: LIMITS.outstandingCallsMax },
    {
      what: 'Calls of the class a node works on at once, within `rpc.concurrentCallsMax`; further ones get `OVERLOADED`.',
      larger: 'more memory under load and longer queues',
      smaller: 'refuses sooner',
      defaultText: 'no limit of its own',
    },
  ),
);
const keepAliveMs = v.optional(
  duration(
    { min: 1, max: HOUR_MS, zero: 'off' },
    {
      what: 'Silence after which the connection is kept alive; of control and data the smaller holds.',
      larger: 'NATs and the idle timeout end quiet connections',
      smaller: 'more packets on quiet connections',
      defaultText: 'as `transport.keepAliveMs`',
    },
  ),
);

const classEntries = { windowBytes, streamsMax, timeoutMs, concurrentCallsMax, keepAliveMs };

export const networkSchema = v.strictObject({
  isolation: v.optional(
    choice(['streams', 'sockets'], {
      what: 'How bulk is kept from delaying the rest: own streams, or also an own connection on an own UDP port.',
      larger: '`sockets` costs a second port and connection per peer',
      smaller: '`streams` lets control datagrams wait behind bulk ones in the kernel’s buffer',
    }),
    'sockets',
  ),
  control: v.optional(
    v.strictObject({
      ...classEntries,
      reserveBytes: v.optional(
        size(
          { min: 0, max: 1 * MiB },
          {
            what: 'Send capacity that data and bulk never use, so that a control frame finds room; two fifths of a datagram at most.',
            larger: 'less of a small window is left for data',
            smaller: 'control frames may wait a round trip on a saturated connection',
          },
        ),
        8 * KiB,
      ),
    }),
    {},
  ),
  data: v.optional(
    v.strictObject({
      ...classEntries,
      quantumBytes: v.optional(
        size(
          { min: 1 * KiB, max: 16 * MiB },
          {
            what: 'Bytes one stream hands over before the next one of its class has its turn.',
            larger: 'fewer, longer hand-overs',
            smaller: 'finer shares between saturated streams, more native calls',
          },
        ),
        64 * KiB,
      ),
    }),
    {},
  ),
  bulk: v.optional(
    v.strictObject({
      ...classEntries,
      quantumBytes: v.optional(
        size(
          { min: 1 * KiB, max: 16 * MiB },
          {
            what: 'Bytes all bulk streams together hand over per turn of the event loop.',
            larger: 'higher bulk throughput',
            smaller: 'control and data wait less behind bulk',
          },
        ),
        64 * KiB,
      ),
    }),
    {},
  ),
});

/** @throws FlotillaError `OPTION_INVALID` when a class would be kept alive only after the idle timeout. */
export function checkClassKeepAlive(network: NetworkSettings, idleTimeoutMs: number): void {
  for (const trafficClass of ['control', 'data', 'bulk'] as const) {
    const { keepAliveMs } = network[trafficClass];
    if (keepAliveMs === undefined || keepAliveMs < idleTimeoutMs) continue;
    throw new FlotillaError(
      'OPTION_INVALID',
      `option network.${trafficClass}.keepAliveMs is ${keepAliveMs}; allowed: 0 (off) or less than transport.idleTimeoutMs (${idleTimeoutMs})`,
    );
  }
}

export type NetworkSettings = v.InferOutput<typeof networkSchema>;
