import { type ClusterClient, type Headers, RpcError } from 'flotilla-rpc';
import { Archive, type Page } from './service.js';

// ANCHOR: client
/** Many messages from the worker. Leaving the loop cancels the call: the worker stops. */
export async function firstPages(client: ClusterClient, count: number): Promise<Page[]> {
  const pages: Page[] = [];
  for await (const page of client.service(Archive).pages({ from: 1 })) {
    if (pages.push(page) >= count) break;
  }
  return pages;
}

/** Many messages to the worker, from anything iterable, which is asked for more only as the worker takes them. */
export async function sha256(client: ClusterClient, chunks: Iterable<Uint8Array>): Promise<string> {
  const digest = await client.service(Archive).digest(chunks, { timeoutMs: 10_000 });
  return digest.sha256;
}

/** Both at once: the first answers come while later chunks still go out. */
export async function compressed(client: ClusterClient, chunks: Iterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of client.service(Archive).compress(chunks)) parts.push(part);
  return Buffer.concat(parts);
}
// ANCHOR_END: client

// ANCHOR: resume
/**
 * The pages from one on, whatever happens to workers. A stream that has begun to deliver is not repeated by itself: only
 * the program knows from where to go on. Here that is the next page, and any worker has it.
 */
export async function* pagesFrom(
  client: ClusterClient,
  from: number,
  onHeaders: (headers: Headers) => void,
): AsyncGenerator<Page> {
  let next = from;
  for (;;) {
    try {
      for await (const page of client.service(Archive).pages({ from: next }, { onHeaders, waitForReady: true })) {
        yield page;
        next = page.number + 1;
      }
      return;
    } catch (error) {
      if (!RpcError.from(error).retryable) throw error;
    }
  }
}
// ANCHOR_END: resume
