import { printError } from './output.js';

export interface StopOptions {
  /** Also stop when the IPC channel to the parent process closes: the parent is gone. */
  readonly withParent?: boolean;
  /** Called before a second signal ends the process at once. */
  readonly onForce?: () => void;
}

/** Waits for the wish that this process stop: SIGTERM, SIGINT (Ctrl-C) or SIGHUP; a second one ends it with code 1. */
export class StopRequest {
  /** Resolves with what asked for it. */
  readonly requested: Promise<string>;
  private resolve: (cause: string) => void = () => undefined;
  private cause: string | undefined;
  private readonly onForce: () => void;
  private readonly onSignal = (signal: NodeJS.Signals): void => this.stop(signal);

  constructor({ withParent = false, onForce = () => undefined }: StopOptions = {}) {
    this.onForce = onForce;
    this.requested = new Promise((resolve) => {
      this.resolve = resolve;
    });
    for (const signal of SIGNALS) process.on(signal, this.onSignal);
    if (withParent) this.watchParent();
  }

  get isRequested(): boolean {
    return this.cause !== undefined;
  }

  /** Signals have their usual effect again. */
  release(): void {
    for (const signal of SIGNALS) process.off(signal, this.onSignal);
  }

  private watchParent(): void {
    const gone = (): void => {
      if (!this.isRequested) this.request('the end of the parent process');
    };
    if (process.connected === true) process.once('disconnect', gone);
    else gone();
    // The channel is there to be closed, not to keep this process running.
    process.channel?.unref();
  }

  private stop(signal: NodeJS.Signals): void {
    if (!this.isRequested) {
      this.request(signal);
      return;
    }
    printError(`flotilla: ${signal} again: ending at once`);
    this.onForce();
    process.exit(1);
  }

  private request(cause: string): void {
    this.cause = cause;
    this.resolve(cause);
  }
}

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
