/**
 * A language of a few words in place of SQL, with which the gateway's tests have every case (a pause, a wait, rows without
 * end, a failing commit) at will. Nothing outside of tests imports this.
 */
import { ByteReader, ByteWriter } from '../../base/bytes.ts'
import { PolylogError } from '../../base/errors.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { Transaction } from '../../database/contract.ts'
import {
  paused,
  type CopyLoad,
  type Execution,
  type ParsedStatement,
  type PreparedStatement,
  type ResultColumn,
  type Row,
  type StatementEffect,
} from '../../language/sql/contract.ts'
import type { SqlValue } from '../../model/table/types/value.ts'
import type { SqlLanguage } from './language.ts'

function column(name: string, typeOid: number): ResultColumn {
  return { name, typeOid, typeModifier: -1, tableOid: 0, columnNumber: 0 }
}

function execution(run: (transaction: Transaction, batch: number) => Row[] | typeof paused | undefined): Execution {
  let batch = 0
  const one = {
    rowCount: 0,
    waitFor: undefined,
    notices: [],
    next(transaction: Transaction) {
      const rows = run(transaction, batch)
      if (rows !== paused) batch++
      if (Array.isArray(rows)) one.rowCount += rows.length
      return rows
    },
    reset() {
      batch = 0
      one.rowCount = 0
    },
  }
  return one
}

const storeKey = (name: string): KeyWriter => new KeyWriter().begin(1000, 1).string(name)

function put(transaction: Transaction, name: string, value: string): void {
  const bytes = new ByteWriter()
  bytes.utf8(value)
  transaction.put(storeKey(name), bytes)
}

function get(transaction: Transaction, name: string): string | null {
  const slice = transaction.get(storeKey(name))
  return slice === undefined ? null : ByteReader.of(slice).utf8(slice.end - slice.start)
}

type Words = readonly string[]
type Make = (words: Words, parameters: readonly SqlValue[]) => Execution

const series: Make = ([, count]) =>
  execution((_, batch) => {
    const from = Math.floor(batch / 2) * 100
    if (from >= Number(count)) return undefined
    if (batch % 2 === 1) return []
    return Array.from({ length: Math.min(100, Number(count) - from) }, (_unused, i) => [from + i + 1])
  })

const commands: Record<string, { columns?: ResultColumn[]; kind: 'read' | 'write'; types?: number[]; make: Make }> = {
  ECHO: {
    columns: [column('value', 25)],
    kind: 'read',
    make: (words) => execution((_, batch) => (batch === 0 ? [[words.slice(1).join(' ')]] : undefined)),
  },
  ADD: {
    columns: [column('sum', 23)],
    kind: 'read',
    types: [23, 23],
    make: (_, [a, b]) => execution((_tx, batch) => (batch === 0 ? [[Number(a) + Number(b)]] : undefined)),
  },
  SERIES: { columns: [column('n', 23)], kind: 'read', make: series },
  PUT: {
    kind: 'write',
    make: ([, name, value]) => {
      const one = execution((transaction) => {
        put(transaction, name!, value!)
        return undefined
      })
      return Object.assign(one, { rowCount: 1 })
    },
  },
  /** Writes and tells, like INSERT … RETURNING. */
  TELL: {
    columns: [column('value', 25)],
    kind: 'write',
    make: ([, name, value]) =>
      execution((transaction, batch) => {
        if (batch > 0) return undefined
        put(transaction, name!, value!)
        return [[value!]]
      }),
  },
  GET: {
    columns: [column('value', 25)],
    kind: 'read',
    make: ([, name]) => execution((transaction, batch) => (batch === 0 ? [[get(transaction, name!)]] : undefined)),
  },
  FAIL: {
    kind: 'read',
    columns: [column('n', 23)],
    make: () =>
      execution((_, batch) => {
        if (batch === 0) return [[1]]
        throw new PolylogError('division_by_zero', 'division by zero')
      }),
  },
}

function control(words: Words): StatementEffect | undefined {
  const [first, second = ''] = words
  if (first === 'BEGIN') return { kind: 'begin' }
  if (first === 'COMMIT') return { kind: 'commit', chain: second === 'CHAIN' }
  if (first === 'ROLLBACK' && second === 'TO') return { kind: 'rollback to', name: words[2]! }
  if (first === 'ROLLBACK') return { kind: 'rollback', chain: false }
  if (first === 'SAVEPOINT') return { kind: 'savepoint', name: second }
  if (first === 'DECLARE') {
    const statement = { text: words.slice(2).join(' '), tree: words.slice(2), offset: 0, source: '' }
    return { kind: 'declare', name: second, statement, hold: false, scroll: undefined, isBinary: false }
  }
  if (first === 'FETCH')
    return { kind: 'fetch', name: words[2]!, direction: 'forward', count: Number(second), move: false }
  if (first === 'JOIN') return { kind: 'join', token: () => second }
  return undefined
}

/** Lines become values of PUT under their own name; a line `bad` fails. */
function load(): CopyLoad {
  let text = ''
  return {
    feed: (bytes) => (text += Buffer.from(bytes).toString()).length > 20,
    finish: () => undefined,
    get heldBytes() {
      return text.length
    },
    load: () => {
      const lines = text.split('\n').filter((line) => line !== '')
      text = ''
      const one = execution((transaction) => {
        for (const line of lines) {
          if (line === 'bad') throw new PolylogError('invalid_argument', 'bad line')
          put(transaction, line, line)
        }
        return undefined
      })
      return Object.assign(one, { rowCount: lines.length })
    },
  }
}

function prepared(words: Words): PreparedStatement {
  const common = { isCurrent: () => true, uses: () => false, parameterTypes: [], columns: undefined }
  const none = (): Execution => execution(() => undefined)
  const effect = control(words)
  if (effect !== undefined) {
    const command = effect.kind === 'join' ? 'SELECT' : words[0]!
    return { ...common, effect, command, execute: none }
  }
  if (words[0] === 'SET') {
    const set = (): Execution => ({
      ...none(),
      next: (_, context) => {
        context.setSetting(words[1]!.replace(/"/g, ''), words[3]!.replace(/'/g, ''), 'session')
        return undefined
      },
    })
    return { ...common, effect: { kind: 'session' }, command: 'SET', execute: set }
  }
  if (words[0] === 'COPY') {
    const copy = { direction: 'in' as const, format: 'text' as const, columnCount: 1, beginLoad: load }
    return { ...common, effect: { kind: 'copy in' }, command: 'COPY', execute: none, copy }
  }
  const command = commands[words[0]!]
  if (command === undefined) {
    throw new PolylogError('syntax', `syntax error at or near "${words[0]}"`, { detail: { position: 1 } })
  }
  return {
    ...common,
    effect: { kind: command.kind },
    command: command.kind === 'read' ? 'SELECT' : 'INSERT',
    columns: command.columns,
    parameterTypes: command.types ?? [],
    execute: (parameters) => command.make(words, parameters),
  }
}

export const wordLanguage: SqlLanguage = {
  load: () => Promise.resolve(),
  parse: (_host, text) =>
    text
      .split(';')
      .map((part) => part.trim())
      .filter((part) => part !== '')
      .map((part): ParsedStatement => ({ text: part, tree: part.split(' '), offset: 0, source: text })),
  prepare: (statement) => prepared(statement.tree as Words),
  prepareOn: (_host, statement) => prepared(statement.tree as Words),
  isDearInput: () => false,
  readElsewhere: () => Promise.reject(new PolylogError('internal', 'nothing is dear')),
}
