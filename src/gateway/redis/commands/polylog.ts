/**
 * What Polylog adds: a transaction over several commands, connections and protocols. `POLYLOG.JOIN` makes the whole
 * connection a party until `POLYLOG.LEAVE`; `POLYLOG.IN token` makes one command part of it, the safe form with drivers
 * that reconnect by themselves. After the decision a party hears `-POLYLOGENDED`: nothing that was sent for a transaction
 * ever runs on its own.
 */
import { parseMoment } from '../../../base/moment.ts'
import { PolylogError } from '../../../base/errors.ts'
import { privilege } from '../../../database/access/privileges.ts'
import type { Isolation, StatementSteps, Transaction } from '../../../database/contract.ts'
import { engineNames } from '../../../database/engines.ts'
import type { BeginOptions, Outcome } from '../../../session/contract.ts'
import type { Call, ConnectionHandler } from '../call.ts'
import type { Command } from '../command-table.ts'
import { CommandError, syntaxError } from '../errors.ts'
import { Denial } from '../permissions.ts'
import { createDatabase, findDatabase } from '../databases.ts'
import { Arguments } from '../wire.ts'

const isolations: ReadonlySet<string> = new Set(['read committed', 'repeatable read', 'serializable'])

/** `POLYLOG.BEGIN [READ COMMITTED | REPEATABLE READ | SERIALIZABLE] [READONLY]` */
function begin(call: Call): void {
  refuseWatches(call)
  call.client.session.begin(parseBegin(call))
  call.reply.ok()
}

function parseBegin(call: Call): BeginOptions {
  const words: string[] = []
  let readOnly = false
  for (let at = 1; at < call.count; at++) {
    if (readOnly) throw syntaxError()
    const word = call.text(at).toLowerCase()
    if (word === 'readonly') readOnly = true
    else words.push(word)
  }
  const isolation = words.join(' ')
  if (isolation !== '' && !isolations.has(isolation)) throw syntaxError()
  return isolation === '' ? { readOnly } : { readOnly, isolation: isolation as Isolation }
}

function refuseWatches(call: Call): void {
  if (call.client.watches.count > 0) {
    throw new CommandError('ERR a transaction cannot begin while keys are watched: send UNWATCH first')
  }
}

function commit(call: Call): void | Promise<void> {
  return whenDecided(call.client.session.commit(), (outcome) => {
    if (outcome === 'aborted') throw ended(outcome)
    call.reply.ok()
  })
}

function whenDecided(outcome: Outcome | Promise<Outcome>, run: (outcome: Outcome) => void): void | Promise<void> {
  if (outcome instanceof Promise) return outcome.then(run)
  run(outcome)
}

function ended(outcome: Outcome): PolylogError {
  return new PolylogError('transaction_ended', `the transaction has been ${outcome}`, { detail: { outcome } })
}

function rollback(call: Call): void | Promise<void> {
  const running = call.client.session.rollback()
  if (running instanceof Promise) return running.then(() => call.reply.ok())
  call.reply.ok()
}

function token(call: Call): void {
  call.reply.bulkText(call.client.session.token())
}

function join(call: Call): void {
  refuseWatches(call)
  call.client.session.join(call.text(1))
  call.reply.ok()
}

function leave(call: Call): void | Promise<void> {
  return whenDecided(call.client.session.leave(), (outcome) => call.reply.status(outcome))
}

/** `POLYLOG.IN token command argument…` */
function runIn(call: Call): void | Promise<void> {
  const inner = innerArguments(call)
  const command = call.server.table.resolve(inner)
  if (command.data === undefined) {
    throw new CommandError(`ERR ${command.name.toUpperCase()} is not allowed in POLYLOG.IN`)
  }
  const transactionToken = call.text(1)
  const session = call.client.parties.join(transactionToken)
  try {
    const running = session.run(statementOf(call, command, inner))
    if (running instanceof Promise) return running.catch((error: unknown) => throwFrom(call, transactionToken, error))
  } catch (error) {
    throwFrom(call, transactionToken, error)
  }
}

function innerArguments(call: Call): Arguments {
  const inner = new Arguments()
  for (let at = 2; at < call.count; at++) {
    const { bytes, start, end } = call.arg(at)
    inner.add(bytes, start, end)
  }
  return inner
}

