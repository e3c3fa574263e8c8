/**
 * What looks after the server: checkpoints, replication, modules, the end.
 *
 * There is no fork that writes a file: what is committed is in the log. So SAVE writes a checkpoint, and what would need more says so.
 */
import { privilege } from '../../../database/access/privileges.ts'
import type { Call, ConnectionHandler, DataHandler } from '../call.ts'
import { refuseInCluster } from '../cluster/node.ts'
import { isPersistent } from '../configuration/bindings.ts'
import { exchangeDatabases, databaseCount } from '../databases.ts'
import { CommandError, notAnInteger, syntaxError } from '../errors.ts'
import { Denial } from '../permissions.ts'
import { replicaOf } from '../replication/replication.ts'
import { readTimeout } from './replicating.ts'
import { serverVersion } from '../version.ts'
import { writeHelp } from './help.ts'

// ---- checkpoints

function checkPersistent(call: Call): void {
  if (!isPersistent(call))
    throw new CommandError('ERR the server was started without a data directory: nothing is saved')
}

async function save(call: Call): Promise<void> {
  checkPersistent(call)
  await call.client.session.checkpoint()
  call.reply.ok()
}

function saveInBackground(call: Call): void {
  if (call.count > 2 || (call.count === 2 && call.option(1) !== 'SCHEDULE')) throw syntaxError()
  checkPersistent(call)
  beginCheckpoint(call)
  call.reply.status('Background saving started')
}

function beginCheckpoint(call: Call): void {
  const { host } = call.server.sessions
  call.client.session.checkpoint().catch((error: unknown) => {
    host.log('error', 'a checkpoint that a client has asked for failed', { error: String(error) })
  })
}

function lastSave(call: Call): void {
  const { lastCheckpointMs } = call.client.session.databaseFacts
  call.reply.integer(Math.floor((lastCheckpointMs ?? call.server.startedMs) / 1000))
}

// ---- replication

/** Replies wait for the log by themselves: where they wait for its sync, this one has. */
function waitForLog(call: Call): void {
  const wanted = call.long(1)
  if (wanted < 0n || wanted > 1n) throw new CommandError('ERR value is out of range, must be between 0 and 1')
  if (call.long(2) < 0n) throw new CommandError('ERR value is out of range, must be positive')
  readTimeout(call, 3)
  const isSynced = isPersistent(call) && call.client.session.durability === 'synced'
  if (wanted > 0n && !isSynced) {
    throw new CommandError('ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.')
  }
  call.reply.array(2)
  call.reply.integer(isSynced ? 1 : 0)
  call.reply.integer(0)
}

function failover(call: Call): void {
  if (call.count === 2 && call.option(1) === 'ABORT') throw new CommandError('ERR No failover in progress.')
  for (let at = 1; at < call.count; at++) {
    const option = call.option(at)
    if (option === 'FORCE') continue
    const taken = option === 'TO' ? 2 : option === 'TIMEOUT' ? 1 : 0
    if (taken === 0 || at + taken >= call.count) throw syntaxError()
    at += taken
  }
  throw new CommandError('ERR FAILOVER requires connected replicas.')
}

// ---- the end, and others

const shutdownOptions: ReadonlySet<string> = new Set(['SAVE', 'NOSAVE', 'NOW', 'FORCE', 'ABORT'])

/** As a signal ends it. What is committed stays, saved or not. */
function shutDown(call: Call): void {
  const options = new Set(Array.from({ length: call.count - 1 }, (_, i) => call.option(i + 1)))
  const isWrong =
    [...options].some((option) => !shutdownOptions.has(option)) ||
    (options.has('SAVE') && options.has('NOSAVE')) ||
    (options.has('ABORT') && options.size > 1)
  if (isWrong) throw syntaxError()
  if (options.has('ABORT')) throw new CommandError('ERR No shutdown in progress.')
  if (!call.client.session.rights.areUnlimited) throw new Denial('command', 'shutdown')
  const { shutDown: end } = call.server.choices
  if (end === undefined) throw new CommandError('ERR SHUTDOWN is not supported where the server is part of a process')
  call.client.kill()
  end()
}

/** Never asked: `admission.ts`. */
function refuseModules(): never {
  throw new CommandError('ERR there are no modules')
}

function lolwut(call: Call): void {
  if (call.count > 2 && call.option(1) === 'VERSION') {
    if (Number.isNaN(call.integer(2))) throw notAnInteger()
  }
  call.reply.verbatim(`Many models, one log. Redis ver. ${serverVersion}\n`)
}

function databaseIndex(call: Call, position: number, which: string): number {
  const number = call.long(position, `ERR invalid ${which} DB index`)
  if (number < 0n || number >= BigInt(databaseCount)) throw new CommandError('ERR DB index is out of range')
  return Number(number)
}

function swap(call: Call): void {
  refuseInCluster(call, 'SWAPDB is')
  const [first, second] = [databaseIndex(call, 1, 'first'), databaseIndex(call, 2, 'second')]
  const { read, insert, update, delete: remove } = privilege
  for (const number of [first, second]) {
    if (!call.mayAll(number, read | insert | update | remove)) throw new Denial('command', 'swapdb')
  }
  call.tx.access.asServer(() => exchangeDatabases(call.tx, first, second))
  call.reply.ok()
}

export const serverDataCommands: Readonly<Record<string, DataHandler>> = { swapdb: swap }

export const maintenanceCommands: Readonly<Record<string, ConnectionHandler>> = {
  save,
  bgsave: saveInBackground,
  bgrewriteaof: (call) => {
    checkPersistent(call)
    beginCheckpoint(call)
    call.reply.status('Background append only file rewriting started')
  },
  lastsave: lastSave,
  waitaof: waitForLog,
  replicaof: replicaOf,
  slaveof: replicaOf,
  failover,
  shutdown: shutDown,
  'module|list': (call) => call.reply.array(0),
  'module|load': refuseModules,
  'module|loadex': refuseModules,
  'module|unload': refuseModules,
  'module|help': (call) => writeHelp(call, 'module'),
  lolwut,
}
