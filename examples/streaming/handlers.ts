import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type Implementation, implement } from 'flotilla-rpc';
import { Archive } from './service.js';

/** @param report hears how each stream of pages ended at worker `id` */
export function archive(id: string, report: (text: string) => void): Implementation {
  // ANCHOR: handlers
  return implement(Archive, {
    async *pages({ from }, context) {
      context.setHeader('served-by', id);
      let number = from;
      try {
        for (; ; number++) yield { number, text: textOf(number) }; // a yield waits while the reader is behind
      } finally {
        report(`${id}: made pages ${from} to ${number}, then ${context.signal.reason.reason}`);
      }
    },

    async digest(chunks) {
      const hash = createHash('sha256');
      let bytes = 0;
      for await (const chunk of chunks) {
        hash.update(chunk);
        bytes += chunk.length;
      }
      return { bytes, sha256: hash.digest('hex') };
    },

    async *compress(chunks) {
      for await (const chunk of chunks) yield gzipSync(chunk);
    },
  });
  // ANCHOR_END: handlers
}

/** 16 KiB that any worker makes the same way. */
export function textOf(page: number): string {
  return `This is page ${page}. `.repeat(2 ** 14).slice(0, 2 ** 14);
}
