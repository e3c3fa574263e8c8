/**
 * `operationTime` and `$clusterTime`: what drivers hand from one answer to the next command of a session, so that it reads
 * what it has written wherever it reads. Here a command reads the newest state there is, so the times need only never go back;
 * seconds are the wall clock's, and the counter tells apart what happens within one.
 *
 * As a router, an answer to a command of a transaction has a `recoveryToken`, too, which another router would need to end it.
 */
import type { Host } from '../../host/host.ts'
import { BsonWriter } from '../../model/document/bson-writer.ts'

/** In a second's counter there is room for milliseconds, and for so many answers in one. */
const answersPerMs = 4096

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
  now(): { readonly seconds: number; readonly counter: number } {
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

  /** Behind an answer's own fields. */
  write(writer: BsonWriter): void {
    this.#advance()
    writer.elements(this.#elements, 0, this.#elements.length)
  }
}

export function clusterTimeOf(ms: number): { readonly seconds: number; readonly counter: number } {
  const seconds = Math.floor(ms / 1000)
  return { seconds, counter: (ms - seconds * 1000) * answersPerMs + 1 }
}

/** Of a time of somebody else's clock the seconds count. */
export function msOfClusterTime(seconds: number, counter: number): number {
  const ms = Math.floor(counter / answersPerMs)
  return seconds * 1000 + (ms < 1000 ? ms : 0)
}
