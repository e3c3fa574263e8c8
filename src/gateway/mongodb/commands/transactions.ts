/**
 * Ends of transactions, and the tokens by which several parties share one.
 *
 * `polylogJoin` has joined before its handler runs: it is what begins the transaction here (`execute.ts`).
 */
import { PolylogError } from '../../../base/errors.ts'
import type { Durability } from '../../../log/commit-log.ts'
import { readInt64, readNumber } from '../../../model/document/values.ts'
import { bsonType } from '../../../model/document/bson.ts'
import { mongoError } from '../../../model/document/mongo-error.ts'
import type { Outcome } from '../../../session/contract.ts'
import { noSuchTransaction, type LogicalSession } from '../logical-sessions.ts'
import type { Command, Reply, Request } from '../request.ts'

const empty: Reply = () => undefined

/** Of a transaction with the command's number; throws NoSuchTransaction for another. */
function requireLogical(request: Request): LogicalSession {
  const { logical } = request
  if (logical === undefined) throw mongoError(125, `${request.command} must be run within a transaction`)
  const value = request.get('txnNumber')!
  const number = value.type === bsonType.int64 ? readInt64(value) : BigInt(readNumber(value) as number)
  if (number !== logical.number || logical.state === 'none') {
    throw noSuchTransaction(`Given transaction number ${number} does not match any in-progress transactions.`)
  }
  return logical
}

function commitTransaction(request: Request): Reply | Promise<Reply> {
  const logical = requireLogical(request)
  if (logical.lost?.code === 'not_leading') throw noSuchTransaction(logical.lost.message)
  if (logical.lost !== undefined) throw logical.lost
  if (logical.state === 'committed') return empty
  if (logical.state === 'aborted') throw noSuchTransaction(`Transaction ${logical.number} has been aborted.`)
  const outcome = commit(logical, request.durability)
  return outcome instanceof Promise ? outcome.then(report) : report(outcome)
}

/** Drivers repeat a commit whose answer they have not got: it must not be taken for an error of a second one. */
function commit(logical: LogicalSession, durability: Durability): Outcome | Promise<Outcome> {
  if (logical.committing !== undefined) return logical.committing
  const session = logical.session!
  // The driver may have begun its next transaction meanwhile.
  const end = (outcome: Outcome): Outcome => {
    if (logical.session !== session) return outcome
    const { number } = logical
    logical.end(outcome)
    if (outcome === 'aborted') return outcome
    session.durabilityWatch.whenDurable(session.seen, durability, (error) => {
      if (logical.number === number) logical.lost = error
    })
    return outcome
  }
  const fail = (error: unknown): never => {
    end('aborted')
    throw error
  }
  try {
    const outcome = session.commit()
    if (!(outcome instanceof Promise)) return end(outcome)
    logical.committing = outcome.then(end, fail)
    return logical.committing
  } catch (error) {
    return fail(error)
  }
}

function report(outcome: Outcome): Reply {
  if (outcome === 'committed') return empty
  throw new PolylogError('transaction_ended', 'the transaction has been aborted', { detail: { outcome } })
}

function abortTransaction(request: Request): Reply {
  const logical = requireLogical(request)
  if (logical.state !== 'open') throw noSuchTransaction(`Transaction ${logical.number} has been ${logical.state}.`)
  logical.abort()
  return empty
}

function join(request: Request): Reply {
  if (request.logical === undefined) throw outsideOfTransaction(request)
  return empty
}

function token(request: Request): Reply {
  if (request.logical === undefined) throw outsideOfTransaction(request)
  const text = request.session.token()
  return (writer) => writer.string('token', text)
}

function outsideOfTransaction({ command }: Request): PolylogError {
  return new PolylogError('no_transaction', `${command} runs in a transaction: call session.startTransaction() first`)
}

export const transactionCommands: readonly Command[] = [
  { name: 'commitTransaction', fields: ['recoveryToken'], access: 'user', inTransaction: true, run: commitTransaction },
  { name: 'abortTransaction', fields: ['recoveryToken'], access: 'user', inTransaction: true, run: abortTransaction },
  { name: 'polylogJoin', fields: [], access: 'user', inTransaction: true, run: join },
  { name: 'polylogToken', aliases: ['polylogBegin'], fields: [], access: 'user', inTransaction: true, run: token },
]
