/**
 * `configureFailPoint`: faults that the drivers' own tests ask for. It is there where the server was started with
 * `--mongodb-test-commands`, and nowhere else.
 *
 *   failCommand                     an error, a closed connection, a delay or a write concern error for commands by name
 *   failGetMoreAfterCursorCheckout  the same for getMore
 *   onPrimaryTransactionalWrite     after a write that may be repeated the connection closes, or before it an error comes
 *
 * How often is said by `mode`: `off`, `alwaysOn`, `{ times: n }`, `{ skip: n }`, `{ activationProbability: p }`. Writes that
 * may be repeated are counted by their operations, as the server does.
 */
import type { PolylogError } from '../../base/errors.ts'
import { bsonType, type BsonValue, elementsOf, getField } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { isTruthy, readString, toDouble, toSafeInteger } from '../../model/document/values.ts'

import { streamLabelsOf } from './errors.ts'

/** What becomes of a command. */
export interface Fault {
  readonly delayMs: number
  readonly closesConnection: boolean
  /** Comes in place of the command. */
  readonly error: PolylogError | undefined
  /** In place of those that the error would have; of a write concern error, too. */
  readonly labels: readonly string[] | undefined
  /** Comes with its answer. */
  readonly writeConcernError: BsonValue | undefined
  /** The command is carried out before the connection closes. */
  readonly isBehind: boolean
}

interface FailPoint {
  readonly isOn: () => boolean
  readonly data: BsonValue | undefined
}

const names = ['failCommand', 'failGetMoreAfterCursorCheckout', 'onPrimaryTransactionalWrite'] as const
type FailPointName = (typeof names)[number]

/** The command that is looked at. */
export interface Suspect {
  readonly command: string
  readonly clientName: string
  /** Operations of a write that may be repeated; 0 of anything else. */
  readonly repeatable: number
  /** By which it is told from others. */
  readonly operation: string
}

const spared: ReadonlySet<string> = new Set(['configureFailPoint'])
const handshakes: ReadonlySet<string> = new Set(['hello', 'isMaster', 'ismaster'])

export class FailPoints {
  readonly #set = new Map<FailPointName, FailPoint>()
  readonly #random: () => number

  constructor(random: () => number) {
    this.#random = random
  }

  configure(name: string, mode: BsonValue | undefined, data: BsonValue | undefined): void {
    const known = names.find((one) => one === name)
    if (known === undefined) throw mongoError(51_123, `Fail point ${name} was not found`, 'unsupported')
    const isOn = modeOf(mode, this.#random)
    if (isOn === undefined) this.#set.delete(known)
    else this.#set.set(known, { isOn, data: data && data.copy() })
  }

  /** The write that was interrupted behind its end: what is sent again is not carried out again. */
  #interrupted: string | undefined

  find(suspect: Suspect): Fault | undefined {
    const { command, repeatable } = suspect
    if (spared.has(command)) return undefined
    const plain = this.#set.get('failCommand')
    if (plain !== undefined && concerns(plain, suspect) && plain.isOn()) return faultOf(plain.data)
    const more = command === 'getMore' ? this.#set.get('failGetMoreAfterCursorCheckout') : undefined
    if (more?.isOn() === true) return ofStream(faultOf(more.data))
    const write = repeatable === 0 ? undefined : this.#set.get('onPrimaryTransactionalWrite')
    if (write === undefined || suspect.operation === this.#interrupted) return undefined
    const fault = faultOfWrite(write, repeatable)
    if (fault?.isBehind === true) this.#interrupted = suspect.operation
    return fault
  }
}

/** Tests use it for change streams alone. */
function ofStream(fault: Fault): Fault {
  const { error } = fault
  if (error === undefined || fault.labels !== undefined) return fault
  return { ...fault, labels: streamLabelsOf({ code: error.detail.mongoCode! }) }
}

/** Undefined where it is off. */
function modeOf(mode: BsonValue | undefined, random: () => number): (() => boolean) | undefined {
  if (mode?.type === bsonType.string) {
    const text = readString(mode)
    if (text === 'off') return undefined
    if (text === 'alwaysOn') return () => true
    throw mongoError(mongoCode.badValue, `unknown mode: ${text}`)
  }
  if (mode?.type !== bsonType.object) throw mongoError(mongoCode.typeMismatch, "'mode' must be a string or JSON object")
  const [times, skip, probability] = ['times', 'skip', 'activationProbability'].map((name) => getField(mode, name))
  if (probability !== undefined) {
    const share = toDouble(probability)
    return () => random() < share
  }
  let left = countOf(times ?? skip)
  return times === undefined ? () => left-- <= 0 : () => left-- > 0
}

function countOf(value: BsonValue | undefined): number {
  const count = value === undefined ? undefined : toSafeInteger(value)
  if (count !== undefined && count >= 0) return count
  throw mongoError(mongoCode.badValue, "'mode' must have a count of times or skip, which cannot be negative")
}

function concerns({ data }: FailPoint, { command, clientName }: Suspect): boolean {
  const list = data && getField(data, 'failCommands')
  const named = list?.type === bsonType.array ? elementsOf(list).map(readString) : []
  const isNamed = handshakes.has(command) ? named.some((one) => handshakes.has(one)) : named.includes(command)
  const application = data && getField(data, 'appName')
  return isNamed && (application === undefined || readString(application) === clientName)
}

function faultOf(data: BsonValue | undefined): Fault {
  const field = (name: string): BsonValue | undefined => (data === undefined ? undefined : getField(data, name))
  const code = field('errorCode')
  const delay = field('blockConnection')
  const labels = field('errorLabels')
  const closes = field('closeConnection')
  return {
    delayMs: delay === undefined || !isTruthy(delay) ? 0 : countOf(field('blockTimeMS')),
    closesConnection: closes !== undefined && isTruthy(closes),
    error: code === undefined ? undefined : failing(toDouble(code)),
    labels: labels === undefined ? undefined : elementsOf(labels).map(readString),
    writeConcernError: field('writeConcernError'),
    isBehind: false,
  }
}

function failing(code: number): PolylogError {
  return mongoError(code, "Failing command via 'failCommand' failpoint", 'invalid_argument')
}

/** The server looks at it before each operation; here a command's operations happen together. */
function faultOfWrite({ isOn, data }: FailPoint, operations: number): Fault | undefined {
  const code = data && getField(data, 'failBeforeCommitExceptionCode')
  const closes = data && getField(data, 'closeConnection')
  const base = { delayMs: 0, labels: undefined, writeConcernError: undefined }
  let isHit = false
  for (let i = 0; i < operations; i++) {
    if (!isOn()) continue
    isHit = true
    if (code !== undefined) break
  }
  if (!isHit) return undefined
  return {
    ...base,
    closesConnection: closes === undefined || isTruthy(closes),
    error: code === undefined ? undefined : failing(toDouble(code)),
    isBehind: code === undefined,
  }
}
