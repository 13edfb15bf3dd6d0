import { expect } from 'chai';

/** Checks that a promise rejects with an `Error` of that message and code. */
export async function rejects(promise: PromiseLike<unknown>, message: RegExp, code?: string): Promise<void> {
  let failure: unknown;
  try {
    await promise;
  } catch (error) {
    failure = error;
  }
  expect(failure).to.be.instanceOf(Error);
  expect((failure as Error).message).to.match(message);
  if (code !== undefined) expect(failure).to.have.property('code', code);
}
