/** COPY FROM STDIN and TO STDOUT, in text, CSV and the binary format. */
import { privilege } from '../../../database/access/privileges.ts'
import { atOnce, inPlace, isSteps } from '../../../database/transaction/wait.ts'
import type { CopyStmt, Node } from 'libpg-query'
import type { RowDraft } from '../../../model/table/expressions.ts'
import { getRowTarget } from './written-rows.ts'
import { getType } from '../../../model/table/types/registry.ts'
import type { SqlType } from '../../../model/table/types/type.ts'
import { findRelation } from '../bind/bind-from.ts'
import { ViewRelation } from '../bind/view-relation.ts'
import type { Binder } from '../bind/binder.ts'
import { isSecured } from '../bind/row-security.ts'
import { Scope } from '../bind/scope.ts'
import { itemsOf, optionText, stringsOf } from '../bind/tree.ts'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { readInSteps } from '../remote/input.ts'
import { isDearInput } from '../remote/input-cost.ts'
import type { CopyDescription, CopyLoad, SqlValue } from '../contract.ts'
import { failure, notBuilt } from '../failure.ts'
import type { PlanNode } from '../plan/plan-node.ts'
import type { SqlRow } from '../plan/run.ts'
import type { Relation } from '../../../query/relation.ts'
import { CopyBinaryReader } from './copy-binary.ts'
import { checkCsvOnly, checkFormat, type CopyFormat, CopyReader, type CopyRecord } from './copy-format.ts'
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

