import type { Comparison, Operator } from './command.js';
import type { KeyValue } from './key-value.js';

/** Whether a comparison holds for what its key is now. */
export function holds(item: KeyValue | undefined, comparison: Comparison): boolean {
  switch (comparison.target) {
    case 'exists':
      return (item !== undefined) === comparison.operand;
    case 'value':
      return item !== undefined && decide(Buffer.compare(item.value, comparison.operand), comparison.operator);
    default:
      return decide((item?.[comparison.target] ?? 0) - comparison.operand, comparison.operator);
  }
}

function decide(difference: number, operator: Operator): boolean {
  switch (operator) {
    case '=':
      return difference === 0;
    case '!=':
      return difference !== 0;
    case '<':
      return difference < 0;
    default:
      return difference > 0;
  }
}
