/**
 * LCS: the longest common subsequence of two strings, by the table of the lengths that their beginnings have in common. Where
 * only the length is asked for, two rows of it are kept; else all, charged before it is made.
 */
import { charge } from '../../../base/work.ts'
import { sliceOf } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { Header, kind } from '../../../model/keyvalue/codec.ts'
import { findHeader } from '../../../model/keyvalue/keyvalue.ts'
import { copyString, lengthOf } from '../../../model/keyvalue/strings.ts'
import { eachStep } from '../../../model/keyvalue/walk.ts'
import { toItsEnd } from '../../../database/transaction/wait.ts'
import type { Call, DataHandler } from '../call.ts'
import { CommandError, syntaxError } from '../errors.ts'

interface Request {
  readonly onlyLength: boolean
  readonly withRanges: boolean
  readonly withLengths: boolean
  readonly least: number
}

/** Of Redis's table: its default `proto-max-bulk-len`. */
const mostTableBytes = 512 * 1024 * 1024
const redisCellBytes = 4
/** Lengths fit 16 bits: of a table that is taken, one side has fewer than 11,586 cells. */
const cellBytes = 2
const cellsPerStep = 65_536
const cellUnits = 4

function readString(call: Call, position: number): StatementSteps<Uint8Array> {
  const header = new Header()
  return toItsEnd(call.tx, () => {
    if (!findHeader(call.tx, call.space, call.arg(position), header)) return new Uint8Array(0)
    if (header.kind !== kind.string) throw new CommandError('ERR The specified keys must contain string values')
    call.tx.workspace.memory.charge(lengthOf(header), 'a string of LCS')
    return copyString(call.tx, call.space, header)
  })
}

function parse(call: Call): Request {
  const found = new Set<string>()
  let least = 0
  for (let at = 3; at < call.count; at++) {
    const option = call.option(at)
    if (option === 'MINMATCHLEN' && at + 1 < call.count) least = Math.max(0, call.integer(++at))
    else if (option === 'IDX' || option === 'LEN' || option === 'WITHMATCHLEN') found.add(option)
    else throw syntaxError()
  }
  if (found.has('LEN') && found.has('IDX')) {
    throw new CommandError('ERR If you want both the length and indexes, please just use IDX.')
  }
  return { onlyLength: found.has('LEN'), withRanges: found.has('IDX'), withLengths: found.has('WITHMATCHLEN'), least }
}

/** Row `i`, column `j`: what the first `i` bytes of `a` and the first `j` of `b` have in common. */
class Table {
  readonly #cells: Uint16Array
  readonly #columns: number
  readonly #rows: number

  /** `rows`: how many are kept; an older one is written over. */
  constructor(rows: number, columns: number) {
    this.#rows = rows
    this.#columns = columns
    this.#cells = new Uint16Array(rows * columns)
  }

  at(row: number, column: number): number {
    return this.#cells[(row % this.#rows) * this.#columns + column]!
  }

  /** Columns `from` to `to` of a row, the latter not included. */
  fill(a: Uint8Array, b: Uint8Array, row: number, from: number, to: number): void {
    const cells = this.#cells
    const above = ((row - 1) % this.#rows) * this.#columns
    const own = (row % this.#rows) * this.#columns
    const byte = a[row - 1]!
    for (let column = from; column < to; column++) {
      if (byte === b[column - 1]) cells[own + column] = cells[above + column - 1]! + 1
      else cells[own + column] = Math.max(cells[above + column]!, cells[own + column - 1]!)
    }
  }
}

function* fillTable(call: Call, a: Uint8Array, b: Uint8Array, keepsAll: boolean): StatementSteps<Table> {
  const rows = keepsAll ? a.length + 1 : 2
  call.tx.workspace.memory.charge(rows * (b.length + 1) * cellBytes, 'the table of LCS')
  const table = new Table(rows, b.length + 1)
  const stepsOfRow = Math.ceil(b.length / cellsPerStep)
  yield* eachStep(call.tx, 0, a.length * stepsOfRow, 1, (at) => {
    const row = Math.floor(at / stepsOfRow) + 1
    const from = (at % stepsOfRow) * cellsPerStep + 1
    const to = Math.min(b.length + 1, from + cellsPerStep)
    charge((to - from) * cellUnits)
    table.fill(a, b, row, from, to)
  })
  return table
}

/** A part of both strings: of `length` bytes that end before `a` and `b`. */
interface Match {
  readonly a: number
  readonly b: number
  readonly length: number
}

/** From the last to the first. */
function* findMatches(call: Call, a: Uint8Array, b: Uint8Array, table: Table): StatementSteps<Match[]> {
  const matches: Match[] = []
  let i = a.length
  let j = b.length
  let length = 0
  const end = (): void => {
    if (length > 0) matches.push({ a: i + length, b: j + length, length })
    length = 0
  }
  for (let steps = 1; i > 0 && j > 0; steps++) {
    if (a[i - 1] === b[j - 1]) {
      i--
      j--
      length++
    } else {
      end()
      if (table.at(i - 1, j) > table.at(i, j - 1)) i--
      else j--
    }
    if (steps % 4096 === 0 && call.tx.slice.spend(64)) yield undefined
  }
  end()
  return matches
}

function* writeRanges(call: Call, matches: readonly Match[], request: Request, length: number): StatementSteps<void> {
  const { reply } = call
  const { least, withLengths } = request
  const shown = matches.filter((match) => match.length >= least)
  const range = (behind: number, size: number): void => {
    reply.array(2)
    reply.integer(behind - size)
    reply.integer(behind - 1)
  }
  reply.map(2)
  reply.bulkText('matches')
  reply.array(shown.length)
  yield* eachStep(call.tx, 0, shown.length, 1, (at) => {
    const match = shown[at]!
    reply.array(withLengths ? 3 : 2)
    range(match.a, match.length)
    range(match.b, match.length)
    if (withLengths) reply.integer(match.length)
  })
  reply.bulkText('len')
  reply.integer(length)
}

function* longestCommon(call: Call): StatementSteps<void> {
  const { reply } = call
  const a = yield* readString(call, 1)
  const b = yield* readString(call, 2)
  const request = parse(call)
  if ((a.length + 1) * (b.length + 1) * redisCellBytes > mostTableBytes) {
    throw new CommandError('ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len')
  }
  const table = yield* fillTable(call, a, b, !request.onlyLength)
  const length = table.at(a.length, b.length)
  if (request.onlyLength) return reply.integer(length)
  const matches = yield* findMatches(call, a, b, table)
  if (request.withRanges) return yield* writeRanges(call, matches, request, length)
  const common = new Uint8Array(length)
  let end = length
  for (const match of matches) {
    end -= match.length
    common.set(a.subarray(match.a - match.length, match.a), end)
  }
  reply.bulk(sliceOf(common))
}

export const longestCommonCommands: Readonly<Record<string, DataHandler>> = { lcs: longestCommon }
