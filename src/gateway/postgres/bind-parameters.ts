/**
 * The parameters of a Bind. Those of a small message are read at once; of a large one so many as a turn has room for, and
 * what takes long by itself (a document, an array of a million elements) is read by another thread.
 */
import { PolylogError } from '../../base/errors.ts'
import { inStyle } from '../../model/table/types/text-style.ts'
import { getType } from '../../model/table/types/registry.ts'
import type { SqlValue } from '../../model/table/types/value.ts'
import type { Client } from './client.ts'
import { invalidMessage, sqlError } from './errors.ts'
import type { MessageReader } from './message-reader.ts'

const noFormats: readonly number[] = []

export function readFormats(message: MessageReader): readonly number[] {
  const count = message.u16()
  if (count === 0) return noFormats
  const formats: number[] = []
  for (let i = 0; i < count; i++) {
    const format = message.u16()
    if (format > 1) throw sqlError('invalid_argument', '22023', `unsupported format code: ${format}`)
    formats.push(format)
  }
  return formats
}

/** What the parameters are for. */
export interface BindTarget {
  readonly portalName: string
  readonly statementName: string
  readonly types: readonly number[]
}

/** A message below this has nothing in it that takes long. */
const smallMessageBytes = 8 * 1024
/** Of reading parameters in one turn, in what a byte of text takes; a parameter takes as much as so many. */
const turnBytes = 128 * 1024
const parameterBytes = 24

export function readParameters(
  client: Client,
  message: MessageReader,
  target: BindTarget,
): readonly SqlValue[] | Promise<readonly SqlValue[]> {
  const formats = readFormats(message)
  const count = message.u16()
  if (formats.length > 1 && formats.length !== count) {
    throw invalidMessage(`bind message has ${formats.length} parameter formats but ${count} parameters`)
  }
  const { types, statementName } = target
  if (count !== types.length) {
    throw invalidMessage(
      `bind message supplies ${count} parameters, but prepared statement "${statementName}" requires ${types.length}`,
    )
  }
  const reading = new Reading(client, message, target, formats)
  return message.sizeBytes < smallMessageBytes ? reading.atOnce() : reading.inTurns()
}

class Reading {
  readonly #client: Client
  readonly #message: MessageReader
  readonly #target: BindTarget
  readonly #formats: readonly number[]
  readonly #values: SqlValue[] = []

  constructor(client: Client, message: MessageReader, target: BindTarget, formats: readonly number[]) {
    this.#client = client
    this.#message = message
    this.#target = target
    this.#formats = formats
  }

  atOnce(): readonly SqlValue[] {
    const { types } = this.#target
    while (this.#values.length < types.length) {
      try {
        this.#values.push(this.#read(this.#message.i32()))
      } catch (error) {
        throw this.#placed(error)
      }
    }
    return this.#values
  }

  async inTurns(): Promise<readonly SqlValue[]> {
    const { types } = this.#target
    let spentBytes = 0
    while (this.#values.length < types.length) {
      try {
        const size = this.#message.i32()
        spentBytes += parameterBytes + Math.max(0, size)
        const value = this.#readAnyhow(size)
        this.#values.push(value instanceof Promise ? await value : value)
      } catch (error) {
        throw this.#placed(error)
      }
      if (spentBytes < turnBytes) continue
      spentBytes = 0
      await this.#client.pause()
    }
    return this.#values
  }

  get #isBinary(): boolean {
    const formats = this.#formats
    return (formats.length === 1 ? formats[0] : formats[this.#values.length]) === 1
  }

  get #type(): number {
    return this.#target.types[this.#values.length]!
  }

  /** A parameter of `size` bytes, −1 for null. */
  #read(size: number): SqlValue {
    if (size === -1) return null
    const message = this.#message
    const type = getType(this.#type)
    const start = message.take(size)
    if (this.#isBinary) return type.decodeBinary(message.bytes, start, start + size)
    return inStyle(this.#client.textStyle, () => type.parseText(message.textAt(start, start + size)))
  }

  #readAnyhow(size: number): SqlValue | Promise<SqlValue> {
    if (size < smallMessageBytes || size > this.#message.remaining) return this.#read(size)
    const { at, bytes } = this.#message
    const given = bytes.subarray(at, at + size)
    const input = { kind: 'input', type: this.#type, modifier: -1, isBinary: this.#isBinary } as const
    if (!this.#client.language.isDearInput(input.type, given, input.isBinary)) return this.#read(size)
    this.#message.take(size)
    return this.#client.readElsewhere(input, given)
  }

  /** PostgreSQL's context of such errors; the value itself is not repeated. */
  #placed(error: unknown): unknown {
    if (!(error instanceof PolylogError) || error.code === 'canceled') return error
    const { portalName } = this.#target
    const portal = portalName === '' ? 'unnamed portal' : `portal "${portalName}"`
    const where = `${portal} parameter $${this.#values.length + 1} = '...'`
    return new PolylogError(error.code, error.message, { detail: { ...error.detail, where }, cause: error })
  }
}
