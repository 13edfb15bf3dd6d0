import { FlotillaError } from '../base/index.js';
import { PRESET_NAMES, PRESETS, type PresetName } from './presets.js';
import type { Options } from './schema.js';

/**
 * Lays `flags` over `file` over the preset, key by key; `undefined` leaves what lies below. The result is not checked:
 * give it to `parseOptions` or a role.
 *
 * @param preset a name; `undefined` for the defaults alone
 * @throws FlotillaError `OPTION_INVALID` when there is no such preset
 */
export function mergeOptions(preset: string | undefined, file: Options | undefined, flags?: Options): Options {
  return [presetOptions(preset), file, flags].reduce<Options>((below, above) => lay(below, above ?? {}), {});
}

function presetOptions(preset: string | undefined): Options {
  if (preset === undefined) return {};
  if (!isPreset(preset)) {
    throw new FlotillaError(
      'OPTION_INVALID',
      `option preset is ${JSON.stringify(preset)}; allowed: ${PRESET_NAMES.join(', ')}`,
    );
  }
  return PRESETS[preset];
}

export function isPreset(name: string): name is PresetName {
  return PRESET_NAMES.some((known) => known === name);
}

function lay<T extends object>(below: T, above: T): T {
  const result = { ...below } as Record<string, unknown>;
  for (const [key, value] of Object.entries(above)) {
    if (value === undefined) continue;
    const under = result[key];
    result[key] = isTable(under) && isTable(value) ? lay(under, value) : value;
  }
  return result as T;
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
