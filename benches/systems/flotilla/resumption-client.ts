/** The process that connects again and again. */
import { performance } from 'node:perf_hooks';
import { RpcChannel } from '../../../src/drivers/rpc/index.js';
import { createMemorySessionStore } from '../../../src/io/quic/index.js';
import type { Endpoint, SessionStore } from '../../../src/ports/index.js';
import { serviceClient } from '../../../src/rpc/index.js';
import { serveRequests } from '../../harness/child.js';
import type { TlsMaterial } from '../types.js';
import { Echo } from './echo-service.js';
import { benchEndpoint, CLIENT_IDENTITY, PARTS } from './endpoint.js';

export type ResumptionCase = 'full' | 'resumed' | 'zeroRtt';

interface Connector {
  readonly kind: ResumptionCase;
  readonly endpoint: Endpoint;
  readonly port: number;
}

const connectors = new Map<ResumptionCase, Connector>();

serveRequests({
  /** One endpoint per case, so that none sees another's sessions; primes those that resume. */
  prepare: async ({ port, tls, cases }: { port: number; tls: TlsMaterial; cases: ResumptionCase[] }) => {
    for (const kind of cases) {
      const sessions = kind === 'full' ? NO_SESSIONS : createMemorySessionStore();
      const endpoint = await benchEndpoint(tls, sessions);
      const connector: Connector = { kind, endpoint, port };
      connectors.set(kind, connector);
      await connectOnce(connector, PRIMING_STAY_MS);
    }
  },
  /** Milliseconds from the start of a connection to the first reply. */
  connect: async (kind: ResumptionCase) => {
    const connector = connectors.get(kind);
    if (connector === undefined) throw new Error(`connect before prepare: ${kind}`);
    const { elapsedMs, resumed, earlyData } = await connectOnce(connector, STAY_MS);
    if (resumed !== (kind !== 'full') || earlyData !== (kind === 'zeroRtt')) {
      throw new Error(`a connection of case ${kind} had resumed=${resumed} earlyData=${earlyData}`);
    }
    return elapsedMs;
  },
});

/** Connects, makes one call, stays for the server's next session ticket, and closes. */
async function connectOnce({ kind, endpoint, port }: Connector, stayMs: number) {
  const channel = new RpcChannel({
    ...PARTS,
    endpoint,
    identity: CLIENT_IDENTITY,
    target: { address: { host: '127.0.0.1', port }, role: 'worker', earlyData: kind === 'zeroRtt' },
  });
  const startMs = performance.now();
  await serviceClient(Echo, channel).echo(PAYLOAD, { waitForReady: true });
  const elapsedMs = performance.now() - startMs;
  const { resumed } = channel;
  const earlyData = channel.counters.earlyData > 0;
  await new Promise((resolve) => setTimeout(resolve, stayMs));
  await channel.close();
  return { elapsedMs, resumed, earlyData };
}

const NO_SESSIONS: SessionStore = { get: () => undefined, set() {}, delete() {} };
const PAYLOAD = Buffer.alloc(64, 0x61);
const STAY_MS = 30;
const PRIMING_STAY_MS = 1_500;
