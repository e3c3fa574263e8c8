/** Statements of SQL by a grammar, from the text to its rows; and texts that are hardly SQL, up to the grammar. */
import { PolylogError } from '../../../src/base/errors.ts'
import { openTestDatabase } from '../../../src/database/testing.ts'
import { SeededRandom } from '../../../src/host/simulated/random.ts'
import { loadSql, parse } from '../../../src/language/sql/sql.ts'
import { TestSql } from '../../../src/language/sql/testing.ts'
import { Choices } from '../choices.ts'
import { refusing, type Target } from '../target.ts'

const tables = ['t', 'u', 'pg_class', '(values (1, 2)) as v(a, b)', 'generate_series(1, 3) as a']
const columns = ['a', 'b', 'c', 'd', 'e', 't.a', 'u.b', 'ctid', '__proto__', '"constructor"', 'x']
const literals = [
  '1',
  '0',
  '-1',
  '2147483648',
  '9007199254740993',
  '1.5',
  '1e300',
  "'x'",
  "''",
  'null',
  'true',
  "'{1,2}'",
  `'{"k": [1]}'`,
  '$1',
]
const binary = '+ - * / % = <> < >= || -> ->> @> ? and or like ~ !~ ~* ^ # & | << is-distinct-from'.split(' ')
const types = [
  'int',
  'text',
  'numeric',
  'numeric(3,1)',
  'jsonb',
  'int[]',
  'bool',
  'date',
  'interval',
  'bytea',
  'varchar(2)',
  'timestamptz',
  'uuid',
  'regclass',
]
const functions =
  'abs length upper lower substr coalesce nullif greatest round concat jsonb_build_object array_length to_char now count sum avg min max array_agg string_agg row_number repeat lpad regexp_replace split_part jsonb_path format generate_series __proto__ constructor pg_typeof date_trunc extract encode position overlay md5 json_agg jsonb_object_agg bit_length chr ascii trim'.split(
    ' ',
  )

/** A sentence; what is shortest comes first, for the end of the choices. */
class Sql {
  readonly #choices: Choices

  constructor(choices: Choices) {
    this.#choices = choices
  }

  statement(): string {
    const { below } = { below: (limit: number) => this.#choices.below(limit) }
    return this.#choices.way([
      () => this.select(),
      () => this.select(),
      () => this.select(),
      () =>
        `insert into ${this.#table()} ${below(2) === 0 ? '' : `(${this.#list(columns)})`} ${this.#rows()}${this.#conflict()}${this.#returning()}`,
      () =>
        `update ${this.#table()} set ${this.#of(columns)} = ${this.expression()}${this.#where()}${this.#returning()}`,
      () => `delete from ${this.#table()}${this.#where()}${this.#returning()}`,
      () => `with w as (${this.statement()}) ${this.select('w')}`,
      () => `explain ${this.statement()}`,
      () =>
        `create ${this.#of(['table', 'index', 'view', 'sequence', 'temp table', 'unique index'])} ${this.#of(['n', 'm', '__proto__'])} ${this.#of(['(a int)', 'on t (b)', `as ${this.select()}`, `(a ${this.#of(types)} default ${this.expression()} check (${this.expression()}))`])}`,
      () =>
        `drop ${this.#of(['table', 'index', 'view'])} if exists ${this.#of(['n', 'm', 't'])} ${this.#of(['', 'cascade'])}`,
      () =>
        `alter table ${this.#table()} ${this.#of(['add column x', 'alter column a type', 'drop column b', 'add constraint k check'])} ${this.#of([...types, '(a > 0)', ''])}`,
      () =>
        `${this.#of(['set', 'show', 'reset'])} ${this.#of(['work_mem', '__proto__', 'constructor', 'search_path', 'timezone'])} ${this.#of(['', "= '1'", 'to default'])}`,
      () =>
        `merge into t using u on ${this.expression()} when matched then ${this.#of(['delete', `update set b = ${this.expression()}`, 'do nothing'])}`,
    ])
  }

  select(from?: string): string {
    const choices = this.#choices
    const head = `select ${this.#of(['', '', 'distinct ', 'all '])}${choices.some(3, () => this.#column(), 1).join(', ')}`
    const source = from ?? (choices.below(5) === 0 ? undefined : this.#from())
    const body = `${head}${source === undefined ? '' : ` from ${source}`}${this.#where()}${this.#tail()}`
    return choices.below(6) === 1
      ? `${body} ${this.#of(['union', 'union all', 'intersect', 'except'])} ${this.select()}`
      : body
  }

  #column(): string {
    return this.#choices.below(6) === 0 ? '*' : `${this.expression()}${this.#of(['', '', ' as x', ' "a b"'])}`
  }

  #from(): string {
    return this.#choices.way([
      () => this.#table(),
      () => this.#of(tables),
      () =>
        `${this.#from()} ${this.#of(['join', 'left join', 'full join'])} ${this.#table()} z on ${this.expression()}`,
      () => `${this.#of(tables)}, ${this.#of(['', 'lateral '])}(${this.select()}) as s`,
    ])
  }