function readFormat(nodes: readonly Node[]): CopyFormat | 'binary' {
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
  let isBinary = false
  for (const node of nodes) {
    if (!('DefElem' in node)) continue
    const { defname = '', arg } = node.DefElem
    const text = optionText(arg)
    if (defname === 'format') {
      isBinary = text === 'binary'
      if (text === 'text' || text === 'csv') format.kind = text
      else if (!isBinary) throw failure('22023', `COPY format "${text}" not recognized`)
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
  if (isBinary) return checkBinary(given)
  if (format.kind === 'text') return checkFormat(format, given)
  const csv = {
    ...format,
    delimiter: given.has('delimiter') ? format.delimiter : ',',
    nullText: given.has('null') ? format.nullText : '',
    escape: given.has('escape') ? format.escape : format.quote,
  }
  return checkFormat(csv, given)
}

function checkBinary(given: ReadonlySet<string>): 'binary' {
  for (const name of ['delimiter', 'null', 'header']) {
    if (!given.has(name)) continue
    throw failure(name === 'header' ? '0A000' : '42601', `cannot specify ${name.toUpperCase()} in BINARY mode`)
  }
  checkCsvOnly(given)
  return 'binary'
}

function copyColumns(relation: Relation, names: readonly string[]): readonly number[] {
  if (names.length === 0) return [...relation.columns.keys()].filter((i) => relation.columns[i]!.isGenerated !== true)
  return names.map((name, i) => {
    const at = relation.columns.findIndex((column) => column.name === name)
    if (at < 0) throw failure('42703', `column "${name}" of relation "${relation.name}" does not exist`)
    if (relation.columns[at]!.isGenerated === true) {
      const detail = 'Generated columns cannot be used in COPY.'
      throw failure('42P10', `column "${name}" is a generated column`, { detail })
    }
    if (names.indexOf(name) < i) throw failure('42701', `column "${name}" specified more than once`)
    return at
  })
}

function planCopyOut(binder: Binder, statement: CopyStmt, format: CopyFormat | 'binary'): Planned {
  const { plan, names, types } = copySource(binder, statement)
  const columnCount = types.length
  const copy: CopyDescription =
    format === 'binary'
      ? { direction: 'out', format, columnCount, binary: { types } }
      : { direction: 'out', format: format.kind, columnCount, lines: { format, names, types } }
  return {
    effect: { kind: 'copy out' },
    command: 'COPY',
    execute: (parameters) => new QueryExecution(plan, parameters),
    copy,
  }
}

function copySource(
  binder: Binder,
  statement: CopyStmt,
): { plan: PlanNode; names: readonly string[]; types: readonly number[] } {
  const { query, relation: name } = statement
  if (query !== undefined && 'MergeStmt' in query) throw failure('0A000', 'MERGE not supported in COPY')
  if (query !== undefined && !('SelectStmt' in query)) throw notBuilt('COPY of a statement that writes')
  let select = query !== undefined && 'SelectStmt' in query ? query.SelectStmt : undefined
  if (select === undefined) {
    const relation = findRelation(binder, name!)
    if (relation instanceof ViewRelation) throw refused(relation, 'from', 'Try the COPY (SELECT ...) TO variant.')
    const columns = copyColumns(relation, stringsOf(statement.attlist))
    const targetList = columns.map((at): Node => {
      return { ResTarget: { val: { ColumnRef: { fields: [{ String: { sval: relation.columns[at]!.name } }] } } } }
    })
    select = { targetList, fromClause: [{ RangeVar: name! }], op: 'SETOP_NONE', limitOption: 'LIMIT_OPTION_DEFAULT' }
  }
  const { plan, columns } = planOutput(binder.query(new Scope(), select), binder.progress)
  return { plan, names: columns.map((column) => column.name), types: columns.map(({ type }) => type) }
}

function planCopyIn(binder: Binder, statement: CopyStmt, format: CopyFormat | 'binary'): Planned {
  const relation = findRelation(binder, statement.relation!)
  if (relation instanceof ViewRelation && !relation.triggered.does('insert')) {
    throw refused(relation, 'to', 'To enable copying to a view, provide an INSTEAD OF INSERT trigger.')
  }
  if (statement.whereClause !== undefined) throw notBuilt('COPY FROM … WHERE')
  if (isSecured(binder, relation)) {
    throw failure('0A000', 'COPY FROM not supported with row-level security', {
      hint: 'Use INSERT statements instead.',
    })
  }
  const target = getRowTarget(relation, 'insert into')
  const columns = copyColumns(relation, stringsOf(statement.attlist))
  for (const at of columns) binder.access.column(relation.collection, relation.columns[at]!.number, privilege.insert)
  const fields = columns.map((at): Field => {
    const { type, modifier } = relation.columns[at]!
    return { at, type: getType(type), modifier }
  })
  const beginLoad = (): CopyLoad => {
    const reader = format === 'binary' ? new CopyBinaryReader(fields.length) : new CopyReader(format)
    return {
      feed: (bytes) => reader.feed(bytes),
      finish: () => reader.finish(),
      get heldBytes() {
        return reader.heldBytes
      },
      load: () => {
        const records = reader.take()
        return new StepsExecution(function* (run) {
          let rowCount = 0
          yield* inPlace(run.transaction, () => target.begin?.(run.transaction, 'insert'))
          for (const record of records) {
            const dear = readDearFields(run.transaction, fields, record)
            const read = dear === undefined ? noDearFields : yield* dear
            const draft = readDraft(relation, fields, record, read)
            const insert = (): ReturnType<typeof target.insert> => target.insert(run.transaction, draft, unconditional)
            const begun = atOnce<SqlRow | undefined>(run.transaction, insert)
            const stored = isSteps(begun) ? yield* begun : begun
            if (stored !== undefined) rowCount++
            if (run.transaction.slice.spend(1)) yield undefined
          }
          return { rowCount }
        }, [])
      },
    }
  }
  const kind = format === 'binary' ? format : format.kind
  const copy = { direction: 'in', format: kind, columnCount: columns.length, beginLoad } as const
  return {
    effect: { kind: 'copy in' },
    command: 'COPY',
    execute: () => new StepsExecution(() => ({ rowCount: 0 }), []),
    copy,
  }
}

const unconditional = { skipsTaken: false, isShown: false }

/** By their places in the line. */
type DearFields = ReadonlyMap<number, SqlValue>
const noDearFields: DearFields = new Map()

/** What a place in a line is. */
interface Field {
  /** The ordinal of its column. */
  readonly at: number
  readonly type: SqlType
  readonly modifier: number
}

/** Those that another thread reads; undefined where there are none. */
function readDearFields(
  transaction: Transaction,
  fields: readonly Field[],
  { fields: texts }: CopyRecord,
): StatementSteps<DearFields> | undefined {
  let dear: number[] | undefined
  for (let i = 0; i < texts.length && i < fields.length; i++) {
    const text = texts[i]!
    if (text !== null && isDearInput(fields[i]!.type.oid, text, typeof text !== 'string')) (dear ??= []).push(i)
  }
  return dear && readEach(transaction, fields, texts, dear)
}

function* readEach(
  transaction: Transaction,
  fields: readonly Field[],
  texts: CopyRecord['fields'],
  dear: readonly number[],
): StatementSteps<DearFields> {
  const read = new Map<number, SqlValue>()
  for (const i of dear) {
    const { type, modifier } = fields[i]!
    const given = texts[i]!
    const isBinary = typeof given !== 'string'
    const value = yield* readInSteps(transaction, { kind: 'input', type: type.oid, modifier, isBinary }, given)
    read.set(i, isBinary && value !== null && modifier >= 0 ? type.coerce(value, modifier, false) : value)
  }
  return read
}

/** What the line does not give is undefined. */
function readDraft(
  relation: Relation,
  fields: readonly Field[],
  { fields: texts, line }: CopyRecord,
  dear: DearFields,
): RowDraft {
  checkCount(relation, fields, texts, line)
  const draft: RowDraft = []
  for (let i = relation.columns.length; i > 0; i--) draft.push(undefined)
  for (let i = 0; i < fields.length; i++) {
    const { at, type, modifier } = fields[i]!
    const text = texts[i]!
    const read = dear === noDearFields ? undefined : dear.get(i)
    if (read !== undefined) draft[at] = read
    else {
      const value = text === null ? null : readGiven(type, text, modifier)
      draft[at] = value === null || modifier < 0 ? value : type.coerce(value, modifier, false)
    }
  }
  return draft
}

function readGiven(type: SqlType, given: string | Uint8Array, modifier: number): SqlValue {
  return typeof given === 'string' ? type.parseText(given, modifier) : type.decodeBinary(given, 0, given.length)
}

function checkCount(relation: Relation, fields: readonly Field[], texts: CopyRecord['fields'], line: number): void {
  if (texts.length === fields.length) return
  const where = `COPY ${relation.name}, line ${line}`
  if (texts.length > fields.length) throw failure('22P04', 'extra data after last expected column', { detail: where })
  const missing = relation.columns[fields[texts.length]!.at]!.name
  throw failure('22P04', `missing data for column "${missing}"`, { detail: where })
}

function refused({ name }: ViewRelation, way: 'from' | 'to', hint: string): Error {
  return failure('42809', `cannot copy ${way} view "${name}"`, { hint })
}
