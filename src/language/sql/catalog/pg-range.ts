/** `pg_range`: the range types, and what each is of. */
import { allTypes } from '../../../model/table/types/registry.ts'
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import { oid } from '../types/oids.ts'
import { memoryRelation } from './memory-relation.ts'

function* ranges(): Generator<readonly SqlValue[]> {
  for (const { range } of allTypes) {
    if (range !== undefined) yield [range.oid, range.subtype.oid, range.multirangeOid, 0, 0, 0, 0]
  }
}

export const pgRange: Relation = memoryRelation(
  'pg_catalog',
  'pg_range',
  [
    ['rngtypid', oid.oid],
    ['rngsubtype', oid.oid],
    ['rngmultitypid', oid.oid],
    ['rngcollation', oid.oid],
    ['rngsubopc', oid.oid],
    ['rngcanonical', oid.regproc],
    ['rngsubdiff', oid.regproc],
  ],
  ranges,
)