  #table(): string {
    return this.#of(['t', 'u', 'nope', 'pg_type'])
  }

  #where(): string {
    return this.#choices.below(2) === 0 ? '' : ` where ${this.expression()}`
  }

  #tail(): string {
    const group =
      this.#choices.below(4) === 1 ? ` group by ${this.#of(['1', 'a', 'rollup(a, b)', this.expression()])}` : ''
    const having = this.#choices.below(8) === 1 ? ` having ${this.expression()}` : ''
    const order =
      this.#choices.below(3) === 1 ? ` order by ${this.expression()} ${this.#of(['', 'desc', 'nulls first'])}` : ''
    const limit =
      this.#choices.below(4) === 1 ? ` limit ${this.#of(['1', '0', '-1', 'null', 'all', '9007199254740993'])}` : ''
    return group + having + order + limit + this.#of(['', '', ' for update', ' offset 1'])
  }

  #rows(): string {
    return this.#choices.way([
      () => `values (${this.#choices.some(4, () => this.expression(), 1).join(', ')})`,
      () => 'default values',
      () => this.select(),
    ])
  }

  #conflict(): string {
    return this.#of(['', '', ' on conflict do nothing', ' on conflict (a) do update set b = excluded.b'])
  }

  #returning(): string {
    return this.#choices.below(3) === 1 ? ` returning ${this.#column()}` : ''
  }

  expression(): string {
    return this.#choices.way([
      () => this.#of(literals),
      () => this.#of(columns),
      () =>
        `${this.expression()} ${this.#of(binary).replaceAll('-from', ' from').replace('is-', 'is ')} ${this.expression()}`,
      () => `(${this.expression()})::${this.#of(types)}`,
      () =>
        `${this.#of(functions)}(${this.#choices.some(3, () => this.expression()).join(', ')})${this.#of(['', '', '', ' over (order by a)', ' filter (where a > 1)'])}`,
      () =>
        `case ${this.#of(['', this.#of(columns)])} when ${this.expression()} then ${this.expression()} else ${this.expression()} end`,
      () => `${this.#of(['not', '-', '+', '~', '@'])} ${this.expression()}`,
      () => `(${this.select()})`,
      () => `${this.#of(['exists', 'array', 'a in', 'a = any', '(a, b) in'])} (${this.select()})`,
      () => `array[${this.#choices.some(3, () => this.expression()).join(', ')}]`,
      () =>
        `${this.expression()} ${this.#of(['is null', 'is not true', 'between 1 and 2', 'in (1, 2)', "similar to 'x%'", "like '%' escape ''", 'is of (int)', '[1:2]', '.a', "at time zone 'utc'", 'collate "C"'])}`,
      () => `row(${this.#choices.some(2, () => this.expression()).join(', ')})`,
    ])
  }

  #list(words: readonly string[]): string {
    return this.#choices.some(3, () => this.#of(words), 1).join(', ')
  }

  #of(words: readonly string[]): string {
    return this.#choices.of(words)
  }
}

const longestStatement = 2000

/** The statement that these bytes choose. */
export function sqlOf(input: Uint8Array): string {
  return new Sql(new Choices(input)).statement().slice(0, longestStatement)
}

export function randomChoices(random: SeededRandom): Uint8Array {
  const bytes = new Uint8Array(4 + random.below(60))
  for (let at = 0; at < bytes.length; at++) bytes[at] = random.below(256)
  return bytes
}

export const sqlTarget: Target = {
  name: 'sql-statements',
  title: 'statements of SQL by a grammar: parsed, bound, planned, run',
  mostBytes: 96,
  steps: { fixed: 2_000_000, perByte: 20_000 },
  async open() {
    await loadSql()
    const open = async () => {
      const database = await openTestDatabase()
      const sql = new TestSql(database)
      await sql.query('create table t (a int primary key, b text, c numeric, d jsonb, e int[])')
      await sql.query(`insert into t values (1, 'x', 1.5, '{"k": 1}', '{1,2}'), (2, null, null, null, null)`)
      await sql.query('create table u (a int, b text)')
      await sql.query(`insert into u values (1, 'x'), (2, 'y'), (2, null)`)
      return { database, sql }
    }
    let at = await open()
    const random = new SeededRandom(1)
    return {
      seeds: Array.from({ length: 40 }, () => randomChoices(random)),
      words: [],
      generate: randomChoices,
      async run(input: Uint8Array) {
        // `show` answers errors of ours as text and passes everything else on.
        await at.sql.show(sqlOf(input))
      },
      async reset() {
        await at.database.close()
        at = await open()
      },
      close: () => at.database.close(),
    }
  },
}

/** Behind it is PostgreSQL's own grammar, in WebAssembly; before it and behind it we stand. */
export const sqlTextTarget: Target = {
  name: 'sql-text',
  title: 'texts that are nearly SQL, up to their parse tree',
  mostBytes: 512,
  steps: { fixed: 20_000, perByte: 2000 },
  async open() {
    await loadSql()
    const random = new SeededRandom(2)
    return {
      seeds: Array.from({ length: 60 }, () => Buffer.from(sqlOf(randomChoices(random)))),
      words: [
        'select ',
        '(',
        ')',
        "'",
        '"',
        '$1',
        '$$',
        '/*',
        '--',
        '::',
        ';',
        'U&"\\0041"',
        "E'\\x41'",
        '\0',
        '\u{1f600}',
        '[',
        '@>',
        '1e',
        '0x',
        ':=',
      ],
      generate: (seeded: SeededRandom) => Buffer.from(sqlOf(randomChoices(seeded))),
      run: (input: Uint8Array) => void refusing(() => parse(Buffer.from(input).toString()), PolylogError),
    }
  },
}
