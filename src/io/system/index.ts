export { letHeapGrow } from './heap-growth.js';
export { systemLoopMeter } from './loop-meter.js';
export { systemClock } from './system-clock.js';
export { systemRandom } from './system-random.js';
export { startWatchdog, type WatchdogOptions } from './watchdog.js';
