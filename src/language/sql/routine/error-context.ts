/** Where in which functions an error came about: PostgreSQL's CONTEXT, innermost first. */
import { PolylogError } from '../../../base/errors.ts'

/** The same error with one more line; what is no error of the language passes as it is. */
export function withContext(error: unknown, line: () => string): unknown {
  if (!(error instanceof PolylogError)) return error
  const { where, position, location: _, ...detail } = error.detail
  const lines = typeof where === 'string' ? `${where}\n${line()}` : line()
  // Places within a function's text mean nothing in the statement of the client.
  const inner = position === undefined ? {} : { internalPosition: position }
  return new PolylogError(error.code, error.message, { detail: { ...detail, ...inner, where: lines }, cause: error })
}
