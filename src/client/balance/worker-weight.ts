import { FlotillaError } from '../../base/index.js';

/**
 * How many calls a worker should get compared with others, from its tag `weight`: 1 without the tag, 4 for four times as
 * many. What cannot be read counts as 1; `checkWeight` tells the worker itself.
 */
export function workerWeight(tags: Readonly<Record<string, string>>): number {
  return (Object.hasOwn(tags, WEIGHT_TAG) ? readWeight(tags[WEIGHT_TAG] as string) : undefined) ?? 1;
}

/** @throws FlotillaError `OPTION_INVALID` when there is a tag `weight` that is no weight */
export function checkWeight(tags: Readonly<Record<string, string>>): void {
  const text = Object.hasOwn(tags, WEIGHT_TAG) ? tags[WEIGHT_TAG] : undefined;
  if (text === undefined || readWeight(text) !== undefined) return;
  const allowed = `a number from ${WEIGHT_MIN} to ${WEIGHT_MAX}`;
  throw new FlotillaError('OPTION_INVALID', `tag weight is ${JSON.stringify(text)}; allowed: ${allowed}`);
}

function readWeight(text: string): number | undefined {
  const weight = /^\d{1,9}(?:\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
  return weight >= WEIGHT_MIN && weight <= WEIGHT_MAX ? weight : undefined;
}

const WEIGHT_TAG = 'weight';
const WEIGHT_MIN = 0.01;
const WEIGHT_MAX = 1_000;
