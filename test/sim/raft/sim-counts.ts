/** What happened in a run: shows that a run was about something. */
export const NO_COUNTS = {
  events: 0,
  messages: 0,
  elections: 0,
  configs: 0,
  transfers: 0,
  starts: 0,
  stops: 0,
  recycledSegments: 0,
  tornTails: 0,
  damagedTails: 0,
  damagedLogs: 0,
  damagedSnapshots: 0,
  replaced: 0,
  diskFailures: 0,
  fullDisks: 0,
  snapshotsSaved: 0,
  snapshotsSent: 0,
  snapshotsBroken: 0,
  compactions: 0,
  writes: 0,
  swaps: 0,
  reads: 0,
  leaseReads: 0,
  retries: 0,
  unknown: 0,
  undecided: 0,
};

export type SimCounts = { -readonly [K in keyof typeof NO_COUNTS]: number };

export function addCounts(total: SimCounts, more: SimCounts): void {
  for (const key of Object.keys(total) as (keyof SimCounts)[]) total[key] += more[key];
}
