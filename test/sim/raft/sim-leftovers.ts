import { systemCrc32 } from '../../../src/io/disk/index.js';
import type { LogEntry, LogIndex, Term } from '../../../src/ports/index.js';
import { LogShape, LogWriter } from '../../../src/wal/index.js';

/** A segment full of small records of an earlier log: what a file that is used again holds behind its new records. */
export function earlierSegment(sizeBytes: number, incarnation: number): Buffer {
  const shape = new LogShape(0 as LogIndex, 0 as Term);
  const writer = new LogWriter({ shape, hardState: undefined, segment: undefined }, systemCrc32);
  const segment = Buffer.alloc(sizeBytes);
  segment.set(writer.roll({ group: 0, incarnation, sizeBytes }));
  for (let index = 1; ; index += 1) {
    const data = Buffer.alloc(index % 60, index);
    const entry: LogEntry = { index: index as LogIndex, term: 1 as Term, type: 'commands', data };
    const batch = { snapshot: undefined, entries: [entry], hardState: undefined };
    if (!writer.fits(batch)) return segment;
    writer.add(batch);
    const { bytes, position } = writer.take();
    segment.set(bytes, position);
    writer.written();
  }
}
