import type { DirectorClient, GroupStatus } from '../../index.js';
import { formatDuration } from '../format-duration.js';
import { ProgressLine } from '../progress-line.js';

/** Shows how far a learner is while somebody waits for it to vote. */
export class CatchUpWatch {
  private readonly client: DirectorClient;
  private readonly id: string;
  private readonly leader: string;
  private readonly line = new ProgressLine();
  private timer: NodeJS.Timeout | undefined;
  private isStopped = false;

  /** @param leader the director that knows, `HOST:PORT` */
  constructor(client: DirectorClient, id: string, leader: string) {
    this.client = client;
    this.id = id;
    this.leader = leader;
  }

  start(): void {
    this.timer = setTimeout(() => void this.look(), INTERVAL_MS);
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
    this.line.end();
  }

  private async look(): Promise<void> {
    try {
      const { groups } = await this.client.status(this.leader, { timeoutMs: ASK_TIMEOUT_MS });
      const texts = groups.flatMap((group) => catchUpText(group, this.id) ?? []);
      if (!this.isStopped && texts[0] !== undefined) this.line.show(texts[0]);
    } catch {
      // The change itself says what is wrong.
    }
    if (!this.isStopped) this.start();
  }
}

/** How far a learner is; `undefined` when it need not be waited for, or the group's leader was not the one asked. */
export function catchUpText({ members, lastIndex, snapshotIndex }: GroupStatus, id: string): string | undefined {
  const member = members.find(({ node }) => node === id);
  if (member?.match === undefined || member.isCaughtUp === true) return undefined;
  const silentMs = member.silentMs ?? 0;
  if (silentMs > SILENT_MS) {
    return `waiting for ${id}, which has not been heard of for ${formatDuration(silentMs)}: is it started?`;
  }
  const share = lastIndex === 0 ? 100 : Math.floor((100 * member.match) / lastIndex);
  const what = member.match < snapshotIndex ? 'is getting the snapshot, then the log' : 'catches up';
  return `${id} ${what}: entry ${member.match.toLocaleString('en')} of ${lastIndex.toLocaleString('en')} (${share}%)`;
}

const INTERVAL_MS = 250;
const ASK_TIMEOUT_MS = 2_000;
const SILENT_MS = 3_000;
