/**
 * CONFIG: Redis's parameters (`configuration/parameters.ts`). What is changed holds until the server stops, as in Redis
 * without CONFIG REWRITE. All of one CONFIG SET is changed, or nothing.
 */
import { sliceOf } from '../../../base/slice.ts'
import type { Call, ConnectionHandler } from '../call.ts'
import { changeFailed } from '../configuration/settings.ts'
import { CommandError, syntaxError } from '../errors.ts'
import { Glob } from '../glob.ts'
import { writeHelp } from './help.ts'

/** Of each, the name as it was asked for. */
function namesAskedFor(call: Call): string[] {
  const { settings } = call.server
  const found = new Map<string, string>()
  for (let at = 2; at < call.count; at++) {
    const asked = call.text(at)
    if (!/[*?[]/.test(asked)) {
      if (settings.has(asked) && !found.has(asked.toLowerCase())) found.set(asked.toLowerCase(), asked)
      continue
    }
    const glob = new Glob(sliceOf(Buffer.from(asked.toLowerCase())))
    for (const name of settings.names) {
      if (!found.has(name) && glob.matches(sliceOf(Buffer.from(name)))) found.set(name, name)
    }
  }
  return [...found.values()]
}

function getConfig(call: Call): void {
  const names = namesAskedFor(call)
  call.reply.map(names.length)
  for (const name of names) {
    call.reply.bulkText(name)
    call.reply.bulkText(call.server.settings.read(call, name))
  }
}

function setConfig(call: Call): void {
  const { settings } = call.server
  if (call.count % 2 !== 0) throw syntaxError()
  const given = Array.from(
    { length: call.count / 2 - 1 },
    (_, i) => [call.shown(2 * i + 2), call.text(2 * i + 3)] as const,
  )
  const seen = new Set<string>()
  for (const [name] of given) {
    if (!settings.has(name)) {
      throw new CommandError(`ERR Unknown option or number of arguments for CONFIG SET - '${name}'`)
    }
    settings.checkMayChange(name)
    if (seen.has(name.toLowerCase())) throw changeFailed(name, 'duplicate parameter')
    seen.add(name.toLowerCase())
  }
  settings.change(
    call,
    given.map(([name, value]) => [name.toLowerCase(), value]),
  )
  call.reply.ok()
}

function resetStatistics(call: Call): void {
  call.server.resetCounts()
  // Itself is the first that counts.
  call.command.usage.calls++
  call.reply.ok()
}

export const configCommands: Readonly<Record<string, ConnectionHandler>> = {
  'config|get': getConfig,
  'config|set': setConfig,
  'config|resetstat': resetStatistics,
  'config|rewrite': () => {
    throw new CommandError('ERR The server is running without a config file')
  },
  'config|help': (call) => writeHelp(call, 'config'),
}
