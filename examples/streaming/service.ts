import { bidiStream, clientStream, defineService, serverStream } from 'flotilla-rpc';

export interface Page {
  readonly number: number;
  readonly text: string;
}

// ANCHOR: service
export const Archive = defineService('archive', {
  /** The pages of a book that has no end, from one on. */
  pages: serverStream<{ from: number }, Page>({ idempotent: true }),
  /** How many bytes came, and their hash. */
  digest: clientStream<Uint8Array, { bytes: number; sha256: string }>(),
  /** Answers each chunk, as it comes, with its compressed form. */
  compress: bidiStream<Uint8Array, Uint8Array>(),
});
// ANCHOR_END: service
