/**
 * DEBUG, where whoever started the server has said that it may be sent (`--enable-debug-command`; `admission.ts` looks). What is about Redis's own
 * insides, or ends the process, is refused by its name.
 */
import type { Call, ConnectionHandler } from '../call.ts'
import { CommandError, wrongArity } from '../errors.ts'

const mostSleepSeconds = 3600

/** Keeps this client waiting, and nobody else. */
function sleep(call: Call): Promise<void> {
  const seconds = call.double(2)
  if (!(seconds >= 0 && seconds <= mostSleepSeconds)) throw new CommandError('ERR value is out of range')
  return new Promise((resolve) => {
    call.server.sessions.host.at(Math.round(seconds * 1000), () => {
      call.reply.ok()
      resolve()
    })
  })
}

/** What is in memory is what the log and the checkpoint say. */
async function reload(call: Call): Promise<void> {
  await call.client.session.checkpoint()
  call.reply.ok()
}

const protocolTypes: Readonly<Record<string, (call: Call) => void>> = {
  STRING: ({ reply }) => reply.bulkText('Hello World'),
  INTEGER: ({ reply }) => reply.integer(12345),
  DOUBLE: ({ reply }) => reply.double('3.141'),
  NULL: ({ reply }) => reply.null(),
  ARRAY: ({ reply }) => {
    reply.array(3)
    for (let i = 0; i < 3; i++) reply.integer(i)
  },
  SET: ({ reply }) => {
    reply.set(3)
    for (let i = 0; i < 3; i++) reply.integer(i)
  },
  MAP: ({ reply }) => {
    reply.map(3)
    for (let i = 0; i < 3; i++) {
      reply.integer(i)
      reply.boolean(i === 1)
    }
  },
  BIGNUM: ({ reply }) => {
    const digits = '1234567999999999999999999999999999999'
    if (reply.protocol === 3) reply.bigNumber(digits)
    else reply.bulkText(digits)
  },
  VERBATIM: ({ reply }) => reply.verbatim('This is a verbatim\nstring'),
  TRUE: ({ reply }) => reply.boolean(true),
  FALSE: ({ reply }) => reply.boolean(false),
}

function protocol(call: Call): void {
  const write = protocolTypes[call.option(2)]
  if (write !== undefined) return write(call)
  throw new CommandError(
    'ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|' +
      'attrib|push|verbatim|true|false',
  )
}

const acknowledge: ConnectionHandler = (call) => call.reply.ok()

interface Part {
  readonly count: number
  readonly run: ConnectionHandler
}

const parts: Readonly<Record<string, Part>> = {
  SLEEP: { count: 3, run: sleep },
  ERROR: {
    count: 3,
    run: (call) => {
      throw new CommandError(call.text(2))
    },
  },
  LOG: {
    count: 3,
    run: (call) => {
      call.server.sessions.host.log('info', 'DEBUG LOG', { text: call.text(2) })
      call.reply.ok()
    },
  },
  PROTOCOL: { count: 3, run: protocol },
  RELOAD: { count: -2, run: reload },
  LOADAOF: { count: 2, run: reload },
  // Forms of values that there are not.
  'QUICKLIST-PACKED-THRESHOLD': { count: 3, run: acknowledge },
  'SET-DISABLE-DENY-SCRIPTS': { count: 3, run: acknowledge },
  REPLYBUFFER: { count: 4, run: acknowledge },
}

function debug(call: Call): void | Promise<void> {
  const name = call.option(1)
  const part = parts[name]
  if (part === undefined) throw new CommandError(`ERR DEBUG ${name.slice(0, 64)} is not supported`)
  if (part.count >= 0 ? call.count !== part.count : call.count < -part.count) throw wrongArity('debug')
  return part.run(call)
}

export const debugCommands: Readonly<Record<string, ConnectionHandler>> = { debug }
