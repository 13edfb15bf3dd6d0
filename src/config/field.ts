/**
 * Kinds of options. Each is a valibot schema that accepts what people write, gives the plain value, and carries the
 * text for the book; its message is the allowed set, to which `format-issues` adds the key and the value.
 */
import * as v from 'valibot';

/** What the book says about one option, beside what follows from its schema. */
export interface FieldText {
  /** One line: what it is. */
  readonly what: string;
  /** What a larger value (or the other choice) costs or brings. */
  readonly larger?: string;
  readonly smaller?: string;
  /** Shown instead of the default, for options whose default follows from others. */
  readonly defaultText?: string;
}

export interface FieldMetadata extends FieldText {
  readonly kind: 'duration' | 'size' | 'integer' | 'ratio' | 'choice' | 'flag' | 'text';
  readonly allowed: string;
}

/** Milliseconds, or a string with a unit: `250`, `'250ms'`, `'30s'`, `'5m'`, `'1h'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h'}`;
/** Bytes, or a string with a unit: `65536`, `'64KiB'`, `'4MiB'`, `'1GiB'`. */
export type Size = number | `${number}${'B' | 'KiB' | 'MiB' | 'GiB'}`;

export interface Range {
  readonly min: number;
  readonly max: number;
  /** What the value 0 means when it lies outside the range and is allowed all the same. */
  readonly zero?: string;
}

export function duration(range: Range, text: FieldText) {
  return numeric<Duration>('duration', range, text, (input) => withUnit(input, DURATION_UNITS));
}

export function size(range: Range, text: FieldText) {
  return numeric<Size>('size', range, text, (input) => wholeNumber(withUnit(input, SIZE_UNITS)));
}

export function integer(range: Range, text: FieldText) {
  return numeric<number>('integer', range, text, wholeNumber);
}

export function ratio(range: Range, text: FieldText) {
  return numeric<number>('ratio', range, text, (input) => input);
}

export function choice<const Choice extends string>(choices: readonly Choice[], text: FieldText) {
  const allowed = choices.join(', ');
  return v.pipe(
    v.custom<Choice>((input) => choices.some((known) => known === input), allowed),
    v.metadata({ ...text, kind: 'choice', allowed } satisfies FieldMetadata),
  );
}

/** A size, or one of a few words that mean a number of their own. */
export function sizeOr<const Word extends string>(words: readonly Word[], range: Range, text: FieldText) {
  const allowed = `${words.join(', ')} or ${rangeText(range)}`;
  const isWord = (input: unknown): input is Word => words.some((word) => word === input);
  const read = (input: unknown): number => wholeNumber(withUnit(input, SIZE_UNITS));
  return v.pipe(
    v.custom<Word | Size>((input) => isWord(input) || within(read(input), range), allowed),
    v.transform((input): Word | number => (isWord(input) ? input : read(input))),
    v.metadata({ ...text, kind: 'size', allowed } satisfies FieldMetadata),
  );
}

export function flag(text: FieldText) {
  const allowed = 'true, false';
  return v.pipe(
    v.custom<boolean>((input) => typeof input === 'boolean', allowed),
    v.metadata({ ...text, kind: 'flag', allowed } satisfies FieldMetadata),
  );
}

/** A short word without white space or control characters. */
export function word(lengthMax: number, text: FieldText) {
  const allowed = `1..${lengthMax} characters without white space`;
  return v.pipe(
    v.custom<string>((input) => {
      return typeof input === 'string' && input.length <= lengthMax && /^[^\s\p{Cc}]+$/u.test(input);
    }, allowed),
    v.metadata({ ...text, kind: 'text', allowed } satisfies FieldMetadata),
  );
}

function numeric<Input>(
  kind: 'duration' | 'size' | 'integer' | 'ratio',
  range: Range,
  text: FieldText,
  read: (input: unknown) => unknown,
) {
  const allowed = rangeText(range);
  return v.pipe(
    v.custom<Input>((input) => within(read(input), range), allowed),
    v.transform((input): number => Number(read(input))),
    v.metadata({ ...text, kind, allowed } satisfies FieldMetadata),
  );
}

function rangeText({ min, max, zero }: Range): string {
  return zero === undefined ? `${min}..${max}` : `0 (${zero}) or ${min}..${max}`;
}

function within(value: unknown, { min, max, zero }: Range): boolean {
  if (typeof value !== 'number') return false;
  return (value === 0 && zero !== undefined) || (value >= min && value <= max);
}

function wholeNumber(input: unknown): number {
  return Number.isSafeInteger(input) ? Number(input) : Number.NaN;
}

function withUnit(input: unknown, units: Readonly<Record<string, number>>): unknown {
  if (typeof input !== 'string') return input;
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)$/.exec(input) ?? [];
  return Object.hasOwn(units, unit) ? Number(digits) * (units[unit] ?? 0) : Number.NaN;
}

const DURATION_UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const SIZE_UNITS = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };
