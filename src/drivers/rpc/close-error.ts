import { RPC_REASONS, RpcError, type RpcReason } from '../../base/index.js';
import type { CloseReason } from '../../ports/index.js';

/**
 * The error of a call that was in progress when its connection ended. One that was sent as 0-RTT data may have been
 * executed although the handshake was never completed.
 */
export function lostCallError(reason: CloseReason, target: string, maybeExecuted: boolean): RpcError {
  if (!reason.wasOpen && !maybeExecuted) return connectError(reason, target);
  const how = ENDINGS[reason.by];
  return RpcError.of(
    'CONNECTION_LOST',
    `the connection to ${target} ${how} (${reason.message}); the call ${maybeExecuted ? 'may have been executed' : 'was not sent'}`,
    {
      maybeExecuted,
      details: { by: reason.by, closeCode: reason.code },
    },
  );
}

/** The error of a call for which no connection could be made. */
export function connectError(reason: CloseReason, target: string): RpcError {
  const known = Object.hasOwn(RPC_REASONS, reason.reason) ? (reason.reason as RpcReason) : 'CONNECT_FAILED';
  const row = known === 'UNAUTHENTICATED' ? known : 'CONNECT_FAILED';
  return RpcError.of(row, `cannot connect to ${target}: ${reason.message}`, { maybeExecuted: false });
}

const ENDINGS: Readonly<Record<CloseReason['by'], string>> = {
  local: 'was closed here',
  peer: 'was closed by the peer',
  timeout: 'timed out',
  transport: 'broke',
};
