import type { Logger } from '../../ports/index.js';

/** A step of closing a connection whose failure must not keep the others from being made. */
export function guarded(logger: Logger, step: () => void): void {
  try {
    step();
  } catch (error) {
    logger.error({ error: error instanceof Error ? error.stack : String(error) }, 'closing a connection');
  }
}
