import type { EndpointCounters } from '../../ports/index.js';

export function countHandshake(counters: EndpointCounters, resumed: boolean, early: boolean, initiator: boolean): void {
  if (resumed) counters.handshakesResumed += 1;
  else counters.handshakesFull += 1;
  if (resumed && early) counters.handshakesEarlyData += 1;
  if (initiator) counters.connectionsOpened += 1;
  else counters.connectionsAccepted += 1;
}
