/**
 * SELECT * FROM polylog_history('shop.orders', '-1h'): which transactions have changed rows, documents and keys, when, through
 * which door and session, with what was there before and after. `polylog.history` is the same of everything that is kept.
 *
 * Nobody is shown more than what they may see now and could see then, and nothing without HISTORY.
 */
import { parseMoment, type Moment } from '../../../base/moment.ts'
import { requireHistory, rightsThen } from '../../../database/access/past-rights.ts'
import { noPrivileges, privilege } from '../../../database/access/privileges.ts'
import type { Rights } from '../../../database/access/rights.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'
import type { Sequence } from '../../../database/contract.ts'
import type { AuthorSession } from '../../../database/history/author.ts'
import { origins } from '../../../log/record.ts'
import { isTemporaryName } from '../../../model/table/temporary-names.ts'
import { ChangeHistory, type CommittedChange } from '../../../query/change-history.ts'
import type { RowImage } from '../../../query/changed-rows.ts'
import { largeBytes } from '../../../query/operator.ts'
import { keyvalueViews } from '../../../query/keyvalue-relation.ts'
import { paused, type Paused, type SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { buildJsonObject } from './json/json-functions.ts'
import { defineSetFunction } from './registry.ts'

export const historyColumns: readonly (readonly [name: string, type: number])[] = [
  ['transaction', oid.int8],
  ['committed_at', oid.timestamptz],
  ['origin', oid.text],
  ['door', oid.text],
  ['session', oid.int8],
  ['username', oid.text],
  ['joined_by', oid.jsonb],
  ['relation', oid.text],
  ['operation', oid.text],
  ['key', oid.jsonb],
  ['before', oid.jsonb],
  ['after', oid.jsonb],
]

export interface HistoryQuestion {
  /** `schema.name`, or the name alone; undefined: all. */
  readonly relation?: string | undefined
  /** After the state of then. */
  readonly since?: Moment | undefined
  /** Up to the state of then. */
  readonly until?: Moment | undefined
  /** Of this transaction alone. */
  readonly only?: Sequence | undefined
}

/** Rows of `historyColumns`; what `next` throws to wait for is waited for. Errors: 42501, those of the past. */
export class HistoryRows {
  readonly #run: SqlRun
  readonly #changes: ChangeHistory

  constructor(run: SqlRun, { relation, since, until, only }: HistoryQuestion) {
    const { transaction } = run
    const { principal } = transaction
    requireHistory(principal.rights, principal.database)
    this.#run = run
    this.#changes = new ChangeHistory(transaction, {
      since,
      until,
      only,
      wants: (collection) => isShown(collection) && (relation === undefined || mayBeCalled(collection, relation)),
      show: (change, database) => {
        if (relation !== undefined && !isCalled(change, relation)) return undefined
        return visibleTo(rightsThen(transaction, database), change)
      },
    })
  }

  next(): readonly SqlValue[] | undefined {
    for (;;) {
      const change = this.#changes.next()
      if (change === undefined) return undefined
      const row = this.#rowOf(change)
      if (row !== undefined) return row
    }
  }

  /** Undefined: nothing of it has changed that is shown. */
  #rowOf(change: CommittedChange): readonly SqlValue[] | undefined {
    const { of, schema, name } = change
    const [before, after] = [jsonOf(change.before), jsonOf(change.after)]
    if (before === after) return undefined
    const operation = before === null ? 'insert' : after === null ? 'delete' : 'update'
    const [first, ...others] = of.authors.map((author) => this.#authorOf(author))
    return [
      BigInt(of.sequence),
      BigInt(of.timeMs) * 1000n,
      originNames.get(of.origin) ?? null,
      first?.door ?? null,
      first?.session ?? null,
      first?.user ?? null,
      others.length === 0 ? null : `[${others.map(jsonOfAuthor).join(', ')}]`,
      `${schema}.${name}`,
      operation,
      jsonOf(change.key),
      before,
      after,
    ]
  }

  #authorOf({ door, session, roleId }: AuthorSession): Author {
    const user = roleId === undefined ? null : this.#run.context.roles?.find(({ id }) => id === roleId)?.name
    return { door: door ?? null, session: BigInt(session), user: user ?? null }
  }
}

