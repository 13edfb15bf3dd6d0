/** A broken promise of our own code (never of a peer): stays on in production. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** Throws unless `condition` holds; `expected` says what should have been true. */
export function assert(condition: boolean, expected: string): asserts condition {
  if (!condition) throw new AssertionError(`expected: ${expected}`);
}

/** For the default branch of a switch over a closed union. */
export function unreachable(value: never): never {
  throw new AssertionError(`expected: an exhaustive switch, got ${JSON.stringify(value)}`);
}
