import type { LogEntry } from '../ports/index.js';
import { decodeConfig } from './config-codec.js';
import type { Apply, Effects } from './effects.js';
import { logIndex, minIndex } from './ids.js';
import type { RaftNode } from './node.js';
import { Outbox } from './outbox.js';
import { sendAppends } from './send-appends.js';

/** Collects what there is to do and empties the outbox. */
export function takeEffects(node: RaftNode): Effects {
  const { log, outbox, persistence, leadership } = node;
  if (leadership !== undefined) sendAppends(node, leadership);
  const entries = log.slice(persistence.next, log.lastIndex, Number.POSITIVE_INFINITY);
  const persist = persistence.issue(entries, node.hardState, node.nowMs);
  const apply = takeApply(node, outbox);
  node.outbox = new Outbox();
  return {
    persist,
    sendNow: outbox.sendNow,
    sendAfterPersist: { sequence: persistence.lastSequence, messages: outbox.sendAfterPersist },
    apply,
    readStates: outbox.readStates,
    events: outbox.events,
  };
}

/** A restored snapshot first, then committed and locally durable entries in portions of `applyBytesMax`. */
function takeApply(node: RaftNode, outbox: Outbox): Apply {
  const { log, options } = node;
  const snapshot = outbox.restore;
  const to = minIndex(log.commit, log.durable);
  const isBlocked = node.restoring !== undefined || node.applyBytes >= options.applyBytesMax;
  if (isBlocked || to <= log.applied) return snapshot === undefined ? NOTHING : { snapshot, entries: [] };
  const entries = log.slice(logIndex(log.applied + 1), to, options.applyBytesMax - node.applyBytes);
  for (const entry of entries) {
    node.applyBytes += entry.data.length;
    log.applied = entry.index;
    if (entry.type === 'config') tellCommitted(outbox, entry);
  }
  return { snapshot, entries };
}

function tellCommitted(outbox: Outbox, { index, data }: LogEntry): void {
  const config = decodeConfig(data);
  if (config !== undefined) outbox.event({ type: 'configCommitted', index, config });
}

const NOTHING: Apply = { snapshot: undefined, entries: [] };
