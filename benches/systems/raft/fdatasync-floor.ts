import { fdatasyncSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { LatencyRecorder } from '../../harness/latency.js';
import type { Figure } from '../../harness/row.js';

/**
 * What the disk gives a single writer: writes of one log record into a file that is there already, each made durable
 * before the next. No store that keeps its promise does better for one writer at a time.
 */
export async function measureFdatasync(dir: string, forMs: number): Promise<Figure[]> {
  const file = await open(join(dir, 'fdatasync-floor'), 'w+');
  try {
    await file.write(Buffer.alloc(FILE_BYTES));
    await file.sync();
    const record = Buffer.alloc(RECORD_BYTES, 0x61);
    const latency = new LatencyRecorder();
    const startMs = performance.now();
    let at = 0;
    let nowMs = startMs;
    while (nowMs - startMs < forMs) {
      writeSync(file.fd, record, 0, record.length, at);
      fdatasyncSync(file.fd);
      at = (at + RECORD_BYTES) % (FILE_BYTES - RECORD_BYTES);
      const endMs = performance.now();
      latency.record(endMs - nowMs);
      nowMs = endMs;
    }
    return [
      { metric: 'opsPerS', value: latency.count / ((nowMs - startMs) / 1000), unit: 'ops/s' },
      ...latency.figures(),
    ];
  } finally {
    await file.close();
  }
}

const FILE_BYTES = 16 * 1024 * 1024;
/** A key, a value and what a log writes around them. */
const RECORD_BYTES = 328;
