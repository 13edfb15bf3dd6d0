import { once } from 'node:events';

/** Resolves when somebody wants this program to stop: Ctrl-C or SIGTERM. */
export async function untilStopped(): Promise<void> {
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
}
