import type { MemberId } from '../ports/index.js';
import { decodeConfig } from './config-codec.js';
import type { InstallSnapshot } from './message.js';
import type { RaftNode } from './node.js';
import { noteConfig, violation } from './transitions.js';

/**
 * A complete, verified snapshot arrived from the leader (Raft dissertation, section 5.3).
 *
 * Three cases: it is not ahead of what is committed here, then it is ignored, configuration included; the log holds its
 * last entry, then the log is right up to there and what follows is kept; else the whole log is replaced, because a
 * tail after it may conflict and what came before it is covered.
 */
export function onInstallSnapshot(node: RaftNode, from: MemberId, { meta }: InstallSnapshot): void {
  const { log } = node;
  const config = decodeConfig(meta.config);
  if (config === undefined) {
    violation(node, from, `snapshot ${meta.index} has no readable configuration`);
    return;
  }
  if (meta.index > log.commit && log.holds(meta)) log.commitTo(meta.index);
  else if (meta.index > log.commit) {
    log.reset(meta);
    node.configs.reset({ index: meta.index, config });
    node.persistence.replacedBy(meta);
    node.restoring = meta;
    noteConfig(node);
  }
  // What is acknowledged is durable by the time this leaves: the snapshot waits for its own write.
  node.outbox.afterPersist({ type: 'appendAccept', to: from, term: node.term, match: log.commit });
}
