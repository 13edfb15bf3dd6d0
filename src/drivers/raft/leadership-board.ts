import type { NodeId } from '../../base/index.js';
import type { LeadershipView, Logger, MemberId, Term } from '../../ports/index.js';

/** Who leads, as this node's users see it. */
export class LeadershipBoard {
  view: LeadershipView = { term: 0 as Term, leader: undefined, isLeading: false };
  /** The leader's membership. */
  leaderId: MemberId | undefined;
  /** This member leads; `view.isLeading` follows when its state machine has caught up. */
  isLeader = false;
  private readonly logger: Logger;
  private readonly listeners = new Set<(view: LeadershipView) => void>();

  constructor(logger: Logger) {
    this.logger = logger;
  }

  onChange(listener: (view: LeadershipView) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Tells the listeners when something is different. */
  set(term: Term, leader: NodeId | undefined, isLeading: boolean): void {
    const { view } = this;
    if (view.term === term && view.leader === leader && view.isLeading === isLeading) return;
    this.view = { term, leader, isLeading };
    for (const listener of [...this.listeners]) this.tell(listener);
  }

  private tell(listener: (view: LeadershipView) => void): void {
    try {
      listener(this.view);
    } catch (error) {
      this.logger.error({ error: String(error) }, 'a listener for leadership threw');
    }
  }
}
