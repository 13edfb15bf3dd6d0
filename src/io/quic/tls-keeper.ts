import { createHash } from 'node:crypto';
import { FlotillaError, type PeerIdentity } from '../../base/index.js';
import type { Clock, Logger } from '../../ports/index.js';
import type { NativeConfig, Quiche } from './native.js';
import type { ResolvedTransportOptions } from './options.js';
import { QuicConfigs } from './quic-config.js';
import { loadTlsMaterial, sameMaterial, type TlsMaterial, type TlsOptions } from './tls-source.js';

/** The key material in use and the native configurations made of it; renews both without a restart. */
export class TlsKeeper {
  private readonly quiche: Quiche;
  private readonly options: ResolvedTransportOptions;
  private readonly source: TlsOptions;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private material: TlsMaterial;
  private configs: QuicConfigs;
  private ticketKey: Uint8Array;
  private lastFailure: string | undefined;

  private constructor(
    quiche: Quiche,
    options: ResolvedTransportOptions,
    source: TlsOptions,
    clock: Clock,
    logger: Logger,
    material: TlsMaterial,
    ticketKey: Uint8Array,
  ) {
    this.quiche = quiche;
    this.options = options;
    this.source = source;
    this.clock = clock;
    this.logger = logger;
    this.material = material;
    this.ticketKey = ticketKey;
    this.configs = this.build(material);
  }

  /** @throws FlotillaError `CERT_MISSING` or `CERT_INVALID` */
  static async load(
    quiche: Quiche,
    options: ResolvedTransportOptions,
    source: TlsOptions,
    clock: Clock,
    logger: Logger,
    ticketKey: Uint8Array,
  ): Promise<TlsKeeper> {
    const material = await loadTlsMaterial(source, clock);
    return new TlsKeeper(quiche, options, source, clock, logger, material, ticketKey);
  }

  get identity(): PeerIdentity {
    return this.material.identity;
  }

  /** Names what a client's session depends on: its own certificate and the authorities that it trusts. */
  get sessionOwner(): string {
    const { identity, authorities } = this.material;
    return createHash('sha256').update(identity.fingerprint).update(authorities).digest('hex');
  }

  get denied(): ReadonlySet<string> {
    return this.material.denied;
  }

  /** How often `reload` should be called, in milliseconds; 0: never. */
  get reloadIntervalMs(): number {
    return 'caFile' in this.source ? (this.source.reloadIntervalMs ?? RELOAD_INTERVAL_MS) : 0;
  }

  /** The configuration for new connections with `host`. */
  configFor(host: string): NativeConfig {
    return this.configs.of(host);
  }

  setTicketKey(key: Uint8Array): void {
    this.ticketKey = key;
    this.configs.setTicketKey(key);
  }

  /** Reads the files again; what cannot be used is logged (once per cause) and the old stays. Returns if it changed. */
  async reload(): Promise<boolean> {
    try {
      const material = await loadTlsMaterial(this.source, this.clock);
      this.lastFailure = undefined;
      if (sameMaterial(material, this.material)) return false;
      this.configs = this.build(material);
      this.material = material;
      this.logger.info({ fingerprint: material.identity.fingerprint }, 'certificate files reloaded');
      return true;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message !== this.lastFailure) {
        this.logger.error({ error: message }, 'changed certificate files cannot be used; the old ones stay');
      }
      this.lastFailure = message;
      return false;
    }
  }

  private build(material: TlsMaterial): QuicConfigs {
    try {
      return new QuicConfigs(this.quiche, this.options, material, this.ticketKey);
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : String(cause);
      throw new FlotillaError('CERT_INVALID', `BoringSSL cannot use the certificates: ${detail}`, { cause });
    }
  }
}

const RELOAD_INTERVAL_MS = 5_000;
