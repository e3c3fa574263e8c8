/**
 * A program: statements that one connection sends, from a seed.
 *
 * Most are over tables, whose later answers depend on the earlier ones; every third one is of expressions alone, each a
 * statement for itself and every fifth one about foreign keys. Those of
 * `objects` are about all that is made beside tables.
 */
import { alter, type ChangeOptions, insert, insertQuery, remove, transaction, update } from './changes.ts'
import { expression } from './expressions.ts'
import { foreignKeyStatements } from './foreign-key-programs.ts'
import { objectStatements } from './object-programs.ts'
import { joined, type Piece, piece } from './piece.ts'
import { QueryMaker } from './queries.ts'
import { Random } from './random.ts'
import { createIndex, createTable, makeTable } from './tables.ts'
import { types } from './values.ts'
import type { Protocol } from './wire-client.ts'

export interface Step {
  readonly statement: Piece
  readonly protocol: Protocol
  readonly isOrdered: boolean
  /** Answers of later steps depend on it. */
  readonly changes: boolean
}

export type Program = readonly Step[]

export type ProgramKind = 'tables' | 'objects'

export function makeProgram(seed: number, kind: ProgramKind = 'tables'): Program {
  const random = new Random(seed)
  if (kind === 'objects') return objectProgram(random)
  if (seed % 5 === 4) return foreignKeyProgram(random)
  return seed % 3 === 0 ? expressionProgram(random) : tableProgram(random)
}

function objectProgram(random: Random): Program {
  return objectStatements(random).map((step) => ({ ...step, protocol: 'simple' }))
}

function foreignKeyProgram(random: Random): Program {
  return foreignKeyStatements(random).map(({ statement, changes }) => {
    return { statement, changes, protocol: 'simple', isOrdered: true }
  })
}

function protocolOf(random: Random): Protocol {
  return random.pick(['simple', 'simple', 'text', 'binary'] as const)
}

function expressionProgram(random: Random): Program {
  return random.times(40, 40, (): Step => {
    const protocol = protocolOf(random)
    const hasParameters = protocol !== 'simple'
    const values = random.times(1, 2, () =>
      expression(random, random.pick(types), random.int(1, 3), { columns: [], hasParameters }),
    )
    const statement = piece('statement', 'select ', ...joined(values, ', '))
    return { statement, protocol, isOrdered: true, changes: false }
  })
}

function tableProgram(random: Random): Program {
  const tables = Array.from({ length: random.int(1, 3) }, (_, i) => makeTable(random, `t${i}`))
  const queries = new QueryMaker(random, tables)
  const change = (statement: Piece, protocol: Protocol = 'simple'): Step => {
    return { statement, protocol, isOrdered: false, changes: true }
  }
  const steps = tables.map((table) => change(createTable(random, table)))
  for (const table of tables) steps.push(...random.times(0, 2, () => change(createIndex(random, table))))
  for (let i = 0; i < 12; i++) {
    steps.push(change(insert(random, { queries, tables, hasParameters: false })))
  }
  for (let i = 0; i < 30; i++) steps.push(laterStep(random, { queries, tables, hasParameters: false }, change))
  steps.push(change(piece('statement', 'rollback')))
  for (const { name } of tables) {
    const statement = piece('statement', `select * from ${name}`)
    steps.push({ statement, protocol: 'simple', isOrdered: false, changes: false })
  }
  return steps
}

function laterStep(random: Random, given: ChangeOptions, change: (statement: Piece, protocol: Protocol) => Step): Step {
  const protocol = protocolOf(random)
  const options = { ...given, hasParameters: protocol !== 'simple' }
  const roll = random.next()
  if (roll < 0.6) {
    const { piece: statement, isOrdered } = options.queries.query(options.hasParameters)
    return { statement, protocol, isOrdered, changes: false }
  }
  if (roll < 0.7) return change(insert(random, options), protocol)
  if (roll < 0.74) return change(insertQuery(random, options), protocol)
  if (roll < 0.82) return change(update(random, options), protocol)
  if (roll < 0.86) return change(remove(random, options), protocol)
  if (roll < 0.95) return change(transaction(random), protocol)
  return change(alter(random, options), protocol)
}
