/** Read concern, read preference and write concern: what is truthfully given is accepted, all else is refused by name. */
import type { Durability } from '../../log/commit-log.ts'
import { bsonType, type BsonValue, elementsOf, fieldsOf, getField, isEmptyDocument } from '../../model/document/bson.ts'
import type { BsonWriter } from '../../model/document/bson-writer.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { isTruthy, readString, toSafeInteger } from '../../model/document/values.ts'
import { type ClusterTime, readClusterTime } from './cluster-clock.ts'
import type { Command, Request } from './request.ts'
import type { SnapshotWish } from './snapshots.ts'

/**
 * A reply leaves when what it has seen is durable, on the one node there is: so local, available, majority and
 * linearizable are all the same here. A snapshot is that of a transaction, or one state for several commands.
 */
const levels = new Set(['local', 'available', 'majority', 'linearizable', 'snapshot'])

/** Answers the state that it asks for; undefined: whatever its session sees. */
export function checkReadConcern(command: Command, request: Request): SnapshotWish | undefined {
  const concern = request.getObject('readConcern')
  if (concern === undefined) return undefined
  for (const [name, value] of fieldsOf(concern)) {
    if (name === 'provenance') continue
    if (name === 'afterClusterTime') {
      checkIsReached(request, value)
      continue
    }
    if (name === 'atClusterTime') continue
    if (name !== 'level') {
      throw mongoError(mongoCode.invalidOptions, `readConcern.${name} is not supported`, 'unsupported')
    }
    const level = value.type === bsonType.string ? readString(value) : ''
    if (!levels.has(level)) throw mongoError(mongoCode.failedToParse, `readConcern.level '${level}' is not known`)
  }
  return snapshotOf(command, request, concern)
}

function snapshotOf({ name, readsSnapshots }: Command, request: Request, concern: BsonValue): SnapshotWish | undefined {
  const at = clusterTimeIn(concern)
  if (readConcernLevel(request) !== 'snapshot') {
    if (at === undefined) return undefined
    throw mongoError(mongoCode.invalidOptions, 'atClusterTime field can be set only if level is equal to snapshot')
  }
  if (request.logical === undefined) {
    if (readsSnapshots === 'any') return { at }
    if (readsSnapshots === 'of its cursor') return undefined
    const message = `Command ${name} does not support { readConcern: { level: "snapshot" } } :: caused by :: read concern not supported`
    throw mongoError(mongoCode.invalidOptions, message, 'unsupported')
  }
  if (at === undefined) return undefined
  if (request.beginsTransaction) return { at }
  throw mongoError(mongoCode.invalidOptions, 'Only the first command in a transaction may specify a readConcern')
}

function clusterTimeIn(concern: BsonValue): ClusterTime | undefined {
  const given = getField(concern, 'atClusterTime')
  if (given === undefined) return undefined
  const at = readClusterTime(given, 'readConcern.atClusterTime')
  if (getField(concern, 'afterClusterTime') !== undefined) {
    const message = 'Specifying both afterClusterTime and atClusterTime in a readConcern is not allowed'
    throw mongoError(mongoCode.invalidOptions, message)
  }
  if (at.seconds > 0 || at.counter > 0) return at
  throw mongoError(mongoCode.invalidOptions, 'readConcern atClusterTime cannot be a null timestamp')
}

export function readConcernLevel(request: Request): string | undefined {
  const concern = request.getObject('readConcern')
  const level = concern && getField(concern, 'level')
  return level?.type === bsonType.string ? readString(level) : undefined
}

/** What was told of a write is there wherever there is one who leads; a follower may not have it, and does not wait. */
function checkIsReached(request: Request, value: BsonValue): void {
  void readClusterTime(value, 'readConcern.afterClusterTime')
  const { sessions } = request.gateway
  if (sessions.leads(request.session.database)) return
  throw mongoError(
    mongoCode.invalidOptions,
    'readConcern.afterClusterTime is not supported by a follower',
    'unsupported',
  )
}

/** There is a primary and nothing else. */
export function checkReadPreference(request: Request): void {
  const preference = request.getObject('$readPreference')
  if (preference === undefined) return
  const mode = getField(preference, 'mode')
  const name = mode?.type === bsonType.string ? readString(mode) : 'primary'
  if (!['primary', 'primaryPreferred', 'secondaryPreferred', 'nearest'].includes(name)) {
    throw mongoError(133, `Could not find host matching read preference { mode: "${name}" }`, 'unsupported')
  }
  const tags = getField(preference, 'tags')
  if (tags?.type === bsonType.array && elementsOf(tags).some((one) => !isEmptyDocument(one))) {
    throw mongoError(133, 'Could not find host matching read preference tags', 'unsupported')
  }
}

/** A command that wrote, and asked for more than there can be: the write stands, and its answer says what is missing. */
export interface UnmetConcern {
  readonly code: number
  readonly codeName: string
  readonly message: string
  readonly concern: BsonValue
}

const mostMembers = 50

/** Errors: FailedToParse (9) for what is no concern. */
export function unmetConcernOf(request: Request): UnmetConcern | undefined {
  const concern = request.getObject('writeConcern')
  const w = concern && getField(concern, 'w')
  if (concern === undefined || w === undefined) return undefined
  if (w.type === bsonType.string) {
    const mode = readString(w)
    if (mode === 'majority') return undefined
    const message = `No write concern mode named '${mode}' found in replica set configuration`
    return { code: 79, codeName: 'UnknownReplWriteConcern', message, concern }
  }
  const members = w.isNumber ? toSafeInteger(w) : undefined
  if (members === undefined || members < 0 || members > mostMembers) {
    const message = `w has to be a non-negative number and not greater than ${mostMembers}`
    throw mongoError(mongoCode.failedToParse, message)
  }
  if (members <= 1) return undefined
  return { code: 100, codeName: 'UnsatisfiableWriteConcern', message: 'Not enough data-bearing nodes', concern }
}

/** Behind an answer's own fields. */
export function writeUnmet(writer: BsonWriter, { code, codeName, message, concern }: UnmetConcern): void {
  writer.beginObject('writeConcernError').int32('code', code).string('codeName', codeName).string('errmsg', message)
  writer.beginObject('errInfo').value('writeConcern', concern).end().end()
}

/** What the reply waits for; `undefined` where the connection's default holds. */
export function durabilityOf(request: Request): Durability | undefined {
  const concern = request.getObject('writeConcern')
  if (concern === undefined) return undefined
  let durability: Durability | undefined
  for (const [name, value] of fieldsOf(concern)) {
    if (name === 'w') continue
    if (name === 'j' || name === 'fsync') {
      durability = isTruthy(value) ? 'synced' : 'written'
    } else if (name !== 'wtimeout' && name !== 'wtimeoutMS' && name !== 'provenance') {
      throw mongoError(mongoCode.failedToParse, `unrecognized write concern field: ${name}`)
    }
  }
  return durability
}
