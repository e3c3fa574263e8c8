/** SLOWLOG. */
import type { Call, ConnectionHandler } from '../call.ts'
import { CommandError } from '../errors.ts'
import { writeHelp } from './help.ts'

const shownUnlessAsked = 10
const wrongCount = 'ERR count should be greater than or equal to -1'

function get(call: Call): void {
  const count = call.count > 2 ? call.integer(2) : shownUnlessAsked
  if (count < -1) throw new CommandError(wrongCount)
  const { slowLog } = call.server
  const shown = slowLog.newest(count === -1 ? slowLog.length : count)
  const { reply } = call
  reply.array(shown.length)
  for (const { id, startedMs, us, shown: words, remote, clientName } of shown) {
    reply.array(6)
    reply.integer(id)
    reply.integer(Math.floor(startedMs / 1000))
    reply.integer(us)
    reply.array(words.length)
    for (const word of words) reply.bulk(word)
    reply.bulkText(remote)
    reply.bulkText(clientName)
  }
}

function reset(call: Call): void {
  call.server.slowLog.clear()
  call.reply.ok()
}

export const slowlogCommands: Readonly<Record<string, ConnectionHandler>> = {
  'slowlog|get': get,
  'slowlog|len': (call) => call.reply.integer(call.server.slowLog.length),
  'slowlog|reset': reset,
  'slowlog|help': (call) => writeHelp(call, 'slowlog'),
}
