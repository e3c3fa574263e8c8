/** Ids and trims as arguments of commands of streams, with Redis's errors. */
import { greatestId, leastId, parseStreamId, type StreamId, streamId } from '../../../model/keyvalue/stream-ids.ts'
import type { NodeTrim, Trim } from '../../../model/keyvalue/streams.ts'
import { decodeUtf8 } from '../../../base/bytes.ts'
import { eachStep } from '../../../model/keyvalue/walk.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import type { Call } from '../call.ts'
import { CommandError, syntaxError } from '../errors.ts'

const greatestSequence = (1n << 64n) - 1n
/** Of an id in the heap. */
const idBytesInHeap = 56
const longestIdBytes = 127

function invalidId(): CommandError {
  return new CommandError('ERR Invalid stream ID specified as stream command argument')
}

function idText(call: Call, position: number): string {
  const { bytes, start, end } = call.arg(position)
  if (end - start > longestIdBytes) throw invalidId()
  return decodeUtf8(bytes, start, end)
}

function plainId(text: string, missing: bigint): StreamId {
  const parsed = parseStreamId(text, missing)
  if (parsed === undefined) throw invalidId()
  return streamId(parsed.milliseconds, parsed.sequence as bigint)
}

/** Neither `-` nor `+`. */
export function readId(call: Call, position: number): StreamId {
  return plainId(idText(call, position), 0n)
}

/** The same, or undefined where it is none. */
export function findId(call: Call, position: number): StreamId | undefined {
  const { start, end, bytes } = call.arg(position)
  if (end - start > longestIdBytes) return undefined
  const parsed = parseStreamId(decodeUtf8(bytes, start, end), 0n)
  return parsed === undefined ? undefined : streamId(parsed.milliseconds, parsed.sequence as bigint)
}

/** `-` and `+` are the least and the greatest. */
export function readIdOrEdge(call: Call, position: number, missing = 0n): StreamId {
  const text = idText(call, position)
  const plain = text.split('\0', 1)[0]
  if (plain === '-') return leastId
  return plain === '+' ? greatestId : plainId(text, missing)
}

/** Ids of many arguments, all of which must be some. */
export function* readIds(call: Call, first: number, end: number): StatementSteps<StreamId[]> {
  const ids: StreamId[] = []
  if (end - first > 64) call.tx.workspace.memory.charge((end - first) * idBytesInHeap, 'ids of a stream')
  yield* eachStep(call.tx, first, end, 1, (at) => void ids.push(readId(call, at)))
  return ids
}

/** What an id that is left out of an interval's begin or end stands for is its own end of the sequences. */
export function readFrom(call: Call, position: number): StreamId {
  return readEnd(call, position, 'start')
}

export function readTo(call: Call, position: number): StreamId {
  return readEnd(call, position, 'end')
}

/** `(5-1` is the id next to it, on the inner side. */
function readEnd(call: Call, position: number, which: 'start' | 'end'): StreamId {
  const { bytes, start, end } = call.arg(position)
  const missing = which === 'start' ? 0n : greatestSequence
  if (end - start < 2 || bytes[start] !== 0x28) return readIdOrEdge(call, position, missing)
  if (end - start - 1 > longestIdBytes) throw invalidId()
  const id = plainId(decodeUtf8(bytes, start + 1, end), missing)
  if (id === (which === 'start' ? greatestId : leastId)) {
    throw new CommandError(`ERR invalid ${which} ID for the interval`)
  }
  return which === 'start' ? id + 1n : id - 1n
}

// ---- XADD and XTRIM

/** The id of a new entry, as far as it was given. */
export type GivenId = { readonly milliseconds: bigint; readonly sequence: bigint | '*' } | '*'

export interface AddOrTrim {
  trim: Trim | undefined
  onlyExisting: boolean
  /** Of XADD. */
  id: GivenId
  /** Where the id stands. */
  idAt: number
}

class TrimOptions {
  by: 'length' | 'id' | undefined
  length = 0
  least: StreamId = 0n
  isApproximate = false
  limit: number | undefined

  /** Reads `MAXLEN ~ 5` or `MINID = 5-1` at a position; where its last argument stands. */
  take(call: Call, at: number, by: 'length' | 'id'): number {
    if (this.by !== undefined) {
      throw new CommandError('ERR syntax error, MAXLEN and MINID options at the same time are not compatible')
    }
    const sign = call.count - 1 - at >= 2 ? call.option(at + 1) : ''
    this.isApproximate = sign === '~'
    const valueAt = sign === '~' || sign === '=' ? at + 2 : at + 1
    if (by === 'id') this.least = readId(call, valueAt)
    else {
      this.length = call.integer(valueAt)
      if (this.length < 0) throw new CommandError('ERR The MAXLEN argument must be >= 0.')
    }
    this.by = by
    return valueAt
  }

  finish(call: Call, isRequired: boolean): Trim | undefined {
    if (this.by === undefined) {
      if ((this.limit ?? 0) > 0) {
        throw new CommandError('ERR syntax error, LIMIT cannot be used without specifying a trimming strategy')
      }
      if (isRequired) throw new CommandError('ERR syntax error, XTRIM must be called with a trimming strategy')
    }
    if (this.limit !== undefined && !this.isApproximate) {
      throw new CommandError('ERR syntax error, LIMIT cannot be used without the special ~ option')
    }
    if (this.by === undefined) return undefined
    const nodes = this.isApproximate ? { nodes: nodeTrim(call, this.limit) } : {}
    return this.by === 'length'
      ? { by: 'length', length: this.length, ...nodes }
      : { by: 'id', least: this.least, ...nodes }
  }
}

function nodeTrim(call: Call, given: number | undefined): NodeTrim {
  const entries = entriesOfNode(call)
  return { entries, limit: given ?? Math.min(100 * entries, 1_000_000) }
}

/** Redis closes a node by its bytes where no number is set; here it is the usual one. */
export function entriesOfNode({ server }: Call): number {
  return server.settings.number('stream-node-max-entries') || 100
}

export function parseAddOrTrim(call: Call, isAdd: boolean): AddOrTrim {
  const options = new TrimOptions()
  const parsed: AddOrTrim = { trim: undefined, onlyExisting: false, id: '*', idAt: call.count }
  for (let at = 2; at < call.count; at++) {
    const option = call.option(at)
    const hasMore = at < call.count - 1
    if (isAdd && option === '*') {
      parsed.idAt = at
      break
    }
    if ((option === 'MAXLEN' || option === 'MINID') && hasMore) {
      at = options.take(call, at, option === 'MAXLEN' ? 'length' : 'id')
    } else if (option === 'LIMIT' && hasMore) {
      options.limit = call.integer(++at)
      if (options.limit < 0) throw new CommandError('ERR The LIMIT argument must be >= 0.')
    } else if (!isAdd) throw syntaxError()
    else if (option === 'NOMKSTREAM') parsed.onlyExisting = true
    else {
      const id = parseStreamId(idText(call, at), 0n, true)
      if (id === undefined) throw invalidId()
      parsed.id = id
      parsed.idAt = at
      break
    }
  }
  parsed.trim = options.finish(call, !isAdd)
  return parsed
}
