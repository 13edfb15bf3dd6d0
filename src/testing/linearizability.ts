/** An object as it would behave if its operations came one after the other. */
export interface SequentialModel<State, Input, Output> {
  readonly initial: State;
  /**
   * The state after `input`; `undefined` when the object cannot have answered `output` in `state`. With `output`
   * undefined (the caller never heard) every answer is possible.
   */
  step(state: State, input: Input, output: Output | undefined): { readonly state: State } | undefined;
  /** Equal exactly for equal states. */
  keyOf(state: State): string;
}

/** One call as its caller saw it. Times are of one clock, in any unit. */
export interface Operation<Input, Output> {
  readonly client: string | number;
  readonly input: Input;
  /** `undefined`: the outcome is unknown. It may have taken effect at any time since, or may do so later, or never. */
  readonly output: Output | undefined;
  readonly invokedAt: number;
  /** Not looked at when the outcome is unknown. */
  readonly returnedAt: number;
}

/**
 * - `linearizable`: there is an order of the operations that the model allows and that contradicts no one's clock
 * - `violated`: there is none; `linearized` is the longest beginning of an order that was found, `stuck` are the
 *   operations of which none can come next
 * - `undecided`: more than `stepsMax` steps
 */
export type LinearizabilityResult<Input, Output> =
  | { readonly verdict: 'linearizable'; readonly steps: number }
  | {
      readonly verdict: 'violated';
      readonly steps: number;
      readonly linearized: readonly Operation<Input, Output>[];
      readonly stuck: readonly Operation<Input, Output>[];
    }
  | { readonly verdict: 'undecided'; readonly steps: number };

export interface LinearizabilityOptions {
  /**
   * Operations tried before the answer is `undecided`. Default 1,000,000, about a second and at most some hundred
   * megabytes. The problem is NP-complete: what makes it hard is many operations at the same time, above all those
   * of unknown outcome.
   */
  readonly stepsMax?: number;
}

/**
 * Whether a history is linearizable (Herlihy and Wing, 1990): the search of Wing and Gong ("Testing and verifying
 * concurrent objects", 1993) with the memory of Lowe ("Testing for linearizability", 2017), as in Porcupine. Operations
 * that touch at one instant count as concurrent. Check objects that do not depend on one another (keys) separately:
 * a history is linearizable when each object's is, and each is far easier.
 */
export function checkLinearizable<State, Input, Output>(
  operations: readonly Operation<Input, Output>[],
  model: SequentialModel<State, Input, Output>,
  options: LinearizabilityOptions = {},
): LinearizabilityResult<Input, Output> {
  return new Search(operations, model).run(options.stepsMax ?? STEPS_MAX_DEFAULT);
}

/** A call, or the return of one, in a list ordered by time. Linearized operations are taken out. */
interface Mark<Input, Output> {
  readonly operation: Operation<Input, Output>;
  readonly number: number;
  readonly isCall: boolean;
  /** Of a call: its return, unless the outcome is unknown. */
  end: Mark<Input, Output> | undefined;
  before: Mark<Input, Output> | undefined;
  after: Mark<Input, Output> | undefined;
}

class Search<State, Input, Output> {
  private readonly model: SequentialModel<State, Input, Output>;
  private readonly head: Mark<Input, Output>;
  /** Operations whose outcome is known and that have no place in the order yet. */
  private open = 0;
  private readonly order: { readonly call: Mark<Input, Output>; readonly before: State }[] = [];
  private longest: readonly Operation<Input, Output>[] = [];
  private stuck: readonly Operation<Input, Output>[] = [];
  /** Which operations are in the order, as bits. */
  private readonly done: Uint32Array;
  /** The same operations in another order with the same state lead nowhere new. */
  private readonly seen = new Set<string>();

  constructor(operations: readonly Operation<Input, Output>[], model: SequentialModel<State, Input, Output>) {
    this.model = model;
    this.done = new Uint32Array((operations.length >>> 5) + 1);
    this.head = this.listOf(operations);
  }

