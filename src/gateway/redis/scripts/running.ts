/** What runs: scripts, and functions of libraries. Each is ended by its own command. */
import { privilege } from '../../../database/access/privileges.ts'
import type { Session } from '../../../session/contract.ts'
import type { Call } from '../call.ts'
import { CommandError, noReplicas } from '../errors.ts'
import { outOfMemory } from '../eviction/eviction.ts'
import type { ScriptRun } from './run.ts'
import type { ScriptFlag } from './script.ts'

/** What touches other users' scripts. */
export function mayLookAfter({ rights }: Session): boolean {
  return rights.areUnlimited || (rights.ofDatabase & privilege.administer) !== 0
}

/** Those that the client may know of. */
export function runningFor(call: Call): ScriptRun[] {
  const { session } = call.client
  const all = [...call.server.scripts.running]
  return mayLookAfter(session) ? all : all.filter(({ rights }) => rights === session.rights)
}

export function busy(isFunction: boolean): CommandError {
  const command = isFunction ? 'FUNCTION KILL' : 'SCRIPT KILL'
  return new CommandError(`BUSY Redis is busy running a script. You can only call ${command} or SHUTDOWN NOSAVE.`)
}

/** SCRIPT KILL and FUNCTION KILL. */
export function killRunning(call: Call, functions: boolean): void {
  const all = runningFor(call)
  if (all.length === 0) throw new CommandError('NOTBUSY No scripts in execution right now.')
  const runs = all.filter(({ isFunction }) => isFunction === functions)
  if (runs.length === 0) throw busy(!functions)
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

/** Of a script that says what it does. Errors: `CommandError`. */
export function checkMayRun({ server, client }: Call, flags: readonly ScriptFlag[], isReadOnly: boolean): void {
  if (server.cluster !== undefined && flags.includes('no-cluster')) {
    throw new CommandError("ERR Can not run script on cluster, 'no-cluster' flag is set.")
  }
  if (flags.includes('no-writes')) return
  if (!flags.includes('allow-oom') && server.eviction.isOver(client.session)) throw outOfMemory()
  if (isReadOnly) throw new CommandError('ERR Can not execute a script with write flag using *_ro command.')
  if (server.replicas.areLacking) throw new CommandError(noReplicas)
}
