/** FCALL, FCALL_RO and FUNCTION: functions of libraries, which lie in the database. */
import { latin1ToBytes, sliceOf, sliceToLatin1 } from '../../../base/slice.ts'
import { charge, isTurnOver } from '../../../base/work.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import type { Call, ConnectionHandler, DataHandler, Steps } from '../call.ts'
import { CommandError } from '../errors.ts'
import { Glob } from '../glob.ts'
import { Denial } from '../permissions.ts'
import {
  exchangeLibraries,
  findFunction,
  findLibrary,
  librariesOf,
  type FunctionFacts,
  type Library,
  readLibrary,
} from '../scripts/libraries.ts'
import { dumpLibraries, readDump } from '../scripts/library-dump.ts'
import { loadLibrary } from '../scripts/library-load.ts'
import { runScript } from '../scripts/run.ts'
import { checkMayRun, killRunning, mayLookAfter, runningFor } from '../scripts/running.ts'
import { scriptFlags } from '../scripts/script.ts'
import { writeHelp } from './help.ts'

/** To tell of a function. */
const libraryUnits = 1000

function keyCount(call: Call): number {
  const count = call.integer(2, 'ERR Bad number of keys provided')
  if (count > call.count - 3) throw new CommandError("ERR Number of keys can't be greater than number of args")
  if (count < 0) throw new CommandError("ERR Number of keys can't be negative")
  return count
}

function callFunction(isReadOnly: boolean): DataHandler {
  return (call) => {
    const script = findFunction(call.tx.catalog, sliceToLatin1(call.arg(1)))
    if (script === undefined) throw new CommandError('ERR Function not found')
    const { name, flags } = script.facts
    const count = keyCount(call)
    const writesNothing = flags.includes('no-writes')
    checkMayRun(call, flags, isReadOnly)
    return runScript(call, { script, name, firstKey: 3, keyCount: count, isReadOnly: writesNothing })
  }
}

/** Whoever calls a function runs its code with rights of their own: so not everybody may change it. Errors: `Denial`. */
function checkMayChange(call: Call): void {
  if (!mayLookAfter(call.client.session)) throw new Denial('command', call.command.name)
}

function* load(call: Call): StatementSteps<void> {
  checkMayChange(call)
  const isReplacing = call.count > 3 && call.option(2) === 'REPLACE'
  if (call.count > (isReplacing ? 4 : 3))
    throw new CommandError(`ERR Unknown option given: ${call.shown(isReplacing ? 3 : 2)}`)
  const text = readLibrary(call.arg(call.count - 1))
  const before = findLibrary(call.tx.catalog, text.name)
  if (before !== undefined && !isReplacing) throw new CommandError(`ERR Library '${text.name}' already exists`)
  const library = yield* loadLibrary(call, text)
  exchangeLibraries(call.tx, before === undefined ? [] : [before], [library])
  call.reply.bulkText(library.name)
}

function remove(call: Call): void {
  checkMayChange(call)
  const library = findLibrary(call.tx.catalog, sliceToLatin1(call.arg(2)))
  if (library === undefined) throw new CommandError('ERR Library not found')
  exchangeLibraries(call.tx, [library], [])
  call.reply.ok()
}

function flush(call: Call): void {
  checkMayChange(call)
  if (call.count > 3) throw wrongUse(call)
  if (call.count === 3 && !['SYNC', 'ASYNC'].includes(call.option(2))) {
    throw new CommandError('ERR FUNCTION FLUSH only supports SYNC|ASYNC option')
  }
  exchangeLibraries(call.tx, librariesOf(call.tx.catalog), [])
  call.reply.ok()
}

function wrongUse(call: Call): CommandError {
  return new CommandError(
    `ERR unknown subcommand or wrong number of arguments for '${call.shown(1)}'. Try FUNCTION HELP.`,
  )
}

interface ListOptions {
  withCode: boolean
  pattern: Glob | undefined
}

function listOptions(call: Call): ListOptions {
  const options: ListOptions = { withCode: false, pattern: undefined }
  for (let at = 2; at < call.count; at++) {
    const option = call.option(at)
    if (option === 'WITHCODE' && !options.withCode) options.withCode = true
    else if (option === 'LIBRARYNAME' && options.pattern === undefined) {
      if (++at >= call.count) throw new CommandError('ERR library name argument was not given')
      options.pattern = new Glob(sliceOf(Buffer.from(call.text(at).toLowerCase())))
    } else throw new CommandError(`ERR Unknown argument ${call.shown(at)}`)
  }
  return options
}

