import type { Options } from './schema.js';

/** Names of the tuning profiles. */
export const PRESET_NAMES = ['local', 'lan', 'cloud', 'wan', 'development'] as const;

export type PresetName = (typeof PRESET_NAMES)[number];

/** What a preset is for, for `--help` and the book. */
export const PRESET_TEXTS: Readonly<Record<PresetName, string>> = {
  local: 'all processes on one machine: failures are seen within a second',
  lan: 'one datacentre or office network: the defaults, with windows per traffic class',
  cloud: 'several zones of one provider: survives short stalls and load balancers, compresses large messages',
  wan: 'several regions: windows for long paths, BBR, patient timeouts, compresses early',
  development: 'a debugger may stop a process for minutes without anybody giving up on it',
};

/**
 * Where a preset differs from the defaults. Control gets a small window (its messages are small), data one for batches,
 * bulk one for whole snapshots: a window below 1.2 times the largest payload makes its sender wait for round trips.
 */
export const PRESETS: Readonly<Record<PresetName, Options>> = {
  local: {
    transport: { idleTimeoutMs: '5s', keepAliveMs: '1s', handshakeTimeoutMs: '3s' },
    network: { isolation: 'streams' },
    rpc: { timeoutMs: '10s' },
    reconnect: { baseMs: 20, maxMs: '1s' },
    lease: { ttlMs: '1s' },
    raft: { electionTimeoutMs: 300, heartbeatIntervalMs: 75 },
    gossip: { profile: 'local' },
  },
  lan: {
    network: {
      control: { windowBytes: '2MiB', streamsMax: 500 },
      data: { windowBytes: '6MiB', streamsMax: 500 },
      bulk: { windowBytes: '32MiB', concurrentCallsMax: 16 },
    },
  },
  cloud: {
    transport: { idleTimeoutMs: '1m', keepAliveMs: '15s' },
    network: {
      control: { windowBytes: '2MiB', streamsMax: 500 },
      data: { windowBytes: '12MiB', streamsMax: 500 },
      bulk: { windowBytes: '64MiB', concurrentCallsMax: 8 },
    },
    reconnect: { baseMs: 100, maxMs: '10s' },
    lease: { ttlMs: '6s' },
    raft: { electionTimeoutMs: '1s', heartbeatIntervalMs: 250, read: { timeThresholdMs: 50 } },
    gossip: { suspicionMult: 5 },
    compression: { requests: 'auto', responses: 'auto', streams: 'auto' },
  },
  wan: {
    transport: {
      congestionControl: 'bbr',
      idleTimeoutMs: '2m',
      keepAliveMs: '20s',
      handshakeTimeoutMs: '15s',
      streamWindowBytes: '16MiB',
      connectionWindowBytes: '64MiB',
    },
    network: {
      control: { windowBytes: '4MiB', streamsMax: 500 },
      data: { windowBytes: '60MiB', streamsMax: 500 },
      bulk: { windowBytes: '128MiB', timeoutMs: '5m', concurrentCallsMax: 4 },
    },
    rpc: { timeoutMs: '1m' },
    retry: { backoff: { baseMs: 100, maxMs: '5s' } },
    reconnect: { baseMs: 200, maxMs: '30s' },
    lease: { ttlMs: '15s' },
    raft: {
      electionTimeoutMs: '3s',
      heartbeatIntervalMs: 500,
      diskStallMs: '10s',
      appendBytesMax: '1MiB',
      inFlightBytesMax: '32MiB',
      inFlightEntriesMax: 8_192,
      batch: { sizeThreshold: 512, timeThresholdMs: 5 },
      read: { timeThresholdMs: 100 },
    },
    gossip: { profile: 'wan' },
    outlier: { ejectionBaseMs: '5s', ejectionMaxMs: '2m' },
    compression: { aboveBytes: '1KiB', requests: 'auto', responses: 'auto', streams: 'auto' },
  },
  development: {
    transport: { idleTimeoutMs: '10m', keepAliveMs: '30s', handshakeTimeoutMs: '1m' },
    network: { isolation: 'streams' },
    rpc: { timeoutMs: '10m' },
    reconnect: { maxMs: '1s' },
    lease: { ttlMs: '5m' },
    raft: { electionTimeoutMs: '30s', heartbeatIntervalMs: '1s', diskStallMs: '5m' },
    gossip: { probeIntervalMs: '5s', suspicionMult: 60 },
    outlier: { consecutiveFailures: 0 },
  },
};