function statementOf(call: Call, command: Command, inner: Arguments) {
  return (tx: Transaction): void | StatementSteps<void> => {
    call.tx = tx
    call.arguments = inner
    call.reply.restart()
    call.checkMay(command)
    return call.carryOut(command)
  }
}

function throwFrom(call: Call, transactionToken: string, error: unknown): never {
  if (error instanceof PolylogError && error.code === 'transaction_ended' && error.detail.outcome !== undefined) {
    call.client.parties.ended(transactionToken, error.detail.outcome)
  }
  throw error
}

/** `POLYLOG.DURABILITY [synced | written | memory]`: what the replies of this connection wait for. */
function durability(call: Call): void {
  if (call.count > 2) throw syntaxError()
  if (call.count === 1) {
    call.reply.bulkText(call.client.session.durability)
    return
  }
  const level = call.text(1).toLowerCase()
  if (level !== 'synced' && level !== 'written' && level !== 'memory') {
    throw new CommandError(`ERR durability is synced, written or memory, not '${call.text(1)}'`)
  }
  call.client.session.durability = level
  call.reply.ok()
}

function use(call: Call): void | Promise<void> {
  const { session } = call.client
  refuseWatches(call)
  if (session.status !== 'none') {
    throw new PolylogError('active_transaction', 'the database cannot be changed inside a transaction')
  }
  const database = call.text(1)
  const change = (): void => {
    call.client.changeSession({ database })
    call.reply.ok()
  }
  const opening = call.client.openDatabase(database)
  return opening === undefined ? change() : opening.then(change)
}

/**
 * `POLYLOG.ENGINE [engine]`: where the selected database lies, nil where nothing was written to it yet. With an engine it is
 * made there; an engine is for good, so one that exists in another is refused.
 */
function engine(call: Call): void | Promise<void> {
  if (call.count > 2) throw syntaxError()
  const { session } = call.client
  const wanted = call.count === 1 ? undefined : call.text(1).toLowerCase()
  if (wanted !== undefined && !engineNames.includes(wanted)) {
    throw new CommandError(`ERR there is no engine '${call.text(1)}': the engines are ${engineNames.join(', ')}`)
  }
  const number = call.client.database
  const found = session.run<string | undefined>((tx) => {
    const existing = findDatabase(tx.catalog, number)
    if (wanted === undefined || existing?.engine === wanted) return existing?.engine
    if (
      !call.server.permissionsOf(tx.principal.rights).hasAll(tx.catalog, number, privilege.insert | privilege.update)
    ) {
      throw new Denial('command', 'polylog.engine')
    }
    if (existing === undefined) return createDatabase(tx, number, wanted).engine
    throw new CommandError(`ERR database ${number} lies in the engine '${existing.engine}' for good`)
  })
  const answer = (name: string | undefined): void => {
    if (wanted !== undefined) call.reply.ok()
    else if (name === undefined) call.reply.null()
    else call.reply.bulkText(name)
  }
  return found instanceof Promise ? found.then(answer) : answer(found)
}

/**
 * `POLYLOG.ASOF [moment | NOW]`: what this connection reads from now on is what the database held then, and it writes
 * nothing. Without an argument: the sequence of the state that it reads, nil for the present.
 */
function asOf(call: Call): void | Promise<void> {
  if (call.count > 2) throw syntaxError()
  const { session } = call.client
  if (call.count === 1) {
    if (session.lookedBackTo === undefined) call.reply.null()
    else call.reply.integer(session.lookedBackTo)
    return undefined
  }
  refuseWatches(call)
  const text = call.text(1)
  const moment = text.toLowerCase() === 'now' ? undefined : parseMoment(text)
  if (moment === undefined && text.toLowerCase() !== 'now') {
    throw new CommandError('ERR a moment is NOW, a sequence, a time as 2026-03-01T12:00:00Z, or a span as -10m')
  }
  return session.lookBack(moment).then(() => call.reply.ok())
}

export const polylogCommands: Readonly<Record<string, ConnectionHandler>> = {
  'polylog.begin': begin,
  'polylog.commit': commit,
  'polylog.rollback': rollback,
  'polylog.token': token,
  'polylog.join': join,
  'polylog.leave': leave,
  'polylog.in': runIn,
  'polylog.durability': durability,
  'polylog.use': use,
  'polylog.engine': engine,
  'polylog.asof': asOf,
}
