import type { EndpointCounters } from '../../ports/index.js';

export function newCounters(): EndpointCounters {
  return {
    datagramsReceived: 0,
    datagramsSent: 0,
    bytesReceived: 0,
    bytesSent: 0,
    droppedMalformed: 0,
    droppedSmallInitial: 0,
    droppedUnknownConnection: 0,
    droppedAddressMismatch: 0,
    droppedOverLimit: 0,
    retriesSent: 0,
    versionNegotiationsSent: 0,
    connectionsAccepted: 0,
    connectionsOpened: 0,
    connectionsRefused: 0,
    connectionsClosed: 0,
    handshakesFull: 0,
    handshakesResumed: 0,
    handshakesEarlyData: 0,
    handshakesFailed: 0,
  };
}

export function countHandshake(counters: EndpointCounters, resumed: boolean, early: boolean, initiator: boolean): void {
  if (resumed) counters.handshakesResumed += 1;
  else counters.handshakesFull += 1;
  if (resumed && early) counters.handshakesEarlyData += 1;
  if (initiator) counters.connectionsOpened += 1;
  else counters.connectionsAccepted += 1;
}
