/**
 * What leaves in place of answers that told of what a full disk has refused: for each query string, or each part of a
 * pipeline up to its Sync, an error and ReadyForQuery.
 *
 *   1 2 T D D C Z(I)   becomes   1 2 E Z(I)
 *   C Z(T)             becomes   E Z(E)
 *
 * What a statement or portal was named stays so, and the client must know: ParseComplete and BindComplete before anything
 * else are kept. Rows that have left already may be followed by an error. A chunk would need more than this, and gets
 * nothing, where it
 *   - ends before its ReadyForQuery: what follows would be answered to one who skips to Sync,
 *   - has a COMMIT with something behind it, which may have been done though what is behind it was not,
 *   - tells of what stays on the connection or beside the log, whatever becomes of the transaction.
 */
import { ByteWriter } from '../../base/bytes.ts'
import type { PolylogError } from '../../base/errors.ts'
import type { Reworded } from '../refused-replies.ts'
import { readLength } from './frames.ts'
import { errorResponse, readyForQuery, type ReadyStatus } from './wire.ts'

export interface Errors extends Reworded {
  /** Statements may have been kept whose ParseComplete is not among the bytes. */
  readonly hidesParse: boolean
}

const codeOf = (letter: string): number => letter.charCodeAt(0)
const parseComplete = codeOf('1')
const acknowledgements: ReadonlySet<number> = new Set([parseComplete, codeOf('2')])
const commandComplete = codeOf('C')
const ready = codeOf('Z')
const idle = codeOf('I')
/** Of the end of a query string: nothing that was carried out. */
const epilogue: ReadonlySet<number> = new Set([codeOf('S'), codeOf('N'), ready])
const greeting: ReadonlySet<number> = new Set(['R', 'K', 'v'].map(codeOf))

/** What these have done no rollback undoes. */
const lasting = /^(?:PREPARE|DEALLOCATE|DISCARD|CREATE DATABASE|DECLARE CURSOR|CLOSE CURSOR)/

export function errorsFor(held: Uint8Array, error: PolylogError): Errors | undefined {
  const writer = new ByteWriter(256)
  let status: ReadyStatus | undefined
  let [hidesParse, isInBlock, hasFailed, hasCommitted] = [false, true, false, false]
  for (let at = 0; at < held.length;) {
    const type = held[at]!
    const end = at + 1 + readLength(held, at + 1)
    if (greeting.has(type) || (hasCommitted && !epilogue.has(type))) return undefined
    status = undefined
    if (type === ready) {
      status = held[at + 5] === idle ? 'I' : 'E'
      if (status === 'I') isInBlock = false
      errorResponse(writer, error, 'ERROR')
      readyForQuery(writer, status)
      hasFailed = hasCommitted = false
    } else if (!hasFailed && acknowledgements.has(type)) {
      writer.copy(held, at, end)
    } else {
      hasFailed = true
      if (type === parseComplete) hidesParse = true
      if (type === commandComplete) {
        const tag = Buffer.from(held.subarray(at + 5, end - 1)).toString()
        if (lasting.test(tag)) return undefined
        hasCommitted = tag === 'COMMIT'
      }
    }
    at = end
  }
  return status === undefined
    ? undefined
    : { bytes: writer.toBytes(), failsBlock: status !== 'I', isInBlock, hidesParse }
}
