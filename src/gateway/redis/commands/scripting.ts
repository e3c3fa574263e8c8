/** EVAL, EVALSHA, their read-only forms, and SCRIPT. */
import { privilege } from '../../../database/access/privileges.ts'
import type { Session } from '../../../session/contract.ts'
import { Denial } from '../permissions.ts'
import { sliceLength, sliceToLatin1 } from '../../../base/slice.ts'
import type { Call, ConnectionHandler, DataHandler, Steps } from '../call.ts'
import { CommandError } from '../errors.ts'
import { writeHelp } from './help.ts'
import { runScript } from '../scripts/run.ts'
import { readScript, type Script } from '../scripts/script.ts'

/** SHA-1 in hexadecimal. */
const digestLength = 40
const noScript = 'NOSCRIPT No matching script. Please use EVAL.'

function keyCount(call: Call): number {
  const count = call.integer(2)
  if (count > call.count - 3) throw new CommandError("ERR Number of keys can't be greater than number of args")
  if (count < 0) throw new CommandError("ERR Number of keys can't be negative")
  return count
}

function run(call: Call, script: Script, isReadOnly: boolean): Steps {
  return runScript(call, {
    script,
    firstKey: 3,
    keyCount: keyCount(call),
    isReadOnly: isReadOnly || script.isReadOnly,
  })
}

function evaluate(isReadOnly: boolean): DataHandler {
  return (call) => {
    keyCount(call)
    const { cache } = call.server.scripts
    const script = cache.known(call.arg(1)) ?? readScript(call.arg(1))
    const done = run(call, script, isReadOnly)
    cache.add(script)
    return done
  }
}

function evaluateDigest(isReadOnly: boolean): DataHandler {
  return (call) => {
    if (sliceLength(call.arg(1)) !== digestLength) throw new CommandError(noScript)
    keyCount(call)
    const script = call.server.scripts.cache.find(sliceToLatin1(call.arg(1)).toLowerCase())
    if (script === undefined) throw new CommandError(noScript)
    return run(call, script, isReadOnly)
  }
}

function load(call: Call): void {
  const script = readScript(call.arg(2))
  call.server.scripts.check(script, call.client.session.rights)
  call.server.scripts.cache.add(script)
  call.reply.bulkText(script.digest)
}

function exists(call: Call): void {
  call.reply.array(call.count - 2)
  for (let at = 2; at < call.count; at++) {
    const isThere = call.server.scripts.cache.find(sliceToLatin1(call.arg(at)).toLowerCase()) !== undefined
    call.reply.integer(isThere ? 1 : 0)
  }
}

/** What touches other users' scripts. */
function mayLookAfter({ rights }: Session): boolean {
  return rights.areUnlimited || (rights.ofDatabase & privilege.administer) !== 0
}

function flush(call: Call): void {
  if (!mayLookAfter(call.client.session)) throw new Denial('command', 'script|flush')
  if (call.count > 3 || (call.count === 3 && !['SYNC', 'ASYNC'].includes(call.option(2)))) {
    throw new CommandError('ERR SCRIPT FLUSH only support SYNC|ASYNC option')
  }
  call.server.scripts.clear()
  call.reply.ok()
}

function kill(call: Call): void {
  const { session } = call.client
  const all = [...call.server.scripts.running]
  const runs = mayLookAfter(session) ? all : all.filter(({ rights }) => rights === session.rights)
  if (runs.length === 0) throw new CommandError('NOTBUSY No scripts in execution right now.')
  const killable = runs.filter(({ hasWritten }) => !hasWritten)
  if (killable.length === 0) {
    throw new CommandError(
      'UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script ' +
        'termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.',
    )
  }
  for (const one of killable) one.isKilled = true
  call.reply.ok()
}

export const scriptCommands: Readonly<Record<string, DataHandler>> = {
  eval: evaluate(false),
  eval_ro: evaluate(true),
  evalsha: evaluateDigest(false),
  evalsha_ro: evaluateDigest(true),
}

export const scriptServerCommands: Readonly<Record<string, ConnectionHandler>> = {
  'script|debug': (call) => {
    const isMode = ['YES', 'SYNC', 'NO'].includes(call.option(2))
    if (!isMode) throw new CommandError('ERR Use SCRIPT DEBUG YES/SYNC/NO')
    throw new CommandError('ERR SCRIPT DEBUG is not supported: there is no debugger for scripts')
  },
  'script|help': (call) => writeHelp(call, 'script'),
  'script|load': load,
  'script|exists': exists,
  'script|flush': flush,
  'script|kill': kill,
}
