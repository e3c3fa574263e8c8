/**
 * `operationTime` and `$clusterTime`: what drivers hand from one answer to the next command of a session, so that it reads
 * what it has written wherever it reads. Here a command reads the newest state there is, so the times need only never go back;
 * seconds are the wall clock's, and the counter tells apart what happens within one.
 *
 * An answer that waits for the log tells, once it leaves, when what it has seen was committed: that time is one at which the state
 * holds it, and at which a change stream that begins there tells of it.
 *
 * As a router, an answer to a command of a transaction has a `recoveryToken`, too, which another router would need to end it.
 */
import type { Host } from '../../host/host.ts'
import { bsonType, bsonTypeName, type BsonValue, readInt32 } from '../../model/document/bson.ts'
import { BsonWriter } from '../../model/document/bson-writer.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { readInt64 } from '../../model/document/values.ts'
import { headerBytes } from './wire.ts'

/** In a second's counter there is room for milliseconds, and for so many answers in one. */
const answersPerMs = 4096
/** The type and the name of the first element. */
const timeStart = 1 + 'operationTime'.length + 1
/** Of a recovery token, which comes behind it. */
const tokenBytes = 1 + 'recoveryToken'.length + 1 + 5

export interface ClusterTime {
  readonly seconds: number
  readonly counter: number
}

export class ClusterClock {
  /** Drivers want a recovery token. */
  readonly isRouter: boolean
  readonly #host: Host
  #seconds = 0
  #counter = 0
  /** The elements as they leave, and where in them the time stands. */
  readonly #elements: Uint8Array
  readonly #view: DataView
  readonly #places: readonly number[]

  constructor(host: Host, isRouter: boolean) {
    this.#host = host
    this.isRouter = isRouter
    const writer = new BsonWriter().begin()
    writer.timestamp('operationTime', 0, 0)
    const first = writer.out.end - 8
    writer.beginObject('$clusterTime').timestamp('clusterTime', 0, 0)
    const second = writer.out.end - 8
    // Nobody signs it: it is believed nowhere.
    writer.beginObject('signature').binary('hash', 0, new Uint8Array(20)).int64('keyId', 0).end().end()
    this.#elements = writer.out.bytes.slice(4, writer.out.end)
    this.#view = new DataView(this.#elements.buffer)
    this.#places = [first - 4, second - 4]
  }

  /** Never before what it has told. */
  now(): ClusterTime {
    this.#advance()
    return { seconds: this.#seconds, counter: this.#counter }
  }

  #advance(): void {
    const nowMs = Math.floor(this.#host.now())
    const { seconds, counter } = clusterTimeOf(nowMs)
    if (seconds < this.#seconds || (seconds === this.#seconds && counter <= this.#counter)) return
    this.#seconds = seconds
    this.#counter = counter
    for (const place of this.#places) {
      this.#view.setUint32(place, counter, true)
      this.#view.setUint32(place + 4, seconds, true)
    }
  }

  /** Of whole messages, which have waited for the log: what they have seen was committed then, and not when they were written. */
  restamp(messages: Uint8Array, committedMs: number): void {
    const { seconds, counter } = clusterTimeOf(Math.floor(committedMs))
    for (let at = 0; at + headerBytes <= messages.length;) {
      const end = at + readInt32(messages, at)
      if (end <= at || end > messages.length) return
      const start = this.#elementsBefore(messages, end - 1) ?? this.#elementsBefore(messages, end - 1 - tokenBytes)
      if (start !== undefined && start > at) this.#stampLater(messages, start, seconds, counter)
      at = end
    }
  }

  /** Where they begin; undefined where something else stands there. */
  #elementsBefore(bytes: Uint8Array, end: number): number | undefined {
    const start = end - this.#elements.length
    for (let i = 0; i < timeStart; i++) if (bytes[start + i] !== this.#elements[i]) return undefined
    return start
  }

  #stampLater(bytes: Uint8Array, start: number, seconds: number, counter: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    const [own] = this.#places
    const [toldCounter, toldSeconds] = [view.getUint32(start + own!, true), view.getUint32(start + own! + 4, true)]
    if (toldSeconds > seconds || (toldSeconds === seconds && toldCounter >= counter)) return
    for (const place of this.#places) {
      view.setUint32(start + place, counter, true)
      view.setUint32(start + place + 4, seconds, true)
    }
  }

  /** Behind an answer's own fields. */
  write(writer: BsonWriter): void {
    this.#advance()
    writer.elements(this.#elements, 0, this.#elements.length)
  }
}

export function clusterTimeOf(ms: number): ClusterTime {
  const seconds = Math.floor(ms / 1000)
  return { seconds, counter: (ms - seconds * 1000) * answersPerMs + 1 }
}

/** Throws TypeMismatch for what is no Timestamp. */
export function readClusterTime(value: BsonValue, name: string): ClusterTime {
  if (value.type !== bsonType.timestamp) {
    throw mongoError(
      mongoCode.typeMismatch,
      `BSON field '${name}' is the wrong type '${bsonTypeName(value.type)}', expected type 'timestamp'`,
      'wrong_type',
    )
  }
  const bits = BigInt.asUintN(64, readInt64(value))
  return { seconds: Number(bits >> 32n), counter: Number(bits & 0xffff_ffffn) }
}

/** Of a time of somebody else's clock the seconds count. */
export function msOfClusterTime(seconds: number, counter: number): number {
  const ms = Math.floor(counter / answersPerMs)
  return seconds * 1000 + (ms < 1000 ? ms : 0)
}