function* list(call: Call): StatementSteps<void> {
  const { withCode, pattern } = listOptions(call)
  const all = librariesOf(call.tx.catalog)
  const shown =
    pattern === undefined ? all : all.filter(({ name }) => pattern.matches(sliceOf(Buffer.from(name.toLowerCase()))))
  call.reply.array(shown.length)
  for (const library of shown) {
    writeLibrary(call, library, withCode)
    charge(libraryUnits * library.functions.length + (withCode ? library.code.length : 0))
    if (isTurnOver()) yield undefined
  }
}

function writeLibrary({ reply }: Call, { name, functions, code }: Library, withCode: boolean): void {
  reply.map(withCode ? 4 : 3)
  reply.bulkText('library_name')
  reply.bulkText(name)
  reply.bulkText('engine')
  reply.bulkText('LUA')
  reply.bulkText('functions')
  reply.array(functions.length)
  for (const facts of functions) writeFunction(reply, facts)
  if (!withCode) return
  reply.bulkText('library_code')
  reply.bulk(sliceOf(latin1ToBytes(code)))
}

function writeFunction(reply: Call['reply'], { name, description, flags }: FunctionFacts): void {
  reply.map(3)
  reply.bulkText('name')
  reply.bulkText(name)
  reply.bulkText('description')
  if (description === null) reply.null()
  else reply.bulk(sliceOf(latin1ToBytes(description)))
  reply.bulkText('flags')
  const shown = scriptFlags.filter((flag) => flags.includes(flag))
  reply.set(shown.length)
  for (const flag of shown) reply.status(flag)
}

function stats(call: Call): void {
  const { reply } = call
  reply.map(2)
  reply.bulkText('running_script')
  const run = runningFor(call).find(({ isFunction }) => isFunction)
  if (run === undefined) reply.null()
  else {
    reply.map(3)
    reply.bulkText('name')
    reply.bulkText(run.name)
    reply.bulkText('command')
    reply.array(run.words.length)
    for (const word of run.words) reply.bulk(sliceOf(latin1ToBytes(word)))
    reply.bulkText('duration_ms')
    const nowMs = call.server.now()
    reply.integer(Math.max(0, Math.round(nowMs - (run.startedMs ?? nowMs))))
  }
  const all = librariesOf(call.tx.catalog)
  reply.bulkText('engines')
  reply.map(1)
  reply.bulkText('LUA')
  reply.map(2)
  reply.bulkText('libraries_count')
  reply.integer(all.length)
  reply.bulkText('functions_count')
  reply.integer(all.reduce((count, { functions }) => count + functions.length, 0))
}

function* dump(call: Call): StatementSteps<void> {
  call.reply.bulk(sliceOf(yield* dumpLibraries(call, librariesOf(call.tx.catalog))))
}

function restorePolicy(call: Call): string {
  if (call.count > 4) throw wrongUse(call)
  const policy = call.count === 4 ? call.option(3) : 'APPEND'
  if (['APPEND', 'REPLACE', 'FLUSH'].includes(policy)) return policy
  throw new CommandError('ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.')
}

function* restore(call: Call): StatementSteps<void> {
  checkMayChange(call)
  const policy = restorePolicy(call)
  const texts = (yield* readDump(call, call.arg(2))).map((code) => readLibrary(sliceOf(code)))
  const libraries: Library[] = []
  for (const text of texts) {
    if (libraries.some(({ name }) => name === text.name)) {
      throw new CommandError(`ERR Library '${text.name}' already exists`)
    }
    libraries.push(yield* loadLibrary(call, text))
  }
  const { tx } = call
  const before = librariesOf(tx.catalog)
  const replaced = policy === 'FLUSH' ? before : before.filter(({ name }) => texts.some((text) => text.name === name))
  if (policy === 'APPEND' && replaced.length > 0) {
    throw new CommandError(`ERR Library ${replaced[0]!.name} already exists`)
  }
  exchangeLibraries(tx, replaced, libraries)
  call.reply.ok()
}

export const functionCommands: Readonly<Record<string, (call: Call) => Steps>> = {
  fcall: callFunction(false),
  fcall_ro: callFunction(true),
  'function|load': load,
  'function|delete': remove,
  'function|flush': flush,
  'function|list': list,
  'function|stats': stats,
  'function|dump': dump,
  'function|restore': restore,
}

export const functionServerCommands: Readonly<Record<string, ConnectionHandler>> = {
  'function|kill': (call) => killRunning(call, true),
  'function|help': (call) => writeHelp(call, 'function'),
}
