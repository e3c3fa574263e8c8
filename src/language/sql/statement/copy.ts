/** COPY FROM STDIN and TO STDOUT, in text and CSV. */
import { inPlace } from '../../../database/wait.ts'
import type { CopyStmt, Node } from 'libpg-query'
import type { RowDraft } from '../../../model/table/expressions.ts'
import { Project } from '../../../query/row-operators.ts'
import { rowTargetOf } from '../../../query/row-target.ts'
import { getType } from '../../../model/table/types/registry.ts'
import { findRelation } from '../bind/bind-from.ts'
import type { Binder } from '../bind/binder.ts'
import { Scope } from '../bind/scope.ts'
import { itemsOf, optionText, stringsOf } from '../bind/tree.ts'
import type { CopyLoad, Execution, SqlValue } from '../contract.ts'
import { failure, notBuilt } from '../failure.ts'
import type { PlanNode } from '../plan/plan-node.ts'
import type { SqlRow } from '../plan/run.ts'
import type { Relation } from '../../../query/relation.ts'
import { type CopyFormat, CopyReader, formatLine } from './copy-format.ts'
import { QueryExecution, StepsExecution } from './execution.ts'
import type { Planned } from './prepared.ts'
import { planOutput } from './select.ts'

export function planCopy(binder: Binder, statement: CopyStmt): Planned {
  if (statement.filename !== undefined || statement.is_program === true) {
    throw notBuilt('COPY to or from a file of the server')
  }
  const format = readFormat(statement.options ?? [])
  return statement.is_from === true ? planCopyIn(binder, statement, format) : planCopyOut(binder, statement, format)
}

function readFormat(nodes: readonly Node[]): CopyFormat {
  const format: { -readonly [K in keyof CopyFormat]: CopyFormat[K] } = {
    kind: 'text',
    delimiter: '\t',
    nullText: '\\N',
    header: false,
    quote: '"',
    escape: '"',
    forceQuote: new Set(),
  }
  const given = new Set<string>()
  for (const node of nodes) {
    if (!('DefElem' in node)) continue
    const { defname = '', arg } = node.DefElem
    const text = optionText(arg)
    if (defname === 'format') {
      if (text !== 'text' && text !== 'csv') throw notBuilt(`COPY format "${text}"`)
      format.kind = text
    } else if (defname === 'delimiter') format.delimiter = text ?? '\t'
    else if (defname === 'null') format.nullText = text ?? ''
    else if (defname === 'header') format.header = text === undefined || ['1', 'true', 'on'].includes(text)
    else if (defname === 'quote') format.quote = text ?? '"'
    else if (defname === 'escape') format.escape = text ?? '"'
    else if (defname === 'force_quote') format.forceQuote = new Set(stringsOf(itemsOf(arg)))
    else if (defname === 'encoding' && /^utf-?8$/i.test(text ?? '')) continue
    // Rows are written through the log in any case: there is nothing to freeze.
    else if (defname !== 'freeze') throw notBuilt(`the COPY option "${defname}"`)
    given.add(defname)
  }
  if (format.kind === 'text') return format
  return {
    ...format,
    delimiter: given.has('delimiter') ? format.delimiter : ',',
    nullText: given.has('null') ? format.nullText : '',
    escape: given.has('escape') ? format.escape : format.quote,
  }
}

function copyColumns(relation: Relation, names: readonly string[]): readonly number[] {
  if (names.length === 0) return relation.columns.map((_, i) => i)
  return names.map((name) => {
    const at = relation.columns.findIndex((column) => column.name === name)
    if (at < 0) throw failure('42703', `column "${name}" of relation "${relation.name}" does not exist`)
    return at
  })
}

function planCopyOut(binder: Binder, statement: CopyStmt, format: CopyFormat): Planned {
  const { plan, names, types } = copySource(binder, statement)
  const formatters = types.map((type) => {
    const entry = getType(type)
    return (value: SqlValue): string => entry.formatText(value)
  })
  const lines: PlanNode = {
    explain: plan.explain,
    open: (run) =>
      new Project(plan.open(run), (row: SqlRow): SqlRow => [
        formatLine(
          format,
          row.map((value, i) => (value === null ? null : formatters[i]!(value))),
          names,
        ),
      ]),
  }
  const headed = (parameters: readonly SqlValue[]): Execution => {
    const execution = new QueryExecution(lines, parameters)
    return format.header ? withHeader(execution, formatLine(format, [...names], names)) : execution
  }
  const copy = { direction: 'out', format: format.kind, columnCount: types.length } as const
  return { effect: { kind: 'copy out' }, command: 'COPY', execute: headed, copy }
}

