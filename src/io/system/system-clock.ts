import type { Clock, Timer } from '../../ports/index.js';

/** The operating system's clocks and Node's timers. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer(delayMs, fire, options): Timer {
    let handle: NodeJS.Timeout;
    const arm = (leftMs: number) => {
      // Node fires a longer delay at once.
      if (leftMs > DELAY_MS_MAX) handle = setTimeout(arm, DELAY_MS_MAX, leftMs - DELAY_MS_MAX);
      else handle = setTimeout(fire, leftMs);
      if (options?.unref === true) handle.unref();
    };
    arm(delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};

/** The longest delay of Node's timers: 24.8 days. */
const DELAY_MS_MAX = 0x7fff_ffff;
