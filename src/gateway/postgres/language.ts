/** The part of the SQL language that this door uses; tests put another in its place. */
import type { Host } from '../../host/host.ts'
import type { SqlValue } from '../../model/table/types/value.ts'
import type { ParsedStatement, PreparedStatement, SqlContext } from '../../language/sql/contract.ts'

export interface SqlLanguage {
  /** Must be awaited before the first `parse`. */
  load(): Promise<void>
  /** A promise where the text is long: a worker parses it. */
  parse(host: Host, text: string): readonly ParsedStatement[] | Promise<readonly ParsedStatement[]>
  prepare(statement: ParsedStatement, context: SqlContext, parameterTypes: readonly number[]): PreparedStatement
  /** The same; a promise where the text is long: it is bound in several turns. */
  prepareOn(
    host: Host,
    statement: ParsedStatement,
    context: SqlContext,
    parameterTypes: readonly number[],
  ): PreparedStatement | Promise<PreparedStatement>
  /** Whether reading a parameter takes so long that `readElsewhere` should. */
  isDearInput(type: number, given: Uint8Array, isBinary: boolean): boolean
  /** A parameter, on another thread; `given` must stay as it is. */
  readElsewhere(host: Host, input: ParameterInput, given: Uint8Array, signal: AbortSignal): Promise<SqlValue>
}

export interface ParameterInput {
  readonly kind: 'input'
  readonly type: number
  readonly modifier: number
  readonly isBinary: boolean
}

/** Continues at once where nothing had to be waited for: small statements cost no promise. */
export function after<T, U>(result: T | Promise<T>, proceed: (value: T) => U | Promise<U>): U | Promise<U> {
  return result instanceof Promise ? result.then(proceed) : proceed(result)
}

/** Lets `tell` say something before the error. */
export function beforeFailure<T>(work: () => T | Promise<T>, tell: () => void): T | Promise<T> {
  const failed = (error: unknown): never => {
    tell()
    throw error
  }
  try {
    const result = work()
    return result instanceof Promise ? result.catch(failed) : result
  } catch (error) {
    return failed(error)
  }
}

/** As `after`, behind what has no result. */
export function afterDone<U>(result: void | Promise<void>, proceed: () => U | Promise<U>): U | Promise<U> {
  return result instanceof Promise ? result.then(proceed) : proceed()
}
