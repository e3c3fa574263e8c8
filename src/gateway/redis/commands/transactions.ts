/**
 * MULTI, EXEC, DISCARD, WATCH, UNWATCH.
 *
 * EXEC runs all queued commands in one statement, which is one transaction of its own or part of the open one. A command
 * that is wrong (its arguments, the type of its key) answers its error and has changed nothing, and the others run all the
 * same, as in Redis; what the kernel refuses (a conflict, a limit) rolls the whole back and is EXEC's own error.
 */
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { beginInPlace } from '../../../database/transaction/wait.ts'
import type { Call, ConnectionHandler } from '../call.ts'
import { CommandError, errorLine, isCommandError } from '../errors.ts'
import { noteDenial } from '../denial-log.ts'
import { Denial } from '../permissions.ts'
import { isWatchable, makeWatchable, maxWatches } from '../watches.ts'
import { QueuedCommands, type QueuedCommand } from '../queue.ts'

function multi(call: Call): void {
  if (call.client.queue !== undefined) throw new CommandError('ERR MULTI calls can not be nested')
  call.client.queue = new QueuedCommands(call.client.session.account)
  call.reply.ok()
}

function discard(call: Call): void {
  if (call.client.queue === undefined) throw new CommandError('ERR DISCARD without MULTI')
  endBlock(call)
  call.reply.ok()
}

function endBlock(call: Call): void {
  call.client.queue = undefined
  call.client.watches.clear(call.client.session)
}

/** A watched key changed: nothing of the block may stay. */
class WatchedKeyChanged extends Error {}

function execute(call: Call): void | Promise<void> {
  const { queue, session, database } = call.client
  if (call.count > 1) {
    endBlock(call)
    throw new CommandError("EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command")
  }
  if (queue === undefined) throw new CommandError('ERR EXEC without MULTI')
  if (queue.isDoomed) {
    endBlock(call)
    throw new CommandError('EXECABORT Transaction discarded because of previous errors.')
  }
  const statement = (tx: Transaction): StatementSteps<void> => {
    call.client.database = database
    return executeBlock(call, tx, queue)
  }
  let running: void | Promise<void>
  try {
    running = session.run(statement, { readOnly: queue.readOnly, isAtomic: !queue.readOnly })
  } catch (error) {
    failBlock(call, database, error)
    return
  }
  // Counted now: what waited has been tried more than once.
  const completed = (): void => {
    for (const { command } of queue.commands) command.usage.calls++
    endBlock(call)
  }
  if (!(running instanceof Promise)) return completed()
  return running.then(completed, (error: unknown) => failBlock(call, database, error))
}

/** Nothing of the block has happened, a SELECT in it neither. */
function failBlock(call: Call, database: number, error: unknown): void {
  endBlock(call)
  call.client.database = database
  call.reply.restart()
  if (!(error instanceof WatchedKeyChanged)) throw error
  call.reply.nullArray()
}

function* executeBlock(call: Call, tx: Transaction, queue: QueuedCommands): StatementSteps<void> {
  const { session, watches } = call.client
  call.tx = tx
  call.reply.restart()
  if (watches.changed(session, tx)) throw new WatchedKeyChanged()
  call.reply.array(queue.commands.length)
  for (const queued of queue.commands) yield* executeQueued(call, queued)
  // Again, since others may have committed while the block paused.
  if (watches.count > 0 && session.watchedChanged()) throw new WatchedKeyChanged()
}

function* executeQueued(call: Call, { command, arguments: args }: QueuedCommand): StatementSteps<void> {
  const { reply } = call
  const { place } = reply
  const startedUs = call.server.startQueued()
  call.arguments = args
  try {
    call.checkMay(command)
    if (command.data !== undefined) {
      yield* beginInPlace<void>(call.tx, () => {
        reply.backTo(place)
        return call.carryOut(command)
      })
    } else {
      call.isQueued = true
      const later = command.connection!(call)
      // What takes longer than a turn is not for blocks: whatever comes of it, it is not waited for.
      if (later instanceof Promise) {
        later.catch(() => undefined)
        throw new CommandError(`ERR ${command.name.toUpperCase()} is not supported inside MULTI`)
      }
    }
  } catch (error) {
    if (!isCommandError(error)) throw error
    command.usage.failed++
    if (error instanceof Denial) noteDenial(call.server, call.client, error.reason, error.object)
    reply.backTo(place)
    reply.error(errorLine(error instanceof Denial ? meanwhileDenied(error) : error))
  }
  call.isQueued = false
  call.server.endTiming(command, args, call.client, startedUs)
}

/** It was allowed when it was queued. */
function meanwhileDenied({ reason }: Denial): CommandError {
  const why = {
    command: 'no permission to execute the command or subcommand',
    key: 'no permission to touch the specified keys',
    channel: 'no permission to access one of the channels used as arguments',
  }
  return new CommandError(
    'NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. ' +
      `This command is no longer allowed for the following reason: ${why[reason]}`,
  )
}

function watch(call: Call): void | Promise<void> {
  const { client } = call
  if (client.queue !== undefined) throw new CommandError('ERR WATCH inside MULTI is not allowed')
  if (client.session.status !== 'none') {
    throw new CommandError('ERR WATCH inside POLYLOG.BEGIN or POLYLOG.JOIN is not allowed')
  }
  const { session, database, watches } = client
  if (watches.count + call.count - 1 > maxWatches) throw new CommandError('ERR too many watched keys')
  const keys = Array.from({ length: call.count - 1 }, (_, at) => call.key(at + 1))
  const add = (tx: Transaction): void => {
    for (const key of keys) watches.add(session, tx, database, key)
  }
  let isReady = true
  const addWhereReady = (tx: Transaction): void => {
    isReady = keys.every((key) => isWatchable(tx, database, key))
    if (isReady) add(tx)
  }
  return after(session.run(addWhereReady, { readOnly: true }), () => {
    if (isReady) return call.reply.ok()
    const prepared = session.run((tx) => makeWatchable(tx, database, keys))
    return after(prepared, () => after(session.run(add, { readOnly: true }), () => call.reply.ok()))
  })
}

/** At once where there is nothing to wait for. */
function after(done: void | Promise<void>, run: () => void | Promise<void>): void | Promise<void> {
  return done instanceof Promise ? done.then(run) : run()
}

function unwatch(call: Call): void {
  call.client.watches.clear(call.client.session)
  call.reply.ok()
}

export const transactionCommands: Readonly<Record<string, ConnectionHandler>> = {
  multi,
  exec: execute,
  discard,
  watch,
  unwatch,
}
