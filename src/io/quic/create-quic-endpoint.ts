import { FlotillaError, type SocketAddress } from '../../base/index.js';
import type { Clock, Logger, Random, SendSchedulerFactory, SessionStore } from '../../ports/index.js';
import { DatagramSocket } from './datagram-socket.js';
import { QuicEndpoint } from './endpoint.js';
import { loadNative } from './native.js';
import { resolveTransportOptions, type TransportOptions } from './options.js';
import { SessionBook } from './session-book.js';
import { createMemorySessionStore } from './session-store.js';
import { loadTlsMaterial, type TlsOptions } from './tls-source.js';

export interface QuicEndpointOptions {
  /** Where to bind; port 0 takes a free one. `0.0.0.0` or `::` (which takes IPv4 as well) bind all interfaces. */
  readonly listen: SocketAddress;
  readonly tls: TlsOptions;
  readonly transport?: TransportOptions | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Makes the send scheduler of each connection (`lanes`). */
  readonly scheduler: SendSchedulerFactory;
  /** Where sessions are kept for resumption. Default: in memory, for the endpoint's life. */
  readonly sessions?: SessionStore | undefined;
  /** The 48 bytes that seal session tickets; nodes that share them resume each other's. Default: random. */
  readonly ticketKey?: Uint8Array | undefined;
}

/**
 * Binds a UDP socket and makes an endpoint on it.
 *
 * @throws FlotillaError `NATIVE_UNAVAILABLE`, `CERT_MISSING`, `CERT_INVALID`, `ADDRESS_IN_USE`, `ADDRESS_UNREACHABLE`,
 * `OPTION_INVALID`
 */
export async function createQuicEndpoint(options: QuicEndpointOptions): Promise<QuicEndpoint> {
  const transport = resolveTransportOptions(options.transport);
  const ticketKey = options.ticketKey ?? options.random.bytes(TICKET_KEY_BYTES);
  if (ticketKey.length !== TICKET_KEY_BYTES) {
    throw new FlotillaError(
      'OPTION_INVALID',
      `ticketKey has ${ticketKey.length} bytes: it must be ${TICKET_KEY_BYTES}`,
    );
  }
  const quiche = await loadNative();
  const material = await loadTlsMaterial(options.tls, options.clock);
  const socket = await DatagramSocket.bind(options.listen, transport.socketBufferBytes);
  try {
    return new QuicEndpoint({
      quiche,
      socket,
      options: transport,
      tls: options.tls,
      material,
      ticketKey,
      sessions: new SessionBook(options.sessions ?? createMemorySessionStore(), material.identity.fingerprint),
      scheduler: options.scheduler,
      clock: options.clock,
      random: options.random,
      logger: options.logger,
    });
  } catch (cause) {
    await socket.close();
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new FlotillaError('CERT_INVALID', `the certificates cannot be used by BoringSSL: ${detail}`, { cause });
  }
}

const TICKET_KEY_BYTES = 48;
