/** Windows as SQL text: `(PARTITION BY a ORDER BY b ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)`. */
import type { BoundWindow, FrameBound } from '../bind/windows/window.ts'
import { quoteIdentifier } from '../functions/text-functions.ts'
import type { ExpressionText, TextScope } from './expression-text.ts'

/** What stands behind OVER: a name, or the window itself. */
export function windowWriter(
  writer: ExpressionText,
  windows: readonly BoundWindow[],
  scope: TextScope,
): (id: string) => void {
  return (id) => {
    const window = windows.find((one) => one.id === id)!
    if (window.name === undefined) printWindow(writer, window, scope)
    else writer.printer.put(quoteIdentifier(window.name))
  }
}

export function printWindow(writer: ExpressionText, window: BoundWindow, scope: TextScope): void {
  const { printer } = writer
  const { partition, order, frame } = window
  let separator = ''
  const part = (keyword: string): void => {
    printer.put(`${separator}${keyword}`)
    separator = ' '
  }
  printer.put('(')
  if (partition.length > 0) part('PARTITION BY ')
  for (const [i, key] of partition.entries()) {
    if (i > 0) printer.put(', ')
    writer.key(key, scope)
  }
  if (order.length > 0) {
    part('ORDER BY ')
    writer.order(order, scope)
  }
  const isDefault =
    frame.mode === 'range' && frame.start.kind === 'unbounded preceding' && frame.end.kind === 'current row'
  if (!isDefault || frame.exclude !== 'nothing') {
    part(`${frame.mode.toUpperCase()} BETWEEN `)
    printBound(writer, frame.start, scope)
    printer.put(' AND ')
    printBound(writer, frame.end, scope)
    printer.put(excluded[frame.exclude])
  }
  printer.put(')')
}

const excluded = {
  nothing: '',
  'current row': ' EXCLUDE CURRENT ROW',
  group: ' EXCLUDE GROUP',
  ties: ' EXCLUDE TIES',
}

function printBound(writer: ExpressionText, bound: FrameBound, scope: TextScope): void {
  if ('offset' in bound) {
    writer.print(bound.offset, scope)
    writer.printer.put(' ')
  }
  writer.printer.put(bound.kind.toUpperCase())
}
