import { createHmac } from 'node:crypto';
import { isLoopback, LIMITS } from '../../base/index.js';
import type { NativeConfig, Quiche } from './native.js';
import type { ResolvedTransportOptions } from './options.js';
import type { TlsMaterial } from './tls-source.js';

export const ALPN = 'flotilla/1';

/**
 * The native configurations of one endpoint: one per datagram size, each shared by all its connections of either
 * direction. A new certificate means a new object; connections that exist keep the one they began with.
 */
export class QuicConfigs {
  private readonly quiche: Quiche;
  private readonly options: ResolvedTransportOptions;
  private readonly material: TlsMaterial;
  private readonly bySize = new Map<number, NativeConfig>();
  private ticketKey: Uint8Array;

  constructor(quiche: Quiche, options: ResolvedTransportOptions, material: TlsMaterial, ticketKey: Uint8Array) {
    this.quiche = quiche;
    this.options = options;
    this.material = material;
    this.ticketKey = ticketKey;
    this.of('127.0.0.1');
  }

  /** The configuration for connections with `host`. */
  of(host: string): NativeConfig {
    const size = datagramBytesFor(host, this.options.datagramBytesMax);
    let config = this.bySize.get(size);
    if (config === undefined) {
      config = this.build(size);
      this.bySize.set(size, config);
    }
    return config;
  }

  setTicketKey(key: Uint8Array): void {
    this.ticketKey = key;
    const effective = this.effectiveTicketKey();
    for (const config of this.bySize.values()) config.setTicketKey(effective);
  }

  /**
   * A resumed handshake verifies no chain, so tickets are good only for nodes that trust the same authorities: when one is
   * withdrawn, its certificates cannot come back by resumption.
   */
  private effectiveTicketKey(): Uint8Array {
    return createHmac('sha384', this.ticketKey).update(this.material.authorities).digest();
  }

  private build(datagramBytes: number): NativeConfig {
    const { quiche, options: o, material } = this;
    const config = quiche.Config.withBoringSslCtx(
      true,
      false,
      Buffer.from(material.ca),
      [Buffer.from(material.key)],
      [Buffer.from(material.cert)],
      null,
    );
    config.setApplicationProtos([ALPN]);
    config.setMaxIdleTimeout(o.idleTimeoutMs);
    config.setMaxRecvUdpPayloadSize(UDP_PAYLOAD_BYTES_MAX);
    config.setMaxSendUdpPayloadSize(datagramBytes);
    config.setInitialMaxData(o.connectionWindowBytes);
    config.setInitialMaxStreamDataBidiLocal(o.streamWindowBytes);
    config.setInitialMaxStreamDataBidiRemote(o.streamWindowBytes);
    config.setInitialMaxStreamDataUni(o.streamWindowBytes);
    config.setMaxConnectionWindow(o.connectionWindowBytes);
    config.setMaxStreamWindow(o.streamWindowBytes);
    config.setInitialMaxStreamsBidi(o.streamsMax);
    config.setInitialMaxStreamsUni(o.streamsMax);
    config.setActiveConnectionIdLimit(2);
    config.setDisableActiveMigration(true);
    config.setCcAlgorithm(CONGESTION_CONTROL[o.congestionControl]);
    config.setTicketKey(this.effectiveTicketKey());
    if (o.earlyData) config.enableEarlyData();
    return config;
  }
}

/** Largest datagram for a path; IPv6 loopback is bound by the interface's MTU of 65,536. */
export function datagramBytesFor(host: string, option: 'auto' | number): number {
  if (option !== 'auto') return option;
  if (!isLoopback(host)) return LIMITS.datagramBytesWan;
  return host === '::1' ? IPV6_LOOPBACK_BYTES : LIMITS.datagramBytesLoopback;
}

const CONGESTION_CONTROL = { reno: 0, cubic: 1, bbr: 2 } as const;
const UDP_PAYLOAD_BYTES_MAX = 65_527;
/** 65,536 less the headers of IPv6 (40) and UDP (8). */
const IPV6_LOOPBACK_BYTES = 65_488;
