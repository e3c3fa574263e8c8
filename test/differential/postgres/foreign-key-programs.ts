/**
 * Random programs about foreign keys and deferrable constraints: three tables with few values, so that most statements meet
 * what others refer to; every action, match and timing; what is left is shown after each change.
 */
import { piece, type Piece } from './piece.ts'
import type { Random } from './random.ts'

const actions = ['no action', 'restrict', 'cascade', 'set null', 'set default'] as const
const timings = ['', '', '', ' deferrable', ' deferrable initially deferred', ' not deferrable'] as const

interface Reference {
  readonly name: string
  readonly table: string
}

interface Made {
  readonly statements: string[]
  readonly references: Reference[]
}

/** `t0` refers to itself, `t1` to `t0`, `t2` to both, by keys of one column or two. */
function makeTables(random: Random): Made {
  const statements: string[] = []
  const references: Reference[] = []
  const types = ['int', 'int', 'bigint', 'smallint', 'numeric']
  for (const i of [0, 1, 2]) {
    const columns = [`id ${random.pick(types)} primary key`]
    for (const name of ['a', 'b', 'c']) {
      const value = random.chance(0.3) ? ` default ${random.int(1, 4)}` : ''
      const isNotNull = random.chance(0.08) ? ' not null' : ''
      columns.push(`${name} ${random.pick(types.slice(0, 3))}${value}${isNotNull}`)
    }
    const timing = random.pick(['', '', '', ' deferrable', ' deferrable initially deferred'])
    columns.push(`constraint t${i}_ab unique (a, b)${random.chance(0.7) ? '' : timing}`)
    if (random.chance(0.4)) columns.push(`constraint t${i}_c unique (c)${timing}`)
    statements.push(`create table t${i} (${columns.join(', ')})`)
  }
  for (const [table, target] of [
    ['t0', 't0'],
    ['t1', 't0'],
    ['t2', 't1'],
    ['t2', 't0'],
  ] as const) {
    for (let n = random.int(0, 2); n > 0; n--) {
      const name = `${table}_r${references.length}`
      references.push({ name, table })
      statements.push(addReference(random, table, target, name))
      if (random.chance(0.3))
        statements.push(`create index on ${table} (${random.pick(['a', 'b', 'c', 'a, b', 'b, a'])})`)
    }
  }
  return { statements, references }
}

function addReference(random: Random, table: string, target: string, name: string): string {
  const isDouble = random.chance(0.35)
  const from = isDouble ? random.pick(['a, b', 'b, a', 'b, c']) : random.pick(['a', 'b', 'c'])
  const to = isDouble ? random.pick(['(a, b)', '(b, a)']) : random.pick(['', '', '(id)', '(c)'])
  const match = random.chance(0.25) ? ' match full' : ''
  const onDelete = random.chance(0.8) ? ` on delete ${random.pick(actions)}` : ''
  const columns = isDouble && /set /.test(onDelete) && random.chance(0.4) ? ` (${from.split(', ')[0]})` : ''
  const onUpdate = random.chance(0.7) ? ` on update ${random.pick(actions)}` : ''
  const validity = random.chance(0.1) ? ' not valid' : ''
  const rules = `${match}${onDelete}${columns}${onUpdate}${random.pick(timings)}${validity}`
  return `alter table ${table} add constraint ${name} foreign key (${from}) references ${target} ${to}${rules}`
}

function value(random: Random): string {
  return random.chance(0.25) ? 'null' : String(random.int(1, 5))
}

function change(random: Random): string {
  const table = `t${random.int(0, 2)}`
  const roll = random.next()
  if (roll < 0.5) {
    const rows = random.times(1, 3, () => `(${random.int(1, 6)}, ${value(random)}, ${value(random)}, ${value(random)})`)
    const conflict = random.chance(0.15) ? ' on conflict do nothing' : ''
    return `insert into ${table} values ${rows.join(', ')}${conflict}`
  }
  const where = random.chance(0.75)
    ? ` where id = ${random.int(1, 6)}`
    : ` where ${random.pick(['a', 'b', 'c'])} = ${random.int(1, 4)}`
  if (roll < 0.75) {
    const column = random.pick(['id', 'a', 'b', 'c'])
    const to =
      column === 'id' ? `id + ${random.int(1, 3)}` : random.pick([value(random), value(random), 'default', 'id'])
    return `update ${table} set ${column} = ${to}${where}`
  }
  return `delete from ${table}${where}`
}

function control(random: Random, references: readonly Reference[]): string {
  const roll = random.next()
  if (roll < 0.35) return 'begin'
  if (roll < 0.6) return 'commit'
  if (roll < 0.65) return 'rollback'
  if (roll < 0.72) return 'savepoint s'
  if (roll < 0.79) return 'rollback to s'
  const timing = random.pick(['deferred', 'immediate'])
  if (references.length === 0 || random.chance(0.6)) return `set constraints all ${timing}`
  return `set constraints ${random.pick(references).name} ${timing}`
}

function schemaChange(random: Random, references: readonly Reference[]): string {
  const roll = random.next()
  const table = `t${random.int(0, 2)}`
  if (roll < 0.2) return `truncate ${table}${random.pick(['', ' cascade'])}`
  if (roll < 0.3)
    return `alter table ${table} drop constraint ${table}_${random.pick(['ab', 'pkey'])}${random.pick(['', ' cascade'])}`
  if (roll < 0.4)
    return `alter table ${table} drop column ${random.pick(['a', 'b', 'c'])}${random.pick(['', ' cascade'])}`
  if (roll < 0.5 || references.length === 0) return addReference(random, table, `t${random.int(0, 2)}`, 'added')
  const { name, table: owner } = random.pick(references)
  const what = random.pick([
    `drop constraint ${name}`,
    `validate constraint ${name}`,
    `alter constraint ${name} deferrable initially deferred`,
    `alter constraint ${name} not deferrable`,
  ])
  return `alter table ${owner} ${what}`
}

/** Texts in the order in which they are sent; those that only look are marked. */
export function foreignKeyStatements(random: Random): { statement: Piece; changes: boolean }[] {
  const { statements, references } = makeTables(random)
  const all = statements.map((text) => ({ text, changes: true }))
  for (let i = 0; i < 60; i++) {
    const roll = random.next()
    const text =
      roll < 0.78 ? change(random) : roll < 0.94 ? control(random, references) : schemaChange(random, references)
    all.push({ text, changes: true })
    if (random.chance(0.25))
      all.push({ text: `select * from t${random.int(0, 2)} order by id, a, b, c`, changes: false })
  }
  all.push({ text: 'commit', changes: true })
  for (const i of [0, 1, 2]) all.push({ text: `select * from t${i} order by id, a, b, c`, changes: false })
  return all.map(({ text, changes }) => ({ statement: piece('statement', text), changes }))
}
