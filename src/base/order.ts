/** Operators by the order of what they compare. */

export type OrderOperator = '=' | '<>' | '<' | '<=' | '>' | '>='

/** Whether `a operator b` holds where a comparison of them gave `order`: below, at or above zero. */
export function orderHolds(operator: OrderOperator, order: number): boolean {
  switch (operator) {
    case '=':
      return order === 0
    case '<>':
      return order !== 0
    case '<':
      return order < 0
    case '<=':
      return order <= 0
    case '>':
      return order > 0
    case '>=':
      return order >= 0
  }
}
