import { FlotillaError, type SocketAddress } from '../../base/index.js';
import type { Clock, Logger, Random, SendSchedulerFactory, SessionStore } from '../../ports/index.js';
import { DatagramSocket } from './datagram-socket.js';
import { QuicEndpoint, TICKET_KEY_BYTES } from './endpoint.js';
import { loadNative } from './native.js';
import { resolveTransportOptions, type TransportOptions } from './options.js';
import { SessionBook } from './session-book.js';
import { createMemorySessionStore } from './session-store.js';
import { TlsKeeper } from './tls-keeper.js';
import type { TlsOptions } from './tls-source.js';

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
  const { clock, random, logger, scheduler } = options;
  const transport = resolveTransportOptions(options.transport);
  const ticketKey = options.ticketKey ?? random.bytes(TICKET_KEY_BYTES);
  if (ticketKey.length !== TICKET_KEY_BYTES) {
    throw new FlotillaError(
      'OPTION_INVALID',
      `ticketKey has ${ticketKey.length} bytes: it must have ${TICKET_KEY_BYTES}`,
    );
  }
  const quiche = await loadNative();
  const tls = await TlsKeeper.load(quiche, transport, options.tls, clock, logger, ticketKey);
  const socket = await DatagramSocket.bind(options.listen, transport.socketBufferBytes);
  if (socket.buffers.receiveBytes < transport.socketBufferBytes) {
    const hint = 'the kernel gave smaller socket buffers than asked for: raise net.core.rmem_max and net.core.wmem_max';
    logger.info({ askedBytes: transport.socketBufferBytes, ...socket.buffers }, hint);
  }
  const sessions = new SessionBook(options.sessions ?? createMemorySessionStore(), tls.sessionOwner);
  return new QuicEndpoint({ quiche, socket, options: transport, tls, sessions, scheduler, clock, random, logger });
}
