/** `pg_cursors`: those that the session has declared. */
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { memoryRelation } from './memory-relation.ts'

function* cursors({ context }: SqlRun): Generator<readonly SqlValue[]> {
  for (const { name, text, isHeld, isBinary, isScroll, declaredMs } of context.cursors?.() ?? []) {
    yield [name, text, isHeld, isBinary, isScroll, BigInt(Math.floor(declaredMs)) * 1000n]
  }
}

export const pgCursors: readonly Relation[] = [
  memoryRelation(
    'pg_catalog',
    'pg_cursors',
    [
      ['name', oid.text],
      ['statement', oid.text],
      ['is_holdable', oid.bool],
      ['is_binary', oid.bool],
      ['is_scrollable', oid.bool],
      ['creation_time', oid.timestamptz],
    ],
    cursors,
  ),
]
