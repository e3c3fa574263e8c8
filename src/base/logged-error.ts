/**
 * What is said of an error to who runs the server. What its message may hold of a client's (a literal of a statement, a key, a
 * value) is left out, unless `--log-literals` asks for it; where it was thrown is said always.
 *
 * Messages that are our own words about the machine, a file or a broken invariant have nothing of a client's, and stay. All
 * others are taken for what they are: the engine quotes what it could not parse or convert, and so do answers to statements.
 */
import { InvariantError, PolylogError, type ErrorCode } from './errors.ts'

/** Codes whose messages name files, databases and places in them. */
const aboutTheMachine: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'undefined_object',
  'unsupported',
  'not_leading',
  'disk_full',
  'outcome_unknown',
  'data_corrupted',
  'data_newer',
  'directory_locked',
  'trimmed',
  'shutting_down',
  'io_error',
  'denied',
])
/** Of layers that know bytes and files only. */
const namesOfLowerLayers: ReadonlySet<string> = new Set(['DiskError', 'LogError', 'NetworkError'])

/** The message, where it has nothing of a client's; undefined else. */
export function ownWords(error: unknown): string | undefined {
  if (error instanceof PolylogError) return aboutTheMachine.has(error.code) ? error.message : undefined
  // One with a cause has that one's words.
  if (error instanceof InvariantError) return error.cause === undefined ? error.message : undefined
  return error instanceof Error && namesOfLowerLayers.has(error.name) ? error.message : undefined
}

/** The class of the error, its own words or all words, and where it was thrown. */
export function errorText(error: unknown, withLiterals: boolean): string {
  if (!(error instanceof Error)) return withLiterals ? String(error) : `a thrown ${typeof error}`
  if (withLiterals) return error.stack ?? error.message
  const code = error instanceof PolylogError ? ` ${error.code}` : ''
  const words = ownWords(error) ?? '(its message is left out: --log-literals)'
  return `${error.name}${code}: ${words}${placesOf(error)}`
}

/** The lines of the stack behind the message, which may look like such lines itself. */
function placesOf({ stack = '', message }: Error): string {
  const at = stack.indexOf(message)
  if (at < 0) return ''
  const lines = stack.slice(at + message.length).split('\n')
  return lines
    .filter((line) => line.startsWith('    at '))
    .map((line) => `\n${line}`)
    .join('')
}

interface Logging {
  log(level: 'warning' | 'error', message: string, fields?: Readonly<Record<string, unknown>>): void
}

/** A line about an error that is nobody's answer: in its own words, or with the error as a field. */
export function logError(
  host: Logging,
  level: 'warning' | 'error',
  error: unknown,
  fields: Readonly<Record<string, unknown>> = {},
): void {
  const words = ownWords(error)
  if (words !== undefined) host.log(level, words, fields)
  else host.log(level, 'unexpected error', { ...fields, error: asError(error) })
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
