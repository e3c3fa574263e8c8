/**
 * `= ANY` and `<> ALL` of a list by a set that is made once, where asking element by element would take as long as the list
 * for every row. That is so of a literal list, of a parameter, and of an array that was there for the row before: it is
 * known by being the same object.
 *
 * The set of an array is made while a row is evaluated, which cannot pause: it throws, and goes on where it was when the
 * row is evaluated again (`costed.ts`).
 */
import { charge, isTurnOver } from '../../../base/work.ts'
import { canWait, suspended } from '../../../database/transaction/wait.ts'
import { flatElements } from '../../../model/table/types/array.ts'
import { entryBytes, type HashKey } from '../../../query/row-format.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { chunksOf, eachOf, type Progress } from '../progress.ts'
import { hashKeyOf } from '../types/hash-key.ts'
import { oid } from '../types/oids.ts'
import { valueBytes } from '../types/row-format.ts'
import type { QuantifiedExpression } from './expression.ts'

type KeyOf = (value: SqlValue) => HashKey

/** From here on a set is faster than asking one by one. */
const minSetElements = 16

/** How values are told apart; undefined where the operator is not the equality of a type, or its negation. */
export function membershipKey({ all, left, operator }: QuantifiedExpression): KeyOf | undefined {
  const [a, b] = operator.arguments
  if (operator.name !== (all ? '<>' : '=') || a?.kind !== 'column' || b?.kind !== 'column') return undefined
  // Documents are parsed for their keys: one by one they wait for a thread, if it comes to that.
  return a.type === b.type && left.type === a.type && a.type !== oid.jsonb ? hashKeyOf(a.type) : undefined
}

/** Of a list that is known when the plan is made. */
export function literalSet(
  { array }: QuantifiedExpression,
  keyOf: KeyOf,
  progress: Progress | undefined,
): ReadonlySet<unknown> | undefined {
  if (array.kind !== 'constant') return undefined
  const elements = array.value as readonly SqlValue[] | null
  if (elements === null || elements.length < minSetElements || elements.some(Array.isArray)) return undefined
  const make = (): Set<unknown> => new Set()
  const set = progress === undefined ? make() : progress.once(make)
  eachOf(progress, chunksOf(elements), (chunk) => {
    for (const value of chunk) set.add(value === null ? null : keyOf(value))
    progress?.spend(chunk.length >> 1)
  })
  return set
}

/** What `value`, whose set this is, answers. */
export function answerOf(set: ReadonlySet<unknown>, value: SqlValue, all: boolean, keyOf: KeyOf): boolean | null {
  if (value === null) return null
  if (set.has(keyOf(value))) return !all
  return set.has(null) ? null : all
}

/** Between two looks at the meter. */
const elementsAtOnce = 256
const unitsPerElement = 100
const bytesPerUnit = 4

/** The set of the array that a place of a plan was given last. */
interface KnownArray {
  readonly array: readonly SqlValue[]
  readonly elements: readonly SqlValue[]
  readonly set: Set<unknown>
  at: number
  /** Charged for the set. */
  heldBytes: number
}

export type KnownArrays = Map<ArraySets, KnownArray>

/** A place of a plan where arrays come to. */
export class ArraySets {
  readonly #keyOf: KeyOf
  /** The same for all rows: its set is made for the first one. */
  readonly #isSteady: boolean

  constructor({ array }: QuantifiedExpression, keyOf: KeyOf) {
    this.#keyOf = keyOf
    this.#isSteady = array.kind === 'parameter'
  }

  /** Undefined where the array is short, or has not been here for the row before. */
  find(array: readonly SqlValue[], run: SqlRun): ReadonlySet<unknown> | undefined {
    if (array.length < minSetElements) return undefined
    const known = run.arraySets?.get(this)
    if (known?.array === array) return known.at < known.elements.length ? this.#make(known, run) : known.set
    if (known !== undefined) run.transaction.workspace.memory.release(known.heldBytes)
    run.arraySets ??= new Map()
    const elements = this.#isSteady ? flatElements(array) : array
    const begun: KnownArray = { array, elements, set: new Set(), at: 0, heldBytes: 0 }
    run.arraySets.set(this, begun)
    return this.#isSteady ? this.#make(begun, run) : undefined
  }

  #make(known: KnownArray, run: SqlRun): ReadonlySet<unknown> | undefined {
    const { elements, set } = known
    while (known.at < elements.length) {
      if (isTurnOver() && canWait()) throw suspended
      const end = Math.min(elements.length, known.at + elementsAtOnce)
      let bytes = 0
      for (let i = known.at; i < end; i++) {
        const value = elements[i]!
        if (Array.isArray(value)) return undefined
        set.add(value === null ? null : this.#keyOf(value))
        bytes += valueBytes(value)
      }
      charge((end - known.at) * unitsPerElement + bytes / bytesPerUnit)
      const heldBytes = (end - known.at) * entryBytes + bytes
      run.transaction.workspace.memory.charge(heldBytes, 'the set of an array')
      known.heldBytes += heldBytes
      known.at = end
    }
    return set
  }
}
