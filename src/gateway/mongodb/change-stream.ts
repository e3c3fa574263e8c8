/**
 * Change streams: what was committed to documents, as events in order, from a place in the log on.
 *
 * A stream reads the database's feed (`database/following/feed.ts`), which has each transaction when it is synced, and makes
 * events of the notes in it (`model/document/change-notes.ts`). It begins behind what was committed when it was opened, behind
 * a resume token, or at a time.
 *
 *   resume token := hexadecimal digits: sequence u64, number of the event in its transaction u32, kind u8
 *   kind         := 00 an event, 01 the end of the stream ("invalidate"), 02 all of the transaction has been looked at
 *
 * Tokens sort as events do, and mean the same in every process that has the log. What they tell is kept: a named consumer
 * holds the log for a while (`GatewayState.changes`). Whoever comes later is told that the history is lost (286).
 *
 * Invariants: an event is told once, after it is synced, and in the order of the log; behind a token nothing is left out.
 */
import { PolylogError } from '../../base/errors.ts'
import type { FeedTransaction } from '../../database/following/feed.ts'
import { bsonType, BsonValue, getField } from '../../model/document/bson.ts'
import { type BsonWriter, buildDocument } from '../../model/document/bson-writer.ts'
import { changeChannel, decodeNote } from '../../model/document/change-notes.ts'
import { collectionUuid, uuidSubtype } from '../../model/document/collection-uuid.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import { readString, toSafeInteger } from '../../model/document/values.ts'
import { eachOf, type DocumentStage } from '../../language/mql/stage.ts'
import { LogError } from '../../log/commit-log.ts'
import { clusterTimeOf } from './cluster-clock.ts'

export interface StreamPlace {
  readonly sequence: number
  /** Of the event in its transaction, from 0. */
  readonly event: number
  readonly kind: number
}

const kinds = { event: 0, invalidate: 1, whole: 2 } as const

export function encodeToken({ sequence, event, kind }: StreamPlace): string {
  const bytes = Buffer.alloc(13)
  bytes.writeBigUInt64BE(BigInt(sequence), 0)
  bytes.writeUInt32BE(event, 8)
  bytes[12] = kind
  return bytes.toString('hex').toUpperCase()
}

/** The first transaction that has anything behind it. */
export function firstNeeded({ sequence, kind }: StreamPlace): number {
  return kind === kinds.whole ? sequence + 1 : sequence
}

/** Errors: FailedToParse (9) for what is no token. */
export function decodeToken(token: BsonValue): StreamPlace {
  const data = token.type === bsonType.object ? getField(token, '_data') : undefined
  const text = data?.type === bsonType.string ? readString(data) : ''
  if (!/^[0-9A-F]{26}$/i.test(text)) throw mongoError(9, 'a resume token has a field _data, as a change stream gave it')
  const bytes = Buffer.from(text, 'hex')
  return { sequence: Number(bytes.readBigUInt64BE(0)), event: bytes.readUInt32BE(8), kind: bytes[12]! }
}

/** Which changes it tells of: those of a collection, of a database, or of all. */
export interface StreamScope {
  readonly database: string | undefined
  readonly collection: string | undefined
}

export type ImageWish = 'default' | 'updateLookup' | 'whenAvailable' | 'required' | 'off'

export interface StreamOptions {
  readonly scope: StreamScope
  readonly fullDocument: ImageWish
  readonly fullDocumentBeforeChange: ImageWish
  readonly showsExpanded: boolean
  readonly stages: readonly DocumentStage[]
  /** Behind which it goes on; the first one is at `from`. */
  readonly after: StreamPlace | undefined
  /** Nothing older, in milliseconds. */
  readonly fromMs: number | undefined
}

/** Finds a document as it is now. */
export type LookUp = (database: string, collection: string, id: BsonValue) => Promise<BsonValue | undefined>

/** Of a transaction that are waiting to be told. */
interface Pending {
  readonly part: FeedTransaction
  readonly notes: readonly BsonValue[]
  at: number
  /** The number of the first of them in the transaction. */
  readonly first: number
}

const expandedOnly: ReadonlySet<string> = new Set(['create', 'createIndexes', 'dropIndexes', 'modify'])

export class ChangeStream {
  readonly #options: StreamOptions
  readonly #feed: AsyncIterator<FeedTransaction>
  readonly #abort: AbortController
  /** Ends in a later turn. */
  readonly #pause: () => Promise<void>
  #pending: Pending | undefined
  #counted = 0
  #sequence = -1
  #next: Promise<IteratorResult<FeedTransaction>> | undefined
  /** Behind what it has looked at. */
  #place: StreamPlace
  #failure: unknown
  isInvalidated = false

