/** Why a command is not carried out, whatever it is about: a script that keeps all waiting, replicas, keys of several slots. */
import type { Client } from './client.ts'
import type { Command } from './command-table.ts'
import { CommandError, noReplicas, readOnlyReplica } from './errors.ts'
import type { QueuedCommands } from './queue.ts'
import type { ServerState } from './server-state.ts'
import type { Arguments } from './wire.ts'

export interface Refusal {
  readonly error: CommandError
  /** EXEC hears it as it is; else that its block was given up because of it. */
  readonly isWhole: boolean
}

/** Of DEBUG and MODULE, as Redis says it. */
function notAllowed(name: string): CommandError {
  return new CommandError(
    `ERR ${name.toUpperCase()} command not allowed. If the enable-${name}-command option is set to "local", you can run it from a ` +
      'local connection, otherwise you need to set this option in the configuration file, and then restart the server.',
  )
}

function writesIn(queue: QueuedCommands | undefined): boolean {
  return queue?.isDoomed === false && queue.commands.some(({ command }) => command.flags.includes('write'))
}

/** There are no modules. */
function isAllowed(server: ServerState, { name }: Command, client: Client): boolean {
  const { debugCommand = 'no' } = server.choices
  return name === 'debug' && (debugCommand === 'yes' || (debugCommand === 'local' && client.isLocal))
}

export function refusalOf(server: ServerState, command: Command, args: Arguments, client: Client): Refusal | undefined {
  if (command.isProtected && !isAllowed(server, command, client)) {
    return { error: notAllowed(command.facts.name), isWhole: false }
  }
  if (server.isBusyFor(command)) return { error: server.busy(), isWhole: false }
  if (command.flags.includes('write') || (command.name === 'exec' && writesIn(client.queue))) {
    if (server.replication.refusesWrites()) return { error: new CommandError(readOnlyReplica), isWhole: false }
    if (server.replicas.areLacking) return { error: new CommandError(noReplicas), isWhole: false }
  }
  const error = server.cluster && slotError(server.cluster, command, args, client.queue)
  return error && { error, isWhole: true }
}

function slotError(
  cluster: NonNullable<ServerState['cluster']>,
  command: Command,
  args: Arguments,
  queue: QueuedCommands | undefined,
): CommandError | undefined {
  try {
    if (command.name !== 'exec') cluster.checkSlot(command, args)
    else if (queue?.isDoomed === false) cluster.checkSlots(queue)
    return undefined
  } catch (error) {
    if (error instanceof CommandError) return error
    throw error
  }
}
