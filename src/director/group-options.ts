import type { RaftSettings } from '../config/index.js';
import type { RaftGroupOptionsInput } from '../drivers/raft/index.js';

/** The options of a Raft group as they follow from `raft` of the settings. */
export function groupOptions(settings: RaftSettings): RaftGroupOptionsInput {
  const { persistence, batch, read, snapshot } = settings;
  const { flushPolicy, flushThreshold, flushIntervalMs } = persistence;
  return {
    raft: {
      electionTimeoutMs: settings.electionTimeoutMs,
      heartbeatIntervalMs: settings.heartbeatIntervalMs,
      clockDriftMax: settings.clockDriftMax,
      diskStallMs: settings.diskStallMs,
      appendBytesMax: settings.appendBytesMax,
      inFlightEntriesMax: settings.inFlightEntriesMax,
      inFlightBytesMax: settings.inFlightBytesMax,
      uncommittedBytesMax: settings.uncommittedBytesMax,
    },
    persistence: persistence.strategy,
    flush:
      flushPolicy === 'immediate'
        ? { type: 'immediate' }
        : { type: 'batch', threshold: flushThreshold, intervalMs: flushIntervalMs },
    batch,
    read: { sizeThreshold: read.sizeThreshold, timeThresholdMs: read.timeThresholdMs },
    snapshot: { logBytes: snapshot.logBytes, logEntries: snapshot.logEntries, keepEntries: snapshot.keepEntries },
    proposeTimeoutMs: settings.proposeTimeoutMs,
  };
}
