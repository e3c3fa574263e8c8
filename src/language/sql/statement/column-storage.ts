/** ALTER COLUMN … SET STORAGE: what tools show and dump of a column, and where no answer depends on it. */
import type { Node } from 'libpg-query'
import type { ColumnDefinition } from '../../../model/table/definition.ts'
import type { Table } from '../../../model/table/table.ts'
import { stringOf } from '../bind/tree.ts'
import { storageOf } from '../catalog/pg-types.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { changedColumn } from './partitions/recursion.ts'

const letters: Readonly<Record<string, ColumnDefinition['storage']>> = {
  plain: 'p',
  external: 'e',
  main: 'm',
  extended: 'x',
}

export function storageStep(name: string, given: Node | undefined): (run: SqlRun, table: Table) => Table {
  const word = given === undefined ? '' : stringOf(given)
  return (run, table) => {
    const { type } = table.getColumn(name)
    const letter = letters[word.toLowerCase()]
    if (letter === undefined) throw failure('22023', `invalid storage type "${word}"`)
    if (letter !== 'p' && storageOf(type.oid, type.lengthBytes) === 'p') {
      throw failure('0A000', `column data type ${type.name} can only have storage PLAIN`)
    }
    return changedColumn(run, table, name, (one) => ({ ...one, storage: letter }))
  }
}