function withHeader(execution: Execution, line: string): Execution {
  let isFirst = true
  return {
    next: (transaction, context) => {
      if (!isFirst) return execution.next(transaction, context)
      isFirst = false
      return [[line]]
    },
    get waitFor() {
      return execution.waitFor
    },
    get rowCount() {
      return execution.rowCount
    },
    get notices() {
      return execution.notices
    },
    reset: () => {
      isFirst = true
      execution.reset()
    },
  }
}

function copySource(
  binder: Binder,
  statement: CopyStmt,
): { plan: PlanNode; names: readonly string[]; types: readonly number[] } {
  const { query, relation: name } = statement
  if (query !== undefined && !('SelectStmt' in query)) throw notBuilt('COPY of a statement that writes')
  let select = query !== undefined && 'SelectStmt' in query ? query.SelectStmt : undefined
  if (select === undefined) {
    const relation = findRelation(binder, name!)
    const columns = copyColumns(relation, stringsOf(statement.attlist))
    const targetList = columns.map((at): Node => {
      return { ResTarget: { val: { ColumnRef: { fields: [{ String: { sval: relation.columns[at]!.name } }] } } } }
    })
    select = { targetList, fromClause: [{ RangeVar: name! }], op: 'SETOP_NONE', limitOption: 'LIMIT_OPTION_DEFAULT' }
  }
  const { plan, columns } = planOutput(binder.query(new Scope(), select), binder.progress)
  return { plan, names: columns.map((column) => column.name), types: columns.map(({ type }) => type) }
}

function planCopyIn(binder: Binder, statement: CopyStmt, format: CopyFormat): Planned {
  const relation = findRelation(binder, statement.relation!)
  if (statement.whereClause !== undefined) throw notBuilt('COPY FROM … WHERE')
  const target = rowTargetOf(relation)
  const columns = copyColumns(relation, stringsOf(statement.attlist))
  const beginLoad = (): CopyLoad => {
    const reader = new CopyReader(format)
    return {
      feed: (bytes) => reader.feed(bytes),
      finish: () => reader.finish(),
      load: () => {
        const records = reader.take()
        return new StepsExecution(function* (run) {
          for (const { fields, line } of records) {
            const draft = readDraft(relation, columns, fields, line)
            yield* inPlace(run.transaction, () => target.insert(run.transaction, draft, unconditional))
            if (run.transaction.slice.spend(1)) yield undefined
          }
          return { rowCount: records.length }
        }, [])
      },
    }
  }
  const copy = { direction: 'in', format: format.kind, columnCount: columns.length, beginLoad } as const
  return {
    effect: { kind: 'copy in' },
    command: 'COPY',
    execute: () => new StepsExecution(() => ({ rowCount: 0 }), []),
    copy,
  }
}

const unconditional = { skipsTaken: false, isShown: false }

/** What the line does not give is undefined. */
function readDraft(
  relation: Relation,
  columns: readonly number[],
  fields: readonly (string | null)[],
  line: number,
): RowDraft {
  const where = `COPY ${relation.name}, line ${line}`
  if (fields.length > columns.length) throw failure('22P04', 'extra data after last expected column', { detail: where })
  if (fields.length < columns.length) {
    const missing = relation.columns[columns[fields.length]!]!.name
    throw failure('22P04', `missing data for column "${missing}"`, { detail: where })
  }
  const draft: RowDraft = relation.columns.map(() => undefined)
  for (const [i, at] of columns.entries()) {
    const text = fields[i]!
    const { type: oid, modifier } = relation.columns[at]!
    const type = getType(oid)
    const value = text === null ? null : type.parseText(text, modifier)
    draft[at] = value === null || modifier < 0 ? value : type.coerce(value, modifier, false)
  }
  return draft
}
