/**
 * A relation as it was before the statement wrote anything. The statements of one WITH all see that: what one of them writes
 * the others read only by its RETURNING. So of a relation that one writes and another reads, all rows are read first.
 */
import type { RelationIndex, RelationReader, RowSourceHandle } from '../../../../query/relation.ts'
import type { SqlRow, SqlRun } from '../../plan/run.ts'
import { RelationOver } from '../relation-over.ts'

export class FrozenRelation extends RelationOver {
  /** None: the rows lie beside those that they find. */
  readonly indexes: readonly RelationIndex[] = []

  reader(): RelationReader {
    return { open: (run) => new FrozenRows((run as SqlRun).frozen!.get(this)!) }
  }
}

/** Each with its key as the last value. */
class FrozenRows implements RowSourceHandle {
  readonly #rows: readonly SqlRow[]
  #at = 0

  constructor(rows: readonly SqlRow[]) {
    this.#rows = rows
  }

  next(): SqlRow | undefined {
    return this.#rows[this.#at++]?.slice(0, -1)
  }

  rowKey(): Uint8Array {
    return this.#rows[this.#at - 1]!.at(-1) as Uint8Array
  }
}
