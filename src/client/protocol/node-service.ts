import { defineService, type Implementation, implement, unary } from '../../rpc/index.js';

/** What every serving node answers. */
export const NodeService = defineService('flotilla.node', {
  /** Nothing, at once: whether the node's event loop turns. */
  ping: unary<Record<string, never>, Record<string, never>>({ idempotent: true }),
});

export function implementNodeService(): Implementation {
  return implement(NodeService, { ping: () => ({}) });
}

/** Services of this prefix are the framework's own: they are not advertised and not balanced. */
export const INTERNAL_PREFIX = 'flotilla.';
