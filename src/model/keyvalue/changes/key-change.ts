/** A key that is there in both of two states, and the commands that tell what has become of it. */
import { copySlice, type Slice } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import type { Header } from '../codec.ts'
import type { Keyspace } from '../keys.ts'
import { findValue } from '../long-values.ts'
import { gatherPieces, Pieces } from '../pieces.ts'
import type { CommandArgument } from '../rdb/file-commands.ts'
import { eachStep, type SlicedReader } from '../walk.ts'
import type { KeyBefore } from './key-before.ts'

/** Takes a command. */
export type Emit = (...args: readonly CommandArgument[]) => void

/** A key that is there before and after, under the same generation. */
export interface KeyChange {
  readonly reader: SlicedReader
  readonly space: Keyspace
  readonly key: Uint8Array
  readonly before: KeyBefore
  readonly after: Header
  /** Keys of changed elements. */
  readonly elements: readonly Uint8Array[]
  readonly emit: Emit
}

/** Elements in one command. */
const mostTogether = 256

/** Commands of at most so many elements each. */
export class Gathered {
  readonly #emit: Emit
  readonly #head: readonly CommandArgument[]
  #args: CommandArgument[] = []
  #count = 0

  constructor(emit: Emit, ...head: readonly CommandArgument[]) {
    this.#emit = emit
    this.#head = head
  }

  add(...args: readonly CommandArgument[]): void {
    this.#args.push(...args)
    if (++this.#count === mostTogether) this.end()
  }

  end(): void {
    if (this.#count > 0) this.#emit(...this.#head, ...this.#args)
    this.#args = []
    this.#count = 0
  }
}

/** What is at an entry of a hash or list, whole. */
export function* valueAt({ reader, space, after }: KeyChange, entry: Slice): StatementSteps<Uint8Array | undefined> {
  let value: Uint8Array | Pieces | undefined
  yield* eachStep(reader, 0, 1, 1, () => {
    const found = findValue(reader, space, after, entry)
    value = found === undefined || found instanceof Pieces ? found : copySlice(found)
  })
  return value instanceof Pieces ? yield* gatherPieces(reader, value) : value
}
