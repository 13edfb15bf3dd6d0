import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { FlotillaError, formatAddress, type Logger, parseAddress } from '../../index.js';
import { toJson } from '../output.js';
import { formatMetrics, type Metric } from './prometheus.js';

/** What a node shows of itself. */
export interface NodeView {
  readonly status: () => unknown;
  readonly metrics: () => readonly Metric[];
  /** Why the node cannot serve at the moment, in a word or two; `undefined` when it can. Default: it always can. */
  readonly trouble?: () => string | undefined;
}

export interface HttpEndpointOptions {
  /** `HOST:PORT`; port 0 takes a free one. */
  readonly listen: string;
  readonly view: NodeView;
  /** Why it is not healthy, in a word or two; `undefined` while it is. */
  readonly trouble: () => string | undefined;
  readonly logger: Logger;
}

export interface HttpEndpoint {
  /** With the real port. */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * A read-only HTTP endpoint for probes and scrapers: `/healthz` (200, or 503 and why), `/metrics` (Prometheus
 * text) and `/status` (JSON). It has neither encryption nor access control: keep it on this machine or a trusted network.
 *
 * @throws FlotillaError `ADDRESS_IN_USE`, `ADDRESS_UNREACHABLE`
 */
export async function startHttpEndpoint(options: HttpEndpointOptions): Promise<HttpEndpoint> {
  const { host, port } = parseAddress(options.listen);
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (request, response) =>
    answer(options, request, response),
  );
  server.maxConnections = CONNECTIONS_MAX;
  await listen(server, host, port, options.listen);
  // After it listens, an error of the server concerns one connection.
  server.on('error', (error) => options.logger.warn({ error }, 'http endpoint'));
  if (!LOOPBACK.test(host)) {
    options.logger.warn(
      { listen: options.listen },
      'other machines can read the http endpoint: it has no access control',
    );
  }
  const bound = server.address();
  const address = formatAddress({ host, port: typeof bound === 'object' && bound !== null ? bound.port : port });
  return { address, close: () => close(server) };
}

function answer(options: HttpEndpointOptions, request: IncomingMessage, response: ServerResponse): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') response.setHeader('allow', 'GET, HEAD');
  const { status, type, body } = answerTo(options, request);
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

function answerTo({ view, trouble }: HttpEndpointOptions, { method, url }: IncomingMessage): Answer {
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, type: TEXT, body: 'only GET and HEAD\n' };
  switch (url?.split('?', 1)[0]) {
    case '/healthz':
      return health(trouble());
    case '/metrics':
      return { status: 200, type: METRICS, body: formatMetrics(view.metrics()) };
    case '/status':
      return { status: 200, type: 'application/json', body: `${toJson(view.status())}\n` };
    default:
      return { status: 404, type: TEXT, body: 'there are /healthz, /metrics and /status\n' };
  }
}

function health(trouble: string | undefined): Answer {
  return { status: trouble === undefined ? 200 : 503, type: TEXT, body: `${trouble ?? 'ok'}\n` };
}

function listen(server: Server, host: string, port: number, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const inUse = error.code === 'EADDRINUSE';
      const why = inUse ? 'is in use; choose another port' : `cannot be listened on (${error.code ?? error.message})`;
      reject(new FlotillaError(inUse ? 'ADDRESS_IN_USE' : 'ADDRESS_UNREACHABLE', `--http ${text} ${why}`));
    });
    server.listen({ host, port, exclusive: true }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

const TEXT = 'text/plain; charset=utf-8';
const METRICS = 'text/plain; version=0.0.4; charset=utf-8';
const LOOPBACK = /^(?:localhost$|127\.|::1$)/;
const CONNECTIONS_MAX = 64;
