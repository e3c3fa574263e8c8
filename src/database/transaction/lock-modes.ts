/**
 * The modes in which something is locked, and what conflicts with what: PostgreSQL's two tables (its manual, 13.3).
 *
 * Keys, and names that are no collections, are locked in the four modes of rows, each stronger than the one before it: of
 * those a holder has one. Collections are locked in the eight modes of tables, which are not in order (SHARE lets others
 * share and no writer, ROW EXCLUSIVE lets others write and nobody share), so a holder has a set of them. Advisory locks are
 * `table share` or `exclusive`.
 */
import type { LockMode, TableLockMode } from '../contract.ts'

export type AnyLockMode = LockMode | TableLockMode

export const rowModes: readonly LockMode[] = ['key share', 'share', 'no key update', 'update']

/** From weak to strong, as PostgreSQL numbers them. */
export const tableModes: readonly TableLockMode[] = [
  'access share',
  'row share',
  'row exclusive',
  'share update exclusive',
  'table share',
  'share row exclusive',
  'exclusive',
  'access exclusive',
]

const conflictsOf: Readonly<Record<AnyLockMode, readonly AnyLockMode[]>> = {
  'key share': ['update'],
  share: ['no key update', 'update'],
  'no key update': ['share', 'no key update', 'update'],
  update: rowModes,
  'access share': ['access exclusive'],
  'row share': tableModes.slice(6),
  'row exclusive': tableModes.slice(4),
  'share update exclusive': tableModes.slice(3),
  'table share': ['row exclusive', 'share update exclusive', ...tableModes.slice(5)],
  'share row exclusive': tableModes.slice(2),
  exclusive: tableModes.slice(1),
  'access exclusive': tableModes,
}

/** By number: those of rows first. */
const all: readonly AnyLockMode[] = [...rowModes, ...tableModes]
const numbers = new Map(all.map((mode, number) => [mode, number]))
const rowMask = (1 << rowModes.length) - 1
const conflictMasks = all.map((mode) => conflictsOf[mode].reduce((mask, other) => mask | (1 << numberOf(other)), 0))

export function numberOf(mode: AnyLockMode): number {
  return numbers.get(mode)!
}

/** Of the mode with that number, with a set of others. */
export function conflicts(number: number, held: number): boolean {
  return (conflictMasks[number]! & held) !== 0
}

/** What is held once a mode is granted to who has held `held`: of rows the stronger one. */
export function withMode(held: number, number: number): number {
  const mask = 1 << number
  return (mask & rowMask) === 0 ? held | mask : Math.max(held, mask)
}

/** Whether who holds `held` has what the mode gives. */
export function covers(held: number, number: number): boolean {
  return withMode(held, number) === held
}

/** Of rows: the number of the one mode in the set. */
export function strongestOf(held: number): number {
  return 31 - Math.clz32(held)
}

export function modesIn(held: number): AnyLockMode[] {
  return all.filter((_, number) => (held & (1 << number)) !== 0)
}

export function modeNamed(number: number): AnyLockMode {
  return all[number]!
}
