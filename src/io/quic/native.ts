import type { Config, Connection, ConnectionError, Quiche as QuicheBindings } from '@matrixai/quic/native/index.js';
import { FlotillaError } from '../../base/index.js';

// Not from the package's root: its declarations have errors under TypeScript 5.9, which whoever compiles against
// Flotilla without `skipLibCheck` would get to read.

/** The bindings of quiche 0.18 and BoringSSL. */
export type Quiche = QuicheBindings;
export type NativeConnection = Connection;
export type NativeConfig = Config;
export type NativeConnectionError = ConnectionError;

/** `streamShutdown` directions (a const enum of the binding that exists only as types). */
export const SHUTDOWN_READ = 0;
export const SHUTDOWN_WRITE = 1;

let loading: Promise<Quiche> | undefined;

/**
 * Loads the native addon once per process. This is the only file that names the package, so that a newer binding can
 * replace it here.
 *
 * @throws FlotillaError `NATIVE_UNAVAILABLE` when the addon does not exist for this platform or does not load
 */
export function loadNative(): Promise<Quiche> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Quiche> {
  try {
    // Not the package's root, which loads its stream classes and all they stand on: 20 times the time, 9 MB of memory.
    const { quiche } = await import('@matrixai/quic/native/index.js');
    return quiche;
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new FlotillaError(
      'NATIVE_UNAVAILABLE',
      `the native QUIC addon does not load on ${process.platform}-${process.arch}, Node.js ${process.version}: ${detail}`,
      { cause },
    );
  }
}
