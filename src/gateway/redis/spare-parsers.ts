/**
 * Parsers of connections that rest, for those that send something.
 *
 * Invariant: one that is spare holds nothing of what it has parsed, and is no connection's.
 */
import type { Payer } from '../../base/memory-account.ts'
import { RequestParser, type Sender } from './wire.ts'

const mostKept = 64

export class SpareParsers {
  readonly #maxBytes: number
  readonly #spare: RequestParser[] = []

  /** `maxBytes`: of a request. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  take(sender: Sender, payer: Payer): RequestParser {
    const parser = this.#spare.pop() ?? new RequestParser(this.#maxBytes)
    parser.sender = sender
    parser.chargeTo(payer)
    return parser
  }

  /** False where something of a request has come: then it stays whose it is. */
  give(parser: RequestParser): boolean {
    parser.rest()
    if (!parser.isEmpty) return false
    parser.sender = undefined
    parser.chargeTo(undefined)
    if (this.#spare.length < mostKept) this.#spare.push(parser)
    return true
  }
}
