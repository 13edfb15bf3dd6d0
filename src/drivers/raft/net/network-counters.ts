/** Plain numbers, increased in place; read them at any time. */
export interface PeerNetworkCounters {
  messagesSent: number;
  messagesReceived: number;
  /** Frames that carried them, and their bytes. */
  framesSent: number;
  framesReceived: number;
  bytesSent: number;
  bytesReceived: number;
  /** Links that could be used, dialed and accepted, and those that broke. */
  linksOpened: number;
  linksBroken: number;
  /** Peers given up because they answered nothing. */
  silences: number;
  /** Peers that came back as another process. */
  restarts: number;
  /** Messages dropped: more bytes waited than the budget allows, or there was no connection. */
  droppedOverBudget: number;
  droppedUnreachable: number;
  /** Messages for a group that does not run here. */
  droppedUnknownGroup: number;
  /** Links and calls refused because the other side belongs to another cluster. */
  refusedCluster: number;
  /** Frames or messages that no correct peer sends. */
  violations: number;
  proposalsForwarded: number;
  proposalsReceived: number;
  snapshotsSent: number;
  snapshotsReceived: number;
  /** Transfers begun again after they broke or stalled, and those of them that went on behind what was there. */
  snapshotRetries: number;
  snapshotsResumed: number;
  /** Plain bytes, and as they were sent. */
  snapshotBytes: number;
  snapshotBytesSent: number;
  snapshotBytesReceived: number;
}

export function newPeerNetworkCounters(): PeerNetworkCounters {
  return {
    messagesSent: 0,
    messagesReceived: 0,
    framesSent: 0,
    framesReceived: 0,
    bytesSent: 0,
    bytesReceived: 0,
    linksOpened: 0,
    linksBroken: 0,
    silences: 0,
    restarts: 0,
    droppedOverBudget: 0,
    droppedUnreachable: 0,
    droppedUnknownGroup: 0,
    refusedCluster: 0,
    violations: 0,
    proposalsForwarded: 0,
    proposalsReceived: 0,
    snapshotsSent: 0,
    snapshotsReceived: 0,
    snapshotRetries: 0,
    snapshotsResumed: 0,
    snapshotBytes: 0,
    snapshotBytesSent: 0,
    snapshotBytesReceived: 0,
  };
}
