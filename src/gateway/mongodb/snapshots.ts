/**
 * Reads of one state of the past: `readConcern: { level: 'snapshot' }` on a command that only reads, and `atClusterTime` there or
 * at the start of a transaction (`database/history`).
 *
 * A time is that of the log's clock to the millisecond, and names the last group commit that is not later. So it is read once it
 * has passed, and means the same state from then on, also after restarts. Where a client names none it gets one of which the
 * state holds all that is committed; the answer tells it, and a driver's snapshot session asks the next commands for it.
 *
 * Outside of transactions a command reads in a session of its own beside the connection's, which stays in the present; a cursor
 * keeps it until its end. A transaction moves its own session, and only reads there.
 */
import { PolylogError } from '../../base/errors.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import type { BsonWriter } from '../../model/document/bson-writer.ts'
import type { Session } from '../../session/contract.ts'
import { canceled } from '../../session/statement-runner.ts'
import { type ClusterTime, clusterTimeOf, msOfClusterTime } from './cluster-clock.ts'
import type { Reply, Request } from './request.ts'

/** What a command asks for: the state at that time, or the newest. */
export interface SnapshotWish {
  readonly at: ClusterTime | undefined
}

/** What a command outside of transactions reads. */
export interface Snapshot {
  readonly session: Session
  readonly time: ClusterTime
  /** A cursor has it now. */
  isKept: boolean
}

export async function inSnapshot(
  request: Request,
  { at }: SnapshotWish,
  run: () => Reply | Promise<Reply>,
): Promise<Reply> {
  if (request.logical !== undefined) {
    await goTo(request, request.session, at)
    return run()
  }
  const session = openBeside(request)
  try {
    const time = await goTo(request, session, at)
    const snapshot: Snapshot = { session, time, isKept: false }
    request.snapshot = snapshot
    const reply = await run()
    if (!snapshot.isKept) session.close()
    return reply
  } catch (error) {
    session.close()
    throw error
  }
}

function openBeside(request: Request): Session {
  const { session, gateway } = request
  const { user, identity, database, remote } = session
  const roleId = identity.ownRoleId
  const own = gateway.sessions.openSession({ user, roleId, database, remote, door: 'mongodb', beside: session })
  own.clientName = request.connection.clientName
  own.describer = request
  request.session = own
  return own
}

/** Answers the time of the state that is read. */
async function goTo(request: Request, session: Session, at: ClusterTime | undefined): Promise<ClusterTime> {
  try {
    const timeMs = await session.settledTime(at && msOfClusterTime(at.seconds, at.counter))
    await session.lookBack({ kind: 'time', timeMs })
    if (request.isCanceled) throw canceled()
    return at ?? clusterTimeOf(timeMs)
  } catch (error) {
    throw at === undefined ? error : inTheirWords(error, at)
  }
}

function inTheirWords(error: unknown, { seconds, counter }: ClusterTime): unknown {
  if (!(error instanceof PolylogError)) return error
  const time = `Timestamp(${seconds}, ${counter})`
  if (error.code === 'trimmed') {
    return mongoError(239, `Read timestamp ${time} is older than the oldest available timestamp.`, 'trimmed')
  }
  if (error.code !== 'invalid_argument') return error
  return mongoError(
    mongoCode.invalidOptions,
    `readConcern atClusterTime value must not be greater than the current clusterTime. Requested clusterTime: ${time}`,
  )
}

/** Throws for what tells of the present, or waits for what is to come. */
export function requirePresent({ snapshot }: Request, what: string): void {
  if (snapshot === undefined) return
  throw mongoError(mongoCode.invalidOptions, `${what} does not support readConcern level snapshot`, 'unsupported')
}

export function writeSnapshot(writer: BsonWriter, snapshot: Pick<Snapshot, 'time'> | undefined): void {
  if (snapshot === undefined) return
  writer.timestamp('atClusterTime', snapshot.time.seconds, snapshot.time.counter)
}

/** Of a write in a transaction that looks back: a driver must not take it for a server that writes no more. */
export function ofPast({ session, logical }: Request, error: PolylogError): PolylogError {
  if (error.code !== 'read_only' || logical === undefined || session.lookedBackTo === undefined) return error
  return mongoError(263, 'a transaction that reads at a time of the past does not write', 'unsupported')
}