  run(stepsMax: number): LinearizabilityResult<Input, Output> {
    let state = this.model.initial;
    let mark = this.head.after;
    let steps = 0;
    // What is left when all known outcomes have their place can have happened last.
    while (this.open > 0 && mark !== undefined) {
      if (mark.isCall) {
        steps += 1;
        if (steps > stepsMax) return { verdict: 'undecided', steps };
        const next = this.model.step(state, mark.operation.input, mark.operation.output);
        if (next !== undefined && this.isNew(mark.number, next.state)) {
          this.order.push({ call: mark, before: state });
          state = next.state;
          this.takeOut(mark);
          mark = this.head.after;
        } else mark = mark.after;
        continue;
      }
      // Somebody had the answer by now, and no operation that could be next makes it possible.
      this.noteStuck();
      const last = this.order.pop();
      if (last === undefined) return { verdict: 'violated', steps, linearized: this.longest, stuck: this.stuck };
      state = last.before;
      this.putBack(last.call);
      mark = last.call.after;
    }
    return { verdict: 'linearizable', steps };
  }

  private listOf(operations: readonly Operation<Input, Output>[]): Mark<Input, Output> {
    const marks: { readonly at: number; readonly mark: Mark<Input, Output> }[] = [];
    for (const [number, operation] of operations.entries()) {
      const call = newMark(operation, number, true);
      marks.push({ at: operation.invokedAt, mark: call });
      if (operation.output === undefined) continue;
      this.open += 1;
      call.end = newMark(operation, number, false);
      marks.push({ at: operation.returnedAt, mark: call.end });
    }
    marks.sort((a, b) => a.at - b.at || Number(b.mark.isCall) - Number(a.mark.isCall));
    const head = newMark<Input, Output>(undefined as never, -1, true);
    let last = head;
    for (const { mark } of marks) {
      last.after = mark;
      mark.before = last;
      last = mark;
    }
    return head;
  }

  /** Marks the operation as done if it leads somewhere new. */
  private isNew(number: number, state: State): boolean {
    const word = number >>> 5;
    const bit = 1 << (number & 31);
    this.done[word] = (this.done[word] as number) | bit;
    const place = `${this.done.join()}:${this.model.keyOf(state)}`;
    if (!this.seen.has(place)) {
      this.seen.add(place);
      return true;
    }
    this.done[word] = (this.done[word] as number) & ~bit;
    return false;
  }

  private takeOut(call: Mark<Input, Output>): void {
    unlink(call);
    if (call.end === undefined) return;
    unlink(call.end);
    this.open -= 1;
  }

  /** In the reverse order of `takeOut`, so that the neighbours are the ones it had then. */
  private putBack(call: Mark<Input, Output>): void {
    const word = call.number >>> 5;
    this.done[word] = (this.done[word] as number) & ~(1 << (call.number & 31));
    if (call.end !== undefined) {
      relink(call.end);
      this.open += 1;
    }
    relink(call);
  }

  private noteStuck(): void {
    if (this.order.length < this.longest.length) return;
    this.longest = this.order.map(({ call }) => call.operation);
    const stuck: Operation<Input, Output>[] = [];
    for (let mark = this.head.after; mark?.isCall === true; mark = mark.after) stuck.push(mark.operation);
    this.stuck = stuck;
  }
}

function newMark<Input, Output>(
  operation: Operation<Input, Output>,
  number: number,
  isCall: boolean,
): Mark<Input, Output> {
  return { operation, number, isCall, end: undefined, before: undefined, after: undefined };
}

function unlink<Input, Output>(mark: Mark<Input, Output>): void {
  if (mark.before !== undefined) mark.before.after = mark.after;
  if (mark.after !== undefined) mark.after.before = mark.before;
}

function relink<Input, Output>(mark: Mark<Input, Output>): void {
  if (mark.before !== undefined) mark.before.after = mark;
  if (mark.after !== undefined) mark.after.before = mark;
}

const STEPS_MAX_DEFAULT = 1_000_000;
