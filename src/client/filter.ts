import { FlotillaError } from '../base/index.js';

/** The tags of a worker: small strings. */
export type Tags = Readonly<Record<string, string>>;

/** A parsed filter: says whether a worker with these tags may serve the call. */
export type Filter = (tags: Tags) => boolean;

/**
 * Reads a worker filter: terms separated by commas, all of which must hold.
 *
 * | term | holds when the worker |
 * |---|---|
 * | `key=value` | has the tag with that value |
 * | `key!=value` | has another value, or not the tag |
 * | `key in (a,b)` | has the tag with one of the values |
 * | `key not in (a,b)` | has none of the values, or not the tag |
 * | `key` | has the tag |
 * | `!key` | does not have it |
 *
 * Keys and values are made of letters, digits and `. _ - / : @ + *`; a value with anything else is written in double
 * quotes. An empty filter matches every worker.
 *
 * @throws FlotillaError `FILTER_INVALID`, pointing at the position
 */
export function parseFilter(text: string): Filter {
  const parser = new FilterParser(text);
  const terms = parser.terms();
  const [first] = terms;
  if (first === undefined) return () => true;
  if (terms.length === 1) return first;
  return (tags) => terms.every((term) => term(tags));
}

class FilterParser {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  terms(): Filter[] {
    const terms: Filter[] = [];
    this.skipSpace();
    if (this.at === this.text.length) return terms;
    for (;;) {
      terms.push(this.term());
      if (this.at === this.text.length) return terms;
      this.expect(',', '"," or the end');
    }
  }

  private term(): Filter {
    if (this.take('!')) {
      const key = this.word('a tag name after "!"');
      return (tags) => !Object.hasOwn(tags, key);
    }
    const key = this.word('a tag name');
    if (this.take('!=')) {
      const value = this.value();
      return (tags) => tagOf(tags, key) !== value;
    }
    if (this.take('=')) {
      this.take('=');
      const value = this.value();
      return (tags) => tagOf(tags, key) === value;
    }
    if (this.at === this.text.length || this.text[this.at] === ',') return (tags) => Object.hasOwn(tags, key);
    return this.setTerm(key);
  }

  private setTerm(key: string): Filter {
    const start = this.at;
    const operator = WORD.test(this.text[this.at] ?? '') ? this.word('an operator') : '';
    const negated = operator === 'not';
    if (negated ? this.word('"in" after "not"') !== 'in' : operator !== 'in') {
      this.fail(start, '"=", "!=", "in", "not in" or ","');
    }
    const values = this.values();
    return negated
      ? (tags) => !Object.hasOwn(tags, key) || !values.has(tags[key] ?? '')
      : (tags) => Object.hasOwn(tags, key) && values.has(tags[key] ?? '');
  }

  private values(): Set<string> {
    this.expect('(', '"("');
    const values = new Set([this.value()]);
    while (!this.take(')')) {
      this.expect(',', '"," or ")"');
      values.add(this.value());
    }
    return values;
  }

  private value(): string {
    return this.text[this.at] === '"' ? this.quoted() : this.word('a value');
  }

  private quoted(): string {
    const end = this.text.indexOf('"', this.at + 1);
    if (end < 0) this.fail(this.at, 'a closing quote for this one');
    const value = this.text.slice(this.at + 1, end);
    this.at = end + 1;
    this.skipSpace();
    return value;
  }

  private word(expected: string): string {
    const start = this.at;
    while (this.at < this.text.length && WORD.test(this.text[this.at] ?? '')) this.at += 1;
    if (this.at === start) this.fail(start, expected);
    const word = this.text.slice(start, this.at);
    this.skipSpace();
    return word;
  }

  private take(token: string): boolean {
    if (!this.text.startsWith(token, this.at)) return false;
    this.at += token.length;
    this.skipSpace();
    return true;
  }

  private expect(token: string, expected: string): void {
    if (!this.take(token)) this.fail(this.at, expected);
  }

  private skipSpace(): void {
    while (this.text[this.at] === ' ' || this.text[this.at] === '\t') this.at += 1;
  }

  private fail(at: number, expected: string): never {
    const found = at < this.text.length ? JSON.stringify(this.text[at]) : 'its end';
    throw new FlotillaError(
      'FILTER_INVALID',
      `filter ${JSON.stringify(this.text)}: expected ${expected} at position ${at + 1}, found ${found}`,
    );
  }
}

function tagOf(tags: Tags, key: string): string | undefined {
  return Object.hasOwn(tags, key) ? tags[key] : undefined;
}

const WORD = /[A-Za-z0-9._\-/:@+*]/;
