import { FlotillaError, formatAddress, RpcError, type SocketAddress } from '../base/index.js';
import { type AdmissionReply, type AdmissionRequest, pause } from '../client/index.js';
import type { Clock, Logger, Random } from '../ports/index.js';
import { backoffMs } from '../rpc/index.js';

export interface JoiningDependencies {
  /** Directors of the cluster; any of them will do. */
  readonly directors: readonly SocketAddress[];
  readonly request: AdmissionRequest;
  readonly ask: (address: SocketAddress, request: AdmissionRequest) => Promise<AdmissionReply>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** 0 waits for ever. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Asks the cluster what this director is in it.
 *
 * @throws FlotillaError `NOT_ADMITTED`, `MEMBER_DATA_LOST`, `PEERS_UNREACHABLE`, `CLOSED`
 */
export async function askForAdmission(deps: JoiningDependencies): Promise<AdmissionReply> {
  const { directors, request, clock, random, logger, timeoutMs, signal } = deps;
  const deadlineMs = timeoutMs === 0 ? Number.POSITIVE_INFINITY : clock.nowMs() + timeoutMs;
  for (let attempt = 0; ; attempt += 1) {
    const address = directors[attempt % directors.length] as SocketAddress;
    try {
      return await deps.ask(address, request);
    } catch (thrown) {
      const error = RpcError.from(thrown);
      const final = refusal(error);
      if (final !== undefined) throw final;
      if (signal.aborted) throw new FlotillaError('CLOSED', 'the director was closed before it had joined');
      if (clock.nowMs() >= deadlineMs) {
        const names = directors.map(formatAddress).join(', ');
        const message = `no director of the cluster answered within ${timeoutMs} ms (tried ${names}): ${error.message}`;
        throw new FlotillaError('PEERS_UNREACHABLE', message, { cause: error });
      }
      logger.debug({ director: formatAddress(address), error: error.message }, 'not admitted yet, trying again');
    }
    const round = Math.floor(attempt / directors.length);
    await pause(clock, backoffMs(ASK_BACKOFF, round, random.float()), signal);
  }
}

/** What asking again does not change. */
function refusal(error: RpcError): FlotillaError | undefined {
  const { message } = error;
  if (error.reason === 'MEMBER_UNKNOWN') return new FlotillaError('NOT_ADMITTED', message, { cause: error });
  if (error.reason === 'MEMBER_CLAIMED') return new FlotillaError('MEMBER_DATA_LOST', message, { cause: error });
  if (error.reason === 'FORBIDDEN' || error.reason === 'UNAUTHENTICATED') {
    return new FlotillaError(error.reason, message, { cause: error });
  }
  return undefined;
}

const ASK_BACKOFF = { baseMs: 50, maxMs: 1_000 };
