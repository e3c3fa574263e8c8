/** EVAL, EVALSHA, their read-only forms, and SCRIPT. */
import { Denial } from '../permissions.ts'
import { sliceLength, sliceToLatin1 } from '../../../base/slice.ts'
import type { Call, ConnectionHandler, DataHandler, Steps } from '../call.ts'
import { CommandError } from '../errors.ts'
import { writeHelp } from './help.ts'
import { checkMayRun, killRunning, mayLookAfter } from '../scripts/running.ts'
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

function run(call: Call, script: Script, count: number, isReadOnly: boolean): Steps {
  const { digest: name } = script
  const writesNothing = script.flags?.includes('no-writes') === true
  if (script.flags !== undefined) checkMayRun(call, script.flags, isReadOnly)
  return runScript(call, { script, name, firstKey: 3, keyCount: count, isReadOnly: isReadOnly || writesNothing })
}

function evaluate(isReadOnly: boolean): DataHandler {
  return (call) => {
    const count = keyCount(call)
    const { cache } = call.server.scripts
    const script = cache.known(call.arg(1)) ?? readScript(call.arg(1))
    const done = run(call, script, count, isReadOnly)
    cache.add(script)
    return done
  }
}

/** By the digest there, in any case. */
function findScript(call: Call, position: number): Script | undefined {
  return call.server.scripts.cache.find(sliceToLatin1(call.arg(position)).toLowerCase())
}

function evaluateDigest(isReadOnly: boolean): DataHandler {
  return (call) => {
    if (sliceLength(call.arg(1)) !== digestLength) throw new CommandError(noScript)
    const count = keyCount(call)
    const script = findScript(call, 1)
    if (script === undefined) throw new CommandError(noScript)
    return run(call, script, count, isReadOnly)
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
    call.reply.integer(findScript(call, at) === undefined ? 0 : 1)
  }
}

function flush(call: Call): void {
  if (!mayLookAfter(call.client.session)) throw new Denial('command', 'script|flush')
  if (call.count > 3 || (call.count === 3 && !['SYNC', 'ASYNC'].includes(call.option(2)))) {
    throw new CommandError('ERR SCRIPT FLUSH only support SYNC|ASYNC option')
  }
  call.server.scripts.clear()
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
  'script|kill': (call) => killRunning(call, false),
}
