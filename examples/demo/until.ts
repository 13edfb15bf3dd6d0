import { setTimeout as wait } from 'node:timers/promises';

/**
 * Resolves when `holds` does.
 *
 * @throws Error when that takes longer than `timeoutMs` (default 15,000)
 */
export async function until(what: string, holds: () => boolean, timeoutMs = 15_000): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`waited ${timeoutMs / 1000} s in vain until ${what}`);
    await wait(5);
  }
}

/** Resolves with what `find` finds; throws as {@link until}. */
export async function untilAsync<T>(what: string, find: () => Promise<T | undefined>, timeoutMs = 15_000): Promise<T> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(`waited ${timeoutMs / 1000} s in vain until ${what}`);
    await wait(50);
  }
}
