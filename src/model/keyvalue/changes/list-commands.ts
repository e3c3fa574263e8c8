/**
 * What a list has become, from what it was: items that went from its ends, items that came to them, and items that were replaced. What
 * was put into the middle of one, or taken out of it, has it told whole, as Redis's own commands for that walk it whole.
 */
import { sliceOf } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { index } from '../keys.ts'
import { keyAt, offsetIn, rangeOf, readPosition } from '../lists.ts'
import { boundsOf, isEven } from '../list-places.ts'
import { countRange, eachStep } from '../walk.ts'
import { indexOf } from './key-before.ts'
import { Gathered, type KeyChange, valueAt } from './key-change.ts'

interface Positions {
  /** In their order. */
  readonly removed: ReadonlySet<number>
  readonly added: readonly number[]
  readonly replaced: readonly number[]
}

/** False where the list has to be told whole. */
export function* listCommands(change: KeyChange): StatementSteps<boolean> {
  const { key, before, emit } = change
  const { removed, added, replaced } = yield* sortPositions(change)
  const fromHead = countRemoved(before.head, removed)
  const fromTail = fromHead === removed.size ? 0 : countRemoved(before.tail, removed)
  if (fromHead + fromTail !== removed.size) return false
  const first = before.head[fromHead]
  const last = before.tail[fromTail]
  // Nothing of it is left, or an item came to be between others.
  if (first === undefined || last === undefined) return false
  if (added.some((position) => position > first && position < last)) return false
  if (fromHead > 0) emit('LPOP', key, fromHead)
  if (fromTail > 0) emit('RPOP', key, fromTail)
  yield* push(change, 'LPUSH', added.filter((position) => position < first).reverse())
  yield* push(
    change,
    'RPUSH',
    added.filter((position) => position > last),
  )
  for (const position of replaced) yield* replace(change, position)
  return true
}

function* sortPositions({ reader, space, after, elements, before }: KeyChange): StatementSteps<Positions> {
  const removed = new Set<number>()
  const added: number[] = []
  const replaced: number[] = []
  const offset = offsetIn(space, after)
  yield* eachStep(reader, 0, elements.length, 1, (at) => {
    const element = elements[at]!
    const of = indexOf(element)
    if (of !== index.item) return
    const position = readPosition(sliceOf(element), offset)
    const isThere = reader.get(sliceOf(element)) !== undefined
    const wasThere = before.elements.has(Buffer.from(element).toString('latin1'))
    if (isThere && wasThere) replaced.push(position)
    else if (isThere) added.push(position)
    else if (wasThere) removed.add(position)
  })
  return { removed, added: added.sort((a, b) => a - b), replaced }
}

function countRemoved(edge: readonly number[], removed: ReadonlySet<number>): number {
  let count = 0
  while (count < edge.length && removed.has(edge[count]!)) count++
  return count
}

function* push(change: KeyChange, command: string, positions: readonly number[]): StatementSteps<void> {
  const { space, after, key, emit } = change
  const items = new Gathered(emit, command, key)
  for (const position of positions) {
    const item = yield* valueAt(change, sliceOf(keyAt(space, after, position).toBytes()))
    items.add(item!)
  }
  items.end()
}

function* replace(change: KeyChange, position: number): StatementSteps<void> {
  const { reader, space, after, key, emit } = change
  const rank = isEven(after)
    ? (position - after.position) / 2 ** after.stepBits
    : yield* countRange(reader, rangeOf(space, after, boundsOf(after).first, position))
  const item = yield* valueAt(change, sliceOf(keyAt(space, after, position).toBytes()))
  emit('LSET', key, rank, item!)
}
