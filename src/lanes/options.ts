import { FlotillaError } from '../base/index.js';

/** How one connection's send capacity is divided between the traffic classes. */
export interface SchedulerOptions {
  /**
   * Bytes of the connection's send capacity that data and bulk never use, so that a control frame always finds room.
   * Default 8,192; 0 or more; at most a quarter of the congestion window and two fifths of a datagram are kept
   * whatever is set here, because the window would not grow otherwise.
   *
   * Larger: more control frames leave at once while the connection is saturated. Smaller: more of a small window is
   * left for data. With 0 a control frame may have to wait for an acknowledgement, a round trip.
   */
  readonly controlReserveBytes: number;
  /**
   * Bytes one control or data stream hands over before the next ready stream of its class has its turn. Default
   * 65,536 (one lane frame of the longest size); 1 or more.
   *
   * Larger: fewer, longer hand-overs (one native call each). Smaller: finer shares between streams that are both
   * saturated; a lane frame above it is cut and interleaved with other lanes.
   */
  readonly streamQuantumBytes: number;
  /**
   * Bytes all bulk streams together hand over per turn. Default 65,536; 1 or more.
   *
   * Larger: higher bulk throughput per turn of the event loop. Smaller: a control or data frame that becomes ready
   * right after the hand-over waits less, because that many bytes at most leave before it.
   */
  readonly bulkQuantumBytes: number;
}

export const SCHEDULER_DEFAULTS: SchedulerOptions = {
  controlReserveBytes: 8_192,
  streamQuantumBytes: 65_536,
  bulkQuantumBytes: 65_536,
};

/**
 * Fills in the defaults.
 *
 * @throws FlotillaError `OPTION_INVALID` naming the option, its value and what is allowed
 */
export function checkSchedulerOptions(options: Partial<SchedulerOptions>): SchedulerOptions {
  const checked: SchedulerOptions = { ...SCHEDULER_DEFAULTS, ...options };
  requireInteger('controlReserveBytes', checked.controlReserveBytes, 0);
  requireInteger('streamQuantumBytes', checked.streamQuantumBytes, 1);
  requireInteger('bulkQuantumBytes', checked.bulkQuantumBytes, 1);
  return checked;
}

function requireInteger(name: keyof SchedulerOptions, value: number, min: number): void {
  if (Number.isSafeInteger(value) && value >= min) return;
  throw new FlotillaError('OPTION_INVALID', `${name} is ${value}; it must be a whole number of bytes, ${min} or more`);
}
