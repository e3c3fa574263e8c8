/** `polylog_as_of('shop.orders', moment)` in FROM: a relation as it was then, with the columns that it has now. */
import type { FuncCall } from 'libpg-query'
import type { Paused, SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import type { SetFunctionEntry } from '../functions/registry.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import type { Relation } from '../../../query/relation.ts'
import type { Binder } from './binder.ts'
import { coerce } from './coerce.ts'
import { splitName } from './names.ts'
import type { RowsSource } from './rows-from.ts'
import type { Scope } from './scope.ts'

export interface PastSource {
  readonly schema: string
  readonly name: string
  /** Of a relation that is stored. */
  readonly collection: number | undefined
  readonly columns: readonly { readonly name: string; readonly type: number; readonly number: number }[]
}

/** Reads it by a query of its own: above binding (`routine/past-rows.ts`). */
export type PastReader = (
  run: SqlRun,
  source: PastSource,
  when: SqlValue,
) => Iterator<readonly SqlValue[] | Paused, void>

let reader: PastReader | undefined

export function registerPastReader(one: PastReader): void {
  reader = one
}

export const asOfFunction = 'polylog_as_of'

/** `find`: the relation of a name. */
export function bindAsOf(
  binder: Binder,
  scope: Scope,
  call: FuncCall,
  find: (name: readonly string[]) => Relation,
): RowsSource {
  const [named, when, ...more] = call.args ?? []
  if (named === undefined || when === undefined || more.length > 0) {
    throw failure('42883', `function ${asOfFunction} takes a relation and a moment`, { location: call.location })
  }
  const text = 'A_Const' in named ? named.A_Const.sval?.sval : undefined
  if (text === undefined) {
    throw failure('0A000', `${asOfFunction} takes the relation's name as a literal`, { location: call.location })
  }
  const relation = find(splitName(text))
  const columns = relation.columns.map(({ name, type, modifier, number }) => ({ name, type, modifier, number }))
  const source: PastSource = {
    schema: relation.schema,
    name: relation.name,
    collection: relation.collection?.id,
    columns,
  }
  const entry: SetFunctionEntry = {
    name: asOfFunction,
    takes: [oid.text],
    variadic: false,
    isDescribed: true,
    columns,
    rows: () => {
      throw failure('0A000', `${asOfFunction}() stands in FROM`)
    },
    slowRows: (run, [moment]) => reader!(run, source, moment ?? null),
  }
  return { entry, arguments: [coerce(binder, binder.expression(scope, when), oid.text)], columns }
}