interface Author {
  readonly door: string | null
  readonly session: bigint
  readonly user: string | null
}

function jsonOfAuthor({ door, session, user }: Author): string {
  const types = [oid.text, oid.text, oid.text, oid.int8, oid.text, oid.text]
  return buildJsonObject(types, ['door', door, 'session', session, 'user', user], true)
}

const originNames = new Map(Object.entries(origins).map(([name, code]) => [code, name]))

export function jsonOf(image: RowImage | undefined): string | null {
  if (image === undefined) return null
  if ('document' in image) return image.document
  const types = image.columns.flatMap(({ type }) => [oid.text, type])
  const values = image.columns.flatMap(({ name }, i) => [name, image.values[i]!])
  return buildJsonObject(types, values, true)
}

/** What sessions have for themselves is not told of. */
function isShown({ namespace }: Collection): boolean {
  return !isTemporaryName(namespace.name)
}

function isCalled({ schema, name }: { readonly schema: string; readonly name: string }, relation: string): boolean {
  return relation === name || relation === `${schema}.${name}`
}

/** It, or one of the relations that it shows. */
function mayBeCalled({ model, namespace, name }: Collection, relation: string): boolean {
  const names = model === 'keyvalue' ? [name, ...[...keyvalueViews, 'list'].map((view) => `${name}_${view}`)] : [name]
  return names.some((one) => isCalled({ schema: namespace.name, name: one }, relation))
}

function visibleTo(rights: Rights, change: CommittedChange): CommittedChange | undefined {
  const { collection } = change
  const mayRead = (set: number): boolean => (set & privilege.read) !== noPrivileges
  if (mayRead(rights.onCollection(collection))) return change
  if (collection.model !== 'table' || !mayRead(rights.onAnyColumn(collection))) return undefined
  const visible = (image: RowImage | undefined): RowImage | undefined => {
    if (image === undefined || 'document' in image) return undefined
    const shown = image.columns.map(({ number }) => mayRead(rights.onColumn(collection, number)))
    return { columns: image.columns.filter((_, i) => shown[i]), values: image.values.filter((_, i) => shown[i]) }
  }
  return { ...change, key: visible(change.key)!, before: visible(change.before), after: visible(change.after) }
}

const longestShown = 64

/** Errors: 22023. */
export function momentOf(value: SqlValue): Moment | undefined {
  if (value === null || value === undefined) return undefined
  const moment = parseMoment(value as string)
  if (moment === undefined) {
    throw failure('22023', `invalid moment: "${(value as string).slice(0, longestShown)}"`, {
      hint: 'A sequence, a span as -10m, or a time as 2026-03-01 12:00:00.',
    })
  }
  return moment
}

function historyOf(
  run: SqlRun,
  [relation, since, until]: readonly SqlValue[],
): Iterator<readonly SqlValue[] | Paused, void> {
  const rows = new HistoryRows(run, {
    relation: (relation ?? undefined) as string | undefined,
    since: momentOf(since ?? null),
    until: momentOf(until ?? null),
  })
  let bytes = 0
  const next = (): IteratorResult<readonly SqlValue[] | Paused, void> => {
    if (run.transaction.slice.spend(1 + Math.floor(bytes / bytesPerKey))) {
      bytes = 0
      return { done: false, value: paused }
    }
    const row = rows.next()
    bytes = row === undefined ? 0 : largeBytes(row)
    return row === undefined ? { done: true, value: undefined } : { done: false, value: row }
  }
  return { next }
}

/** To write so much as JSON takes as long as to look at a key. */
const bytesPerKey = 200

for (const takes of [[], [oid.text], [oid.text, oid.text], [oid.text, oid.text, oid.text]]) {
  defineSetFunction({
    name: 'polylog_history',
    takes,
    variadic: false,
    columns: historyColumns.map(([name, type]) => ({ name, type })),
    rows: () => {
      throw failure('0A000', 'polylog_history() stands in FROM')
    },
    slowRows: historyOf,
  })
}
