/** A statement whose text is made while a function runs. */
import type { ParsedStatement, PreparedStatement, SqlContext } from '../contract.ts'
import { failure, withPosition } from '../failure.ts'
import { parseText } from '../parse.ts'
import { prepareInner } from './inner-statement.ts'

export function prepareParameters(text: string, context: SqlContext, types: readonly number[]): PreparedStatement {
  const parsed = parseText(text)
  if (parsed.length === 0) throw failure('42601', 'query string argument of EXECUTE is empty')
  if (parsed.length > 1) throw failure('0A000', 'EXECUTE of several statements is not supported')
  const [statement] = parsed as [ParsedStatement]
  const variables = {
    types,
    conflict: 'column',
    find: () => undefined,
    parameter: (number: number, location: number | undefined) => {
      const type = types[number - 1]
      if (type === undefined) return undefined
      return { kind: 'parameter', index: number - 1, type, modifier: -1, location } as const
    },
  } as const
  try {
    return prepareInner(statement, context, variables)
  } catch (error) {
    throw withPosition(error, statement.source)
  }
}
