/** Who hears of an answer; one of the two is called, once. */
export interface AnswerListener<Out> {
  answered(value: Out): void;
  failed(error: unknown): void;
}

/**
 * What a unary handler may return instead of a promise when somebody calls it back later: it costs one object, and the
 * reply is written within the callback, not in a microtask. Whoever awaits it gets a promise all the same.
 */
export class PendingAnswer<Out> implements PromiseLike<Out> {
  private listener: AnswerListener<Out> | undefined;
  private state: 'pending' | 'answered' | 'failed' = 'pending';
  private result: unknown;

  /** The first end counts. */
  resolve(value: Out): void {
    this.settle('answered', value);
  }

  reject(error: unknown): void {
    this.settle('failed', error);
  }

  /** Tells `listener` of the end, at once if it was before. There is only one listener. */
  listen(listener: AnswerListener<Out>): void {
    this.listener = listener;
    if (this.state !== 'pending') this.tell(listener);
  }

  // biome-ignore lint/suspicious/noThenProperty: to be awaited is the purpose
  then<A = Out, B = never>(
    onAnswer?: ((value: Out) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return new Promise<Out>((answered, failed) => this.listen({ answered, failed })).then(onAnswer, onError);
  }

  private settle(state: 'answered' | 'failed', result: unknown): void {
    if (this.state !== 'pending') return;
    this.state = state;
    this.result = result;
    if (this.listener !== undefined) this.tell(this.listener);
  }

  private tell(listener: AnswerListener<Out>): void {
    if (this.state === 'answered') listener.answered(this.result as Out);
    else listener.failed(this.result);
  }
}
