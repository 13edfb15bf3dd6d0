import type { MetadataEntry, MetadataEvent } from '../../index.js';

/** A value for `--json`: as text when it is UTF-8, else as base64. */
export function valueJson(value: Uint8Array): { readonly value: string } | { readonly base64: string } {
  const text = utf8Of(value);
  return text === undefined ? { base64: Buffer.from(value).toString('base64') } : { value: text };
}

export function entryJson(entry: MetadataEntry, keysOnly = false): Readonly<Record<string, unknown>> {
  const { key, value, createRevision, modRevision, version, lease } = entry;
  return {
    key,
    ...(keysOnly ? {} : valueJson(value)),
    ...{ createRevision, modRevision, version },
    ...(lease === 0 ? {} : { lease }),
  };
}

export function eventJson({ type, key, revision, entry }: MetadataEvent): Readonly<Record<string, unknown>> {
  return { type, revision, ...(entry === undefined ? { key } : entryJson(entry)) };
}

/** `KEY<tab>VALUE` on one line. */
export function entryLine({ key, value }: MetadataEntry): string {
  return `${oneLine(key)}\t${valueText(value)}`;
}

/** `REVISION<tab>put<tab>KEY<tab>VALUE`, or `REVISION<tab>delete<tab>KEY`. */
export function eventLine({ type, key, revision, entry }: MetadataEvent): string {
  return `${revision}\t${type}\t${entry === undefined ? oneLine(key) : entryLine(entry)}`;
}

/** Text with tabs, line ends and other control characters escaped as in JSON. */
export function oneLine(text: string): string {
  return text.replaceAll(CONTROL, (character) => JSON.stringify(character).slice(1, -1));
}

function valueText(value: Uint8Array): string {
  const text = utf8Of(value);
  return text === undefined ? `base64:${Buffer.from(value).toString('base64')}` : oneLine(text);
}

function utf8Of(value: Uint8Array): string | undefined {
  try {
    return STRICT.decode(value);
  } catch {
    return undefined;
  }
}

const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\\\u007f]/g;
