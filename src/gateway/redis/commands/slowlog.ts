/** SLOWLOG: of the statements that the registry has kept as slow, those that came by this door. */
import type { SlowStatement } from '../../../session/activity.ts'
import type { Call, ConnectionHandler } from '../call.ts'
import { CommandError } from '../errors.ts'
import { writeHelp } from './help.ts'

const shownUnlessAsked = 10
const wrongCount = 'ERR count should be greater than or equal to -1'

/** The newest first. */
function slowCommands(call: Call): SlowStatement[] {
  const { sessions, slowlogSince } = call.server
  return sessions.activity.slow.filter(({ id, owner }) => owner.door === 'redis' && id > slowlogSince).reverse()
}

function get(call: Call): void {
  const count = call.count > 2 ? call.integer(2, wrongCount) : shownUnlessAsked
  if (count < -1) throw new CommandError(wrongCount)
  const all = slowCommands(call)
  const shown = count === -1 ? all : all.slice(0, count)
  const { reply } = call
  reply.array(shown.length)
  for (const { id, owner, text, startedMs, tookMs } of shown) {
    const words = text.split(' ')
    reply.array(6)
    reply.integer(id)
    reply.integer(Math.floor(startedMs / 1000))
    reply.integer(tookMs * 1000)
    reply.array(words.length)
    for (const word of words) reply.bulkText(word)
    reply.bulkText(owner.remote)
    reply.bulkText(owner.clientName)
  }
}

function reset(call: Call): void {
  call.server.slowlogSince = call.server.sessions.activity.slow.at(-1)?.id ?? call.server.slowlogSince
  call.reply.ok()
}

export const slowlogCommands: Readonly<Record<string, ConnectionHandler>> = {
  'slowlog|get': get,
  'slowlog|len': (call) => call.reply.integer(slowCommands(call).length),
  'slowlog|reset': reset,
  'slowlog|help': (call) => writeHelp(call, 'slowlog'),
}
