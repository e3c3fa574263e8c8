/**
 * Libraries of functions, as FUNCTION LOAD makes them. They lie in the database's catalog, in no namespace, and so are changed by
 * commits as everything is: followers have them, and forks, and a start reads them again.
 *
 *   `redis library`   name         → its code, and what each function said of itself when it was loaded
 *   `redis function`  lower case   → its library: no two functions of a database have one name
 *
 * Of two functions of one library whose names differ by their case FCALL finds the first.
 */
import { sliceLength, sliceOf, sliceToLatin1, type Slice } from '../../../base/slice.ts'
import type { Catalog, GlobalObject, JsonObject } from '../../../database/catalog/catalog.ts'
import type { Transaction } from '../../../database/contract.ts'
import { CommandError } from '../errors.ts'
import { splitWords } from '../wire.ts'
import type { ScriptFlag } from './script.ts'

const libraryKind = 'redis library'
const functionKind = 'redis function'

/** Of one, and of all of a database: they are kept in memory as the catalog is. */
export const mostCodeBytes: number = 1024 * 1024
export const mostAllBytes: number = 16 * 1024 * 1024

export interface FunctionFacts {
  readonly name: string
  readonly description: string | null
  readonly flags: readonly ScriptFlag[]
}

export interface Library {
  readonly name: string
  /** With its first line; each byte a character. */
  readonly code: string
  readonly functions: readonly FunctionFacts[]
}

/** One of a library's. */
export interface LibraryFunction {
  readonly library: Library
  readonly facts: FunctionFacts
}

/** What the first line says, and what follows it. */
export interface LibraryText {
  readonly name: string
  readonly code: string
  /** With the line break: lines are counted from the first. */
  readonly body: Slice
}

const badName =
  'ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long'

export function checkFunctionName(name: string): void {
  if (!/^[A-Za-z0-9_]+$/.test(name)) throw new CommandError(badName)
  if (name.length > 255) throw new CommandError(`ERR a name of ${name.length} characters is longer than 255`)
}

/** Reads the first line. Throws `CommandError`. */
export function readLibrary(text: Slice): LibraryText {
  const bytes = sliceLength(text)
  if (bytes > mostCodeBytes) throw new CommandError(`ERR a library of ${bytes} bytes is larger than ${mostCodeBytes}`)
  const code = sliceToLatin1(text)
  if (!code.startsWith('#!')) throw new CommandError('ERR Missing library metadata')
  const lineEnd = code.indexOf('\n')
  const line = lineEnd < 0 ? undefined : splitWords(sliceOf(Buffer.from(code.slice(0, lineEnd), 'latin1')))
  if (line === undefined || line.length === 0) throw new CommandError('ERR Invalid library metadata')
  const [engine = '', ...words] = line.map((word) => sliceToLatin1(sliceOf(word)))
  let name: string | undefined
  for (const word of words) {
    if (!/^name=/i.test(word)) throw new CommandError(`ERR Invalid metadata value given: ${word}`)
    if (name !== undefined) {
      throw new CommandError('ERR Invalid metadata value, name argument was given multiple times')
    }
    name = word.slice('name='.length)
  }
  if (name === undefined) throw new CommandError('ERR Library name was not given')
  checkFunctionName(name)
  if (engine.toLowerCase() !== '#!lua') throw new CommandError(`ERR Engine '${engine.slice(2)}' not found`)
  return { name, code, body: sliceOf(Buffer.from(code.slice(lineEnd), 'latin1')) }
}

const read = new WeakMap<GlobalObject, Library>()

function libraryOf(object: GlobalObject): Library {
  let library = read.get(object)
  if (library === undefined) {
    library = { name: object.name, ...(object.definition as unknown as Omit<Library, 'name'>) }
    read.set(object, library)
  }
  return library
}

/** In order of names. */
export function librariesOf(catalog: Catalog): readonly Library[] {
  return catalog.globalsOf(libraryKind).map(libraryOf)
}

export function findLibrary(catalog: Catalog, name: string): Library | undefined {
  const found = catalog.findGlobal(libraryKind, name)
  return found && libraryOf(found)
}

/** In any case. */
export function findFunction(catalog: Catalog, name: string): LibraryFunction | undefined {
  const lower = name.toLowerCase()
  const entry = catalog.findGlobal(functionKind, lower)
  if (entry === undefined) return undefined
  const library = findLibrary(catalog, entry.definition['library'] as string)!
  return { library, facts: library.functions.find((one) => one.name.toLowerCase() === lower)! }
}

// ---- changes

/**
 * Drops libraries and adds others, or throws `CommandError` and has done nothing: where a function would be there twice, or
 * all would be too large.
 */
export function exchangeLibraries(tx: Transaction, dropped: readonly Library[], added: readonly Library[]): void {
  const stay = librariesOf(tx.catalog).filter((library) => !dropped.includes(library))
  const bytes = [...stay, ...added].reduce((sum, { code }) => sum + code.length, 0)
  if (bytes > mostAllBytes) {
    throw new CommandError(`ERR the libraries of a database would be larger than ${mostAllBytes} bytes`)
  }
  const taken = new Set(stay.flatMap(namesIn))
  for (const library of added) {
    const names = namesIn(library)
    const twice = library.functions.find(({ name }) => taken.has(name.toLowerCase()))
    if (twice !== undefined) throw new CommandError(`ERR Function ${twice.name} already exists`)
    for (const name of names) taken.add(name)
  }
  for (const library of dropped) drop(tx, library)
  for (const library of added) add(tx, library)
}

function namesIn({ functions }: Library): string[] {
  return [...new Set(functions.map(({ name }) => name.toLowerCase()))]
}

function add(tx: Transaction, library: Library): void {
  const definition = { code: library.code, functions: library.functions } as unknown as JsonObject
  tx.globals.create(libraryKind, library.name, definition)
  for (const name of namesIn(library)) tx.globals.create(functionKind, name, { library: library.name })
}

function drop(tx: Transaction, library: Library): void {
  tx.globals.drop(tx.catalog.findGlobal(libraryKind, library.name)!)
  for (const name of namesIn(library)) tx.globals.drop(tx.catalog.findGlobal(functionKind, name)!)
}