  constructor(
    options: StreamOptions,
    {
      feed,
      abort,
      pause,
      from,
    }: {
      readonly feed: AsyncIterable<FeedTransaction>
      readonly abort: AbortController
      readonly pause: () => Promise<void>
      readonly from: number
    },
  ) {
    this.#options = options
    this.#feed = feed[Symbol.asyncIterator]()
    this.#abort = abort
    this.#pause = pause
    this.#place = options.after ?? { sequence: Math.max(0, from - 1), event: 0, kind: kinds.whole }
  }

  get scope(): StreamScope {
    return this.#options.scope
  }

  /** For `postBatchResumeToken`. */
  get token(): string {
    return encodeToken(this.#place)
  }

  /** Events until there are `most`, or `isOver` resolves. */
  async take(most: number, mostBytes: number, isOver: Promise<void>, lookUp: LookUp): Promise<BsonValue[]> {
    const taken: BsonValue[] = []
    let bytes = 0
    while (taken.length < most && bytes < mostBytes && !this.isInvalidated && this.#failure === undefined) {
      const note = this.#nextNote()
      if (note === undefined) {
        // What is there already is told before anybody waits.
        if (!(await this.#pull(taken.length > 0 ? this.#pause() : isOver))) break
        continue
      }
      try {
        for (const event of await this.#told(note.note, note.place, note.timeMs, lookUp)) {
          taken.push(event)
          bytes += event.end - event.start
        }
      } catch (error) {
        // What comes before it is told first.
        this.#failure = error
        break
      }
    }
    if (taken.length === 0 && this.#failure !== undefined) throw this.#failure
    return taken
  }

  #nextNote(): { note: BsonValue; place: StreamPlace; timeMs: number } | undefined {
    const pending = this.#pending
    if (pending === undefined) return undefined
    const { sequence, timeMs } = pending.part
    if (pending.at >= pending.notes.length) {
      if (!pending.part.continues) this.#place = { sequence, event: 0xffff_ffff, kind: kinds.whole }
      this.#pending = undefined
      return undefined
    }
    const event = pending.first + pending.at
    const note = pending.notes[pending.at++]!
    return { note, place: { sequence, event, kind: kinds.event }, timeMs }
  }

  /** False where time was over before the next transaction came. */
  async #pull(isOver: Promise<void>): Promise<boolean> {
    this.#next ??= this.#feed.next()
    // An error of the feed is told to whoever asks next.
    this.#next.catch(() => undefined)
    const found = await Promise.race([this.#next.catch(asHistoryLost), isOver])
    if (found === undefined) return false
    this.#next = undefined
    if (found.done === true) throw new PolylogError('shutting_down', 'the database is closed')
    const part = found.value
    if (part.sequence !== this.#sequence) {
      this.#sequence = part.sequence
      this.#counted = 0
    }
    const notes = part.changes.flatMap((one) =>
      one.kind === 'notify' && one.channel === changeChannel ? [decodeNote(one.payload)] : [],
    )
    this.#pending = { part, notes, at: 0, first: this.#counted }
    this.#counted += notes.length
    return true
  }

  /** The event of a note, and "invalidate" behind it, as far as the stream tells of them. */
  async #told(note: BsonValue, place: StreamPlace, timeMs: number, lookUp: LookUp): Promise<BsonValue[]> {
    const { after, fromMs, stages } = this.#options
    if (after !== undefined && !isBehind(place, after)) return []
    this.#place = place
    const op = textOf(note, 'op')!
    if ((fromMs !== undefined && timeMs < fromMs) || !this.#concerns(note, op)) return []
    if (expandedOnly.has(op) && !this.#options.showsExpanded) return []
    const made: BsonValue[] = []
    const whole = await this.#event(note, op, place, timeMs, lookUp)
    for (const event of eachOf(stages, whole)) made.push(checked(event, whole).copy())
    if (!this.#ends(note, op)) return made
    this.isInvalidated = true
    this.#place = { ...place, kind: kinds.invalidate }
    const last = document((writer) => {
      writer.beginObject('_id').string('_data', this.token).end().string('operationType', 'invalidate')
      writeTimes(writer, timeMs)
    })
    for (const event of eachOf(stages, last)) made.push(event.copy())
    return made
  }

  #concerns(note: BsonValue, op: string): boolean {
    const { database, collection } = this.#options.scope
    if (database === undefined) return true
    const isHere = textOf(note, 'db') === database
    if (collection === undefined) return isHere || (op === 'rename' && textOf(note, 'toDb') === database)
    if (isHere && op === 'dropDatabase') return false
    if (isHere && textOf(note, 'coll') === collection) return true
    return op === 'rename' && textOf(note, 'toDb') === database && textOf(note, 'to') === collection
  }

  #ends(note: BsonValue, op: string): boolean {
    const { database, collection } = this.#options.scope
    if (database === undefined) return false
    return collection === undefined
      ? op === 'dropDatabase' && textOf(note, 'db') === database
      : op === 'drop' || op === 'rename'
  }

  async #event(note: BsonValue, op: string, place: StreamPlace, timeMs: number, lookUp: LookUp): Promise<BsonValue> {
    const field = (name: string): BsonValue | undefined => getField(note, name)
    const { fullDocument, fullDocumentBeforeChange, showsExpanded } = this.#options
    const [database, collection] = [textOf(note, 'db')!, textOf(note, 'coll')]
    const key = field('id')
    const full = op === 'update' ? await this.#image(note, fullDocument, key, lookUp) : (field('doc') ?? undefined)
    return document((writer) => {
      writer.beginObject('_id').string('_data', encodeToken(place)).end().string('operationType', op)
      writeTimes(writer, timeMs)
      if (full !== undefined) writer.value('fullDocument', full)
      writer.beginObject('ns').string('db', database)
      if (collection !== undefined) writer.string('coll', collection)
      writer.end()
      const number = field('of')
      if (showsExpanded && number !== undefined) {
        writer.binary('collectionUUID', uuidSubtype, collectionUuid(toSafeInteger(number)!))
      }
      const to = textOf(note, 'to')
      if (to !== undefined) writer.beginObject('to').string('db', textOf(note, 'toDb')!).string('coll', to).end()
      if (key !== undefined) writer.value('documentKey', key)
      if (op === 'update') {
        writer
          .beginObject('updateDescription')
          .value('updatedFields', field('set')!)
          .value('removedFields', field('unset')!)
        writer.value('truncatedArrays', field('cut')!)
        if (showsExpanded) writer.value('disambiguatedPaths', field('paths') ?? emptyObject)
        writer.end()
      }
      const description = field('operationDescription')
      if (showsExpanded && description !== undefined) writer.value('operationDescription', description)
      writeBefore(writer, op, fullDocumentBeforeChange, field('before'))
    })
  }

  async #image(
    note: BsonValue,
    wish: ImageWish,
    key: BsonValue | undefined,
    lookUp: LookUp,
  ): Promise<BsonValue | undefined> {
    if (wish === 'default') return undefined
    if (wish === 'updateLookup') {
      const found = await lookUp(textOf(note, 'db')!, textOf(note, 'coll')!, getField(key!, '_id')!)
      return found ?? new BsonValue(bsonType.null)
    }
    const after = getField(note, 'after')
    if (after === undefined && wish === 'required') throw noImage('post-image')
    return after ?? new BsonValue(bsonType.null)
  }

  close(): void {
    this.#abort.abort()
    void this.#feed.return?.().catch(() => undefined)
  }
}

const emptyObject = document(() => undefined)

function isBehind(place: StreamPlace, after: StreamPlace): boolean {
  if (place.sequence !== after.sequence) return place.sequence > after.sequence
  return after.kind !== kinds.whole && place.event > after.event
}

function textOf(note: BsonValue, name: string): string | undefined {
  const value = getField(note, name)
  return value === undefined ? undefined : readString(value)
}

function document(build: (writer: BsonWriter) => void): BsonValue {
  return new BsonValue(bsonType.object, buildDocument(build))
}

function writeTimes(writer: BsonWriter, timeMs: number): void {
  const { seconds, counter } = clusterTimeOf(timeMs)
  writer.timestamp('clusterTime', seconds, counter).date('wallTime', timeMs)
}

function writeBefore(writer: BsonWriter, op: string, wish: ImageWish, before: BsonValue | undefined): void {
  const hasOne = op === 'update' || op === 'replace' || op === 'delete'
  if (!hasOne || wish === 'off' || wish === 'default') return
  if (before === undefined && wish === 'required') throw noImage('pre-image')
  writer.value('fullDocumentBeforeChange', before ?? new BsonValue(bsonType.null))
}

function noImage(what: string): Error {
  return mongoError(
    47,
    `Change stream was configured to require a ${what} for all update, delete and replace events, but the ${what} was not found`,
  )
}

/** What a stream's stages make of an event keeps its token: without one nobody could go on. */
function checked(event: BsonValue, whole: BsonValue): BsonValue {
  const [given, wanted] = [getField(event, '_id'), getField(whole, '_id')!]
  const isSame =
    given?.type === wanted.type &&
    Buffer.compare(given.bytes.subarray(given.start, given.end), wanted.bytes.subarray(wanted.start, wanted.end)) === 0
  if (isSame) return event
  throw mongoError(
    280,
    'Encountered an event whose _id field, which contains the resume token, was modified by the pipeline. ' +
      'Modifying the _id field of an event makes it impossible to resume the stream from that point. ' +
      'Only transformations that retain the unmodified _id field are allowed.',
  )
}

function asHistoryLost(error: unknown): never {
  if (error instanceof LogError && error.code === 'trimmed') throw historyLost()
  throw error
}

export function historyLost(): PolylogError {
  const message = 'Resume of change stream was not possible, as the resume point may no longer be in the oplog.'
  return mongoError(286, message, 'trimmed')
}
