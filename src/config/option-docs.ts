import * as v from 'valibot';
import { snakeCase } from './camel-case.js';
import type { FieldMetadata } from './field.js';
import { PRESET_NAMES, PRESETS, type PresetName } from './presets.js';
import { type GroupSchema, isGroup, optionsSchema } from './schema.js';

/** One row of the book's options page. */
export interface OptionDoc {
  /** `network.bulk.windowBytes`, as in code. */
  readonly key: string;
  /** `network.bulk.window_bytes`, as in a file. */
  readonly fileKey: string;
  readonly kind: FieldMetadata['kind'];
  readonly what: string;
  readonly default: string;
  /** The same text as in the error message. */
  readonly allowed: string;
  readonly larger?: string;
  readonly smaller?: string;
  /** Presets that set it, and to what. */
  readonly presets: Readonly<Partial<Record<PresetName, string>>>;
}

/** Every option there is, in the order of the schema. */
export const OPTION_DOCS: readonly OptionDoc[] = rows(optionsSchema, []);

function rows(group: GroupSchema, path: readonly string[]): OptionDoc[] {
  return Object.entries(group.entries).flatMap(([name, schema]) => {
    const here = [...path, name];
    return isGroup(schema.wrapped) ? rows(schema.wrapped, here) : [row(here, schema)];
  });
}

function row(path: readonly string[], schema: v.OptionalSchema<v.GenericSchema, unknown>): OptionDoc {
  const text = v.getMetadata(schema.wrapped) as unknown as FieldMetadata;
  return {
    key: path.join('.'),
    fileKey: path.map(snakeCase).join('.'),
    kind: text.kind,
    what: text.what,
    default: text.defaultText ?? String(schema.default),
    allowed: text.allowed,
    ...(text.larger === undefined ? {} : { larger: text.larger }),
    ...(text.smaller === undefined ? {} : { smaller: text.smaller }),
    presets: presetValues(path),
  };
}

function presetValues(path: readonly string[]): Partial<Record<PresetName, string>> {
  const values: Partial<Record<PresetName, string>> = {};
  for (const preset of PRESET_NAMES) {
    let value: unknown = PRESETS[preset];
    for (const key of path) value = (value as Readonly<Record<string, unknown>> | undefined)?.[key];
    if (value !== undefined) values[preset] = String(value);
  }
  return values;
}
