import { nodeId } from '../../../src/base/index.js';
import { createQuicEndpoint, type QuicEndpoint } from '../../../src/io/quic/index.js';
import { systemClock, systemRandom } from '../../../src/io/system/index.js';
import { ClassScheduler } from '../../../src/lanes/index.js';
import { type SessionStore, silentLogger } from '../../../src/ports/index.js';
import type { TlsMaterial } from '../types.js';

/** What every part of Flotilla gets from its surroundings. */
export const PARTS = { clock: systemClock, random: systemRandom, logger: silentLogger };

export const SERVER_IDENTITY = { id: nodeId('bench-server'), role: 'worker' } as const;
export const CLIENT_IDENTITY = { id: nodeId('bench-client'), role: 'client' } as const;

/** A QUIC endpoint on a free port of loopback with default options, put together as the roles do it. */
export function benchEndpoint(tls: TlsMaterial, sessions?: SessionStore): Promise<QuicEndpoint> {
  return createQuicEndpoint({
    ...PARTS,
    listen: { host: '127.0.0.1', port: 0 },
    tls,
    sessions,
    scheduler: () => new ClassScheduler(),
  });
}
