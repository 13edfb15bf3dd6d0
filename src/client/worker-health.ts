import type { RpcError } from '../base/index.js';
import type { MethodRef } from '../rpc/index.js';
import { isAnswer } from './failure.js';
import type { Settle } from './node-channel.js';
import { NodeService } from './protocol/index.js';
import type { WorkerLink } from './worker-link.js';

/**
 * Finds out that a worker has died without a word: when calls are outstanding and none is answered for a while, it is
 * pinged on the control lane. Without an answer it is `suspected` (new calls prefer others, idempotent ones in progress are sent to others too), and after a longer while
 * `dead`. Loads that it reported are forgotten when they are old.
 */
export class WorkerHealth implements Settle {
  private readonly link: WorkerLink;
  private answersSeen = 0;
  private reviewedAtMs: number;
  /** Time without an answer while one was due, as far as this process was awake. */
  private silentMs = 0;
  private loadAgeMs = 0;
  private probing = false;

  constructor(link: WorkerLink, nowMs: number) {
    this.link = link;
    this.reviewedAtMs = nowMs;
  }

  /** To be called every 100 ms or so. */
  review(nowMs: number): 'fine' | 'suspected' | 'dead' {
    const { link } = this;
    // Counted in small steps: after a pause of our own process the answers that came meanwhile are not read yet.
    const stepMs = Math.min(nowMs - this.reviewedAtMs, STEP_MAX_MS);
    this.reviewedAtMs = nowMs;
    if (link.answers !== this.answersSeen) {
      this.loadAgeMs = 0;
      this.heard();
      return 'fine';
    }
    this.loadAgeMs += stepMs;
    if (this.loadAgeMs > LOAD_VALID_MS) link.othersLoad = 0;
    // Without a connection there is nothing to expect: that is the channel's concern.
    if (link.channel.state !== 'ready' || (link.outstanding === 0 && !link.suspected)) {
      this.heard();
      return 'fine';
    }
    this.silentMs += stepMs;
    if (this.silentMs >= SILENCE_MS && !this.probing) this.probe();
    if (!link.suspected) return 'fine';
    return this.silentMs >= DEAD_MS ? 'dead' : 'suspected';
  }

  /** The ping was answered. */
  resolve(): void {
    this.probing = false;
    this.heard();
  }

  /** It was not, or with an error, which is an answer too. */
  reject(error: RpcError): void {
    this.probing = false;
    if (isAnswer(error)) this.heard();
    else if (error.reason === 'DEADLINE') this.link.suspect(true);
  }

  private probe(): void {
    this.probing = true;
    this.link.channel.begin(PING, {}, PING_OPTIONS, this);
  }

  private heard(): void {
    this.answersSeen = this.link.answers;
    this.silentMs = 0;
    this.link.suspect(false);
  }
}

const PING: MethodRef = { name: 'flotilla.node.ping', definition: NodeService.methods.ping };
/** Without an answer to any call for so long, a worker is pinged. */
const SILENCE_MS = 300;
const PING_OPTIONS = { timeoutMs: 500, priority: 'control' } as const;
/** Longer than any pause of a healthy process; every call that waits for a dead one waits so long. */
const DEAD_MS = 5_000;
/** A load that a worker reported says nothing about now after this long. */
const LOAD_VALID_MS = 1_000;
const STEP_MAX_MS = 200;
