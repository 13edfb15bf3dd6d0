import { type NodeId, RpcError } from '../../base/index.js';
import { encodeWatchMessage } from '../../kv/index.js';
import type { Clock, CommandSettle } from '../../ports/index.js';
import { type CallContext, type Implementation, implement, PendingAnswer } from '../../rpc/index.js';
import { linkSignals } from './linked-signals.js';
import { CONSISTENCIES, LEADER_HEADER, MetadataService, type WatchStart } from './metadata-service.js';
import type { MetadataStore } from './metadata-store.js';
import { consistencyUnder } from './read-policy.js';
import { watchStream } from './watch-stream.js';

export interface MetadataHandlersDependencies {
  readonly store: MetadataStore;
  readonly clock: Clock;
  /** `HOST:PORT` at which clients reach a director; `undefined` when that is not known. */
  addressOf(director: NodeId): string | undefined;
  /** `HOST:PORT` of all directors. */
  directors(): readonly string[];
  /** Aborted when the director begins to drain: ends the watches, which go on at another director. */
  readonly ending: AbortSignal;
  /** How often a watch says something when nothing changes, in milliseconds. Default 1,000; clients wait for four. */
  readonly heartbeatMs?: number | undefined;
}

/** What a director serves of the metadata store; see {@link MetadataService}. */
export function implementMetadata(deps: MetadataHandlersDependencies): Implementation {
  const { store } = deps;
  const hint = (context: CallContext): void => {
    const { isLeading, leader } = store.group.leadership;
    const address = isLeading || leader === undefined ? undefined : deps.addressOf(leader);
    if (address !== undefined) context.setHeader(LEADER_HEADER, address);
  };
  return implement(MetadataService, {
    execute: (request, context) => {
      checkBytes(request);
      hint(context);
      const options = { timeoutMs: context.remainingMs() ?? TIMEOUT_MS };
      const answer = new CommandAnswer();
      store.submitEncoded(request, options, answer);
      return answer;
    },
    executeAll: (requests, context) => {
      checkBytes(requests);
      hint(context);
      const options = { timeoutMs: context.remainingMs() ?? TIMEOUT_MS };
      const answer = new CommandAnswer();
      store.submitAllEncoded(requests, options, answer);
      return answer;
    },
    range: (input, context) => {
      checkBytes(input);
      const asked = CONSISTENCIES[input[0] ?? -1];
      if (asked === undefined) throw RpcError.of('INPUT_INVALID', 'the first byte names no consistency');
      const consistency = consistencyUnder(store.readPolicy, asked);
      const request = input.subarray(1);
      if (consistency === 'eventual') return store.machine.rangeEncoded(request);
      hint(context);
      const options = { consistency, timeoutMs: context.remainingMs() ?? TIMEOUT_MS };
      return store.rangeEncoded(request, options).catch((error: unknown) => {
        throw forClients(RpcError.from(error));
      });
    },
    watch: (start, context) => watchBytes(deps, start, context),
    leader: () => {
      const { leader, term } = store.group.leadership;
      const address = leader === undefined ? undefined : deps.addressOf(leader);
      return { ...(address === undefined ? {} : { leader: address }), term, directors: deps.directors() };
    },
  });
}

async function* watchBytes(
  deps: MetadataHandlersDependencies,
  start: WatchStart,
  context: CallContext,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { store, clock, ending, heartbeatMs = HEARTBEAT_MS } = deps;
  const { from, to, fromRevision, withPrevious } = start;
  const request = { range: { from, to }, fromRevision, withPrevious };
  const { signal, unlink } = linkSignals(context.signal, ending);
  try {
    for await (const message of watchStream({ store, clock, request, origin: 'user', signal, heartbeatMs })) {
      yield* encodeWatchMessage(message, MESSAGE_BYTES);
    }
  } catch (error) {
    throw forClients(RpcError.from(error));
  } finally {
    unlink();
  }
}

class CommandAnswer extends PendingAnswer<Uint8Array> implements CommandSettle {
  override reject(error: RpcError): void {
    super.reject(forClients(error));
  }
}

/** That this director closes is no end for its clients: another one goes on, and what was not proposed can be repeated there. */
function forClients(error: RpcError): RpcError {
  if (error.reason !== 'CLOSED') return error;
  const reason = error.maybeExecuted ? 'PROPOSAL_UNKNOWN' : 'NO_LEADER';
  return RpcError.of(reason, 'the director is closing; another one goes on', { cause: error });
}

/** @throws RpcError `INPUT_INVALID` */
function checkBytes(input: unknown): asserts input is Uint8Array {
  if (!(input instanceof Uint8Array)) throw RpcError.of('INPUT_INVALID', 'the metadata service takes bytes');
}

const TIMEOUT_MS = 10_000;
const HEARTBEAT_MS = 1_000;
/** With the longest event (a value, the one before it and their key) still a message of the default size. */
const MESSAGE_BYTES = 1024 * 1024;
