import { type FlotillaError, formatAddress, type Logger, type SocketAddress, startWatchdog } from '../index.js';
import { EXIT_OK } from './failure.js';
import { type HttpEndpoint, type NodeView, startHttpEndpoint } from './http/http-endpoint.js';
import { print, serveWithoutReader } from './output.js';
import { readyLine } from './ready-line.js';
import type { ServingFlags } from './shared-options.js';
import { StopRequest } from './stop-request.js';

/** A director or worker that runs. */
export interface ServingNode {
  readonly id: string;
  readonly address: SocketAddress;
  /** Resolves when it cannot go on; it has closed then. */
  readonly failed?: Promise<FlotillaError>;
  drain(options: { readonly timeoutMs: number }): Promise<boolean>;
  close(): Promise<void>;
}

export interface ServeOptions<Node extends ServingNode> {
  readonly role: 'director' | 'worker';
  readonly flags: ServingFlags;
  readonly logger: Logger;
  readonly start: () => Promise<Node>;
  /** Where to serve health, metrics and status over HTTP, and what. */
  readonly http?: { readonly address: string; readonly view: (node: Node) => NodeView } | undefined;
}

/**
 * Runs a node until it is told to stop: ready line, HTTP endpoint, watchdog, drain. Resolves to the exit code.
 *
 * @throws what `start` throws, and the FlotillaError with which the node failed
 */
export async function serveNode<Node extends ServingNode>(options: ServeOptions<Node>): Promise<number> {
  const { flags, logger } = options;
  serveWithoutReader();
  if (flags.watchdog > 0) {
    const onFailure = (error: Error): void => logger.warn({ error }, 'no watchdog: the event loop is not watched');
    startWatchdog({ stallMs: flags.watchdog * 1_000, onFailure });
  }
  const stop = new StopRequest({ withParent: flags.exitWithParent });
  const starting = options.start();
  const node = await Promise.race([starting, stop.requested]);
  if (typeof node === 'string') {
    // Whatever start makes of it now: the process is about to end.
    starting.catch(() => undefined);
    return EXIT_OK;
  }
  let endpoint: HttpEndpoint | undefined;
  try {
    endpoint = await httpOf(options, node, stop);
    announce(options, node, endpoint);
    const cause = await Promise.race([stop.requested, ...(node.failed === undefined ? [] : [node.failed])]);
    if (typeof cause !== 'string') throw cause;
    logger.info({ cause }, 'draining');
    const idle = await node.drain({ timeoutMs: flags.drainTimeout });
    if (idle) logger.info({}, 'drained');
    else
      logger.warn({ drainTimeoutMs: flags.drainTimeout }, 'calls were still in progress when the drain time was over');
    return EXIT_OK;
  } finally {
    await Promise.all([node.close(), endpoint?.close()]);
  }
}

async function httpOf<Node extends ServingNode>(
  { http, logger }: ServeOptions<Node>,
  node: Node,
  stop: StopRequest,
): Promise<HttpEndpoint | undefined> {
  if (http === undefined) return undefined;
  const view = http.view(node);
  return await startHttpEndpoint({
    listen: http.address,
    view,
    trouble: () => (stop.isRequested ? 'draining' : view.trouble?.()),
    logger,
  });
}

function announce<Node extends ServingNode>(
  { role }: ServeOptions<Node>,
  node: Node,
  endpoint: HttpEndpoint | undefined,
): void {
  const address = formatAddress(node.address);
  print(readyLine({ role, id: node.id, address, ...(endpoint === undefined ? {} : { http: endpoint.address }) }));
}
