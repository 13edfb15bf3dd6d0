import { type ClusterClient, RpcError } from 'flotilla-rpc';
import { type Tick, Ticks } from './tick-service.js';

// ANCHOR: reader
/**
 * Ticks from the first one on, whatever happens to workers: when the stream ends, fails or falls silent, another worker
 * goes on after the last tick that arrived. Ends when `signal` is aborted.
 *
 * @param silenceMs time without a tick after which the worker is left
 */
export async function* ticks(client: ClusterClient, silenceMs: number, signal: AbortSignal): AsyncGenerator<Tick> {
  let resumeToken: string | undefined;
  while (!signal.aborted) {
    const silent = new AbortController();
    let timer = setTimeout(() => silent.abort(), silenceMs);
    const options = { waitForReady: true, signal: AbortSignal.any([signal, silent.signal]) };
    try {
      for await (const tick of client.service(Ticks).follow({ resumeToken }, options)) {
        clearTimeout(timer);
        resumeToken = tick.resumeToken;
        yield tick;
        timer = setTimeout(() => silent.abort(), silenceMs);
      }
    } catch (error) {
      if (!silent.signal.aborted && !signal.aborted && !RpcError.from(error).retryable) throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}
// ANCHOR_END: reader
