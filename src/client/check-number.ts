import { FlotillaError } from '../base/index.js';

/**
 * The value of a numeric option, or its default.
 *
 * @throws FlotillaError `OPTION_INVALID` with the option, its value and the allowed range
 */
export function numberOption(
  name: string,
  value: number | undefined,
  rule: { readonly default: number; readonly min: number; readonly max: number },
): number {
  if (value === undefined) return rule.default;
  if (typeof value === 'number' && value >= rule.min && value <= rule.max) return value;
  throw new FlotillaError('OPTION_INVALID', `option ${name} is ${String(value)}; allowed: ${rule.min}..${rule.max}`);
}
