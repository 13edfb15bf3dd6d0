import type { Clock, Timer } from '../../ports/index.js';

/** The operating system's clocks and Node's timers. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer(delayMs, fire, options): Timer {
    const handle = setTimeout(fire, delayMs);
    if (options?.unref === true) handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};
