/** Statements of SQL: right ones, nearly right ones, and strange ones; some of them several in a text. */
import type { SeededRandom } from '../../../src/host/simulated/random.ts'
import { Choices } from '../choices.ts'
import { SqlSessions } from './sql-sessions.ts'
import { columnOf, columnTypes, SqlValues, typeName, wideTable } from './sql-values.ts'

const tables = [
  't, w',
  't, w',
  'w',
  't',
  'u',
  'pg_class',
  '(values (1, 2)) as v(a, b)',
  'generate_series(1, 3) as a',
  'information_schema.columns',
]
const plainColumns = ['a', 'b', 'c', 'd', 'e']
const ownColumns = [...plainColumns, ...plainColumns, 't.a', 'u.b', 'ctid', '__proto__', 't', 'w.*']
const wideColumns = columnTypes.map(({ name }) => columnOf(name))
const columns = [...ownColumns, ...ownColumns, ...wideColumns]
/** To be given a value. */
const targets = [...plainColumns, ...plainColumns, ...plainColumns, ...wideColumns, 'x']
const types = [
  ...columnTypes.map(({ name }) => typeName(name)),
  'numeric(3,1)',
  'varchar(2)',
  'time(0)',
  'nope',
  'serial',
  't',
]
const literals = [
  '1',
  '0',
  '-1',
  '2147483648',
  '9007199254740993',
  '9223372036854775808',
  '1.5',
  '1e300',
  "'x'",
  "''",
  'null',
  'true',
  "'{1,2}'",
  `'{"k": [1]}'`,
  '$1',
  "e'\\u00e9'",
  "x'1F'",
  "b'01'",
  "date '2024-02-30'",
  "interval '1' day",
  'current_timestamp(3)',
  'current_user',
  'localtime',
]
const binary = [
  ...'+ - * / % = <> < >= || -> ->> @> ? and or like ~ !~ ~* ^ # & | << <@ && #> ?| !! operator(pg_catalog.+)'.split(
    ' ',
  ),
  'is distinct from',
  'is not distinct from',
  'not like',
  'ilike',
]
const collectionWords = ['table', 'index', 'view', 'sequence', 'schema', 'materialized view', 'type', 'role']
const ownNames = ['n', 'm', 't', 'u', 'n_a_seq', 'k', 's.n', '__proto__', 'nope', 'pg_class', 'reader']

const mostStatements = 3

/** What the statements are about. */
export const tablesOfSql: readonly string[] = [
  'create table t (a int primary key, b text, c numeric, d jsonb, e int[])',
  `insert into t values (1, 'x', 1.5, '{"k": 1}', '{1,2}'), (2, null, null, null, null)`,
  'create table u (a int, b text)',
  `insert into u values (1, 'x'), (2, 'y'), (2, null)`,
  ...wideTable(),
]

/** What is shortest comes first, for the end of the choices. */
class Sql {
  readonly #choices: Choices
  readonly #values: SqlValues
  readonly #sessions: SqlSessions

  constructor(choices: Choices) {
    this.#choices = choices
    this.#sessions = new SqlSessions(choices, this)
    this.#values = new SqlValues(choices, () => this.expression())
  }

  text(): string {
    const count = this.#choices.below(5) === 1 ? mostStatements : 1
    return Array.from({ length: count }, () => this.statement()).join('; ')
  }

  statement(): string {
    return this.#choices.way([
      () => this.select(),
      () => this.select(),
      () => this.select(),
      () => `select ${this.#values.call()} from t, w`,
      () => `select ${this.#values.cast()} from t, w`,
      () => this.#insert(),
      () => `update ${this.#table()} set ${this.#assignments()}${this.#where()}${this.#returning()}`,
      () => `update t set (a, b) = (${this.select()})${this.#returning()}`,
      () => `update t set ${this.#of(plainColumns)} = ${this.expression()} from w${this.#where()}`,
      () => `delete from ${this.#table()}${this.#of(['', ' using u', ' as z'])}${this.#where()}${this.#returning()}`,
      () => `with w2 as ${this.#of(['', 'materialized '])}(${this.select()}) ${this.select('w2')}`,
      () => `with recursive r(a, b) as (select a, b from u union ${this.#of(['all ', ''])}select r.* from r, u where r.a < 3 and false)
${this.#of(['search depth first by a set c', 'search breadth first by b, a set c', 'cycle a, b set c using d', "cycle a set c to 'x' default b using b"])} ${this.select('r')}`,
      () =>
        `explain ` +
        `${this.#of(['', 'verbose ', '(analyze, timing off) ', '(format json) ', '(costs off) ', '(analyze, verbose, buffers, wal, settings) ', '(verbose, settings, summary, format json) '])}` +
        `${this.statement()}`,
      () => this.#create(),
      () => this.#alter(),
      () => this.#dropping(),
      () => this.#sessions.session(),
      () => this.#sessions.granting(),
      () => this.#sessions.body(),
      () => (this.#below(6) === 1 ? this.#merge() : this.select()),
      () => this.#rest(),
    ])
  }

  #insert(): string {
    const into = this.#below(2) === 0 ? '' : `(${this.#list(targets)})`
    const overriding = this.#of(['', '', '', 'overriding system value '])
    return `insert into ${this.#table()} ${into} ${overriding}${this.#rows()}${this.#conflict()}${this.#returning()}`
  }

  #assignments(): string {
    return this.#choices
      .some(
        2,
        () => `${this.#of(targets)}${this.#of(['', '', '[1]', '[0:1]'])} = ${this.#of(['default', this.expression()])}`,
        1,
      )
      .join(', ')
  }

  #create(): string {
    const name = this.#of(ownNames)
    return this.#choices.way([
      () =>
        `create ${this.#of(['', 'temp ', 'unlogged '])}table ${this.#of(['', 'if not exists '])}${name} (` +
        `${this.#choices.some(3, () => this.#column(), 1).join(', ')})` +
        `${this.#of(['', '', " with (engine = 'sorted')", ' on commit drop', ' partition by list (a)'])}`,
      () => `create ${this.#of(['', 'temp '])}table ${name} as ${this.select()} ${this.#of(['', 'with no data'])}`,
      () =>
        `create ${this.#of(['', 'unique '])}index ${this.#of(['', 'concurrently ', 'if not exists i '])}` +
        `on ${this.#table()} ${this.#of(['', 'using hash ', 'using gin '])}(${this.#list(targets)}` +
        `${this.#of(['', ' desc', ' nulls first', `, (${this.expression()})`])})${this.#where()}`,
      () =>
        `create ${this.#of(['', 'or replace ', 'temp '])}view ${name} as ${this.select()}` +
        `${this.#of(['', ' with check option'])}`,
      () =>
        `create sequence ${name} ` +
        `${this.#of(['', 'increment -1', 'minvalue 5 maxvalue 4', 'as smallint start 32767', 'cycle', 'owned by t.a'])}`,
      () =>
        `create schema ${this.#of(['', 'if not exists '])}${this.#of(['s', 'pg_x', '__proto__'])} ` +
        `${this.#of(['', 'authorization reader'])}`,
      () =>
        `create extension ${this.#of(['', 'if not exists '])}${this.#of(['"uuid-ossp"', 'pgcrypto', 'hstore', 'plpgsql', '__proto__'])}` +
        `${this.#of(['', ' schema s', " version '1.1'", ' cascade'])}`,
      () =>
        `create ${this.#of(['', 'or replace '])}trigger k ${this.#of(['before', 'after', 'instead of'])} ` +
        `${this.#of(['insert', 'update', 'delete', 'update of a', 'insert or update or delete', 'truncate'])} on ${this.#table()} ` +
        `${this.#of(['for each row ', ''])}${this.#of(['', `when (${this.expression()}) `])}execute function f()`,
      () =>
        `create ` +
        `${this.#of(['role', 'user', 'function', 'type', 'domain', 'trigger', 'rule', 'extension', 'materialized view'])}` +
        ` ${name} ` +
        `${this.#of(['', 'login', "password 'x'", 'as enum (1)', 'as int check (value > 0)', `as ${this.select()}`, "valid until '2024-13-01'", 'connection limit -5'])}`,
    ])
  }

  /** Of CREATE TABLE: a column, or a constraint. */
  #column(): string {
    const expression = (): string => this.expression()
    return this.#choices.way([
      () =>
        `${this.#of(['a', 'b', 'c', '__proto__'])} ${this.#of(types)}` +
        `${this.#of(['', ' primary key', ' unique', ' not null', ' references t'])}`,
      () => `${this.#of(['a', 'b'])} ${this.#of(types)} default ${expression()}`,
      () => `${this.#of(['a', 'b'])} ${this.#of(types)} check (${expression()})`,
      () => `b ${this.#of(types)} generated always as (${expression()}) stored`,
      () =>
        `a ${this.#of(['int', 'bigint', 'text'])} generated ${this.#of(['always', 'by default'])}` +
        ` as identity ${this.#of(['', '(start 5 increment 0)'])}`,
      () =>
        `${this.#of(['constraint k ', ''])}` +
        `${this.#of(['primary key (a)', 'unique (a, b)', 'foreign key (a) references t (a) on delete cascade', 'foreign key (b) references u', 'exclude (a with =)'])}` +
        `${this.#of(['', ' deferrable initially deferred', ' not valid'])}`,
      () => `like ${this.#table()} ${this.#of(['', 'including all'])}`,
    ])
  }

  #alter(): string {
    const change = this.#choices.way([
      () => `add column ${this.#column()}`,
      () => `alter column ${this.#of(targets)} type ${this.#of(types)}${this.#of(['', ` using ${this.expression()}`])}`,
      () =>
        `alter column ${this.#of(targets)} ` +
        `${this.#of(['set default', 'drop default', 'set not null', 'drop not null', 'drop identity', 'drop expression', 'set statistics 5'])}` +
        `${this.#of(['', ` ${this.expression()}`])}`,
      () => `drop column ${this.#of(['', 'if exists '])}${this.#of(targets)}${this.#of(['', ' cascade'])}`,
      () =>
        `add constraint k ${this.#of(['check', 'unique', 'primary key'])} (` +
        `${this.#of([...ownColumns, this.expression()])})${this.#of(['', ' not valid'])}`,
      () => `${this.#of(['drop', 'validate'])} constraint ${this.#of(['k', 't_pkey'])}`,
      () => `rename ${this.#of(['to n', 'a to z', 'column b to a', 'constraint k to l'])}`,
      () =>
        `${this.#of(['set schema s', 'owner to reader', 'owner to nope', 'enable row level security', 'set (fillfactor = 5)', 'inherit u', 'cluster on t_pkey', 'set logged'])}`,
    ])
    return this.#below(6) === 1
      ? `alter ${this.#of([...collectionWords, 'database', 'user'])} ${this.#of(ownNames)} ` +
          `${this.#of(['rename to m', 'restart with 5', 'owned by none', 'increment 0', 'set search_path = 1', 'nologin', 'connection limit 5', change])}`
      : `alter table ${this.#of(['', 'if exists ', 'only '])}${this.#table()} ${change}`
  }

  #dropping(): string {
    return this.#choices.way([
      () =>
        `drop ${this.#of(collectionWords)} if exists ${this.#of(ownNames)} ${this.#of(['', 'cascade', 'restrict'])}`,
      () =>
        `drop ${this.#of([...collectionWords, 'owned by', 'function', 'database', 'trigger'])} ` +
        `${this.#of(ownNames)}${this.#of(['', ', t', ' cascade', '(int)', ' on t'])}`,
      () => `truncate ${this.#table()}${this.#of(['', ', u', ' restart identity', ' cascade'])}`,
      () => `reassign owned by ${this.#of(['reader', 'postgres', 'nope'])} to ${this.#of(['postgres', 'reader'])}`,
    ])
  }

  #merge(): string {
    const when = (): string => {
      const condition = this.#of(['', ` and ${this.expression()}`])
      return this.#below(2) === 0
        ? `when matched${condition} then ${this.#of(['delete', `update set b = ${this.expression()}`, 'do nothing'])}`
        : `when not matched${condition} then ` +
            `${this.#of(['do nothing', `insert values (${this.expression()})`, 'insert default values', `insert (a, b) values (1, ${this.expression()})`])}`
    }
    return (
      `merge into t using ${this.#of(['u', 'w', `(${this.select()}) s`])} on ${this.expression()} ` +
      `${this.#choices.some(3, when, 1).join(' ')}`
    )
  }

  #rest(): string {
    return this.#choices.way([
      () =>
        `copy ${this.#of(['t', 'w', `(${this.select()})`, 't (a, nope)'])} ` +
        `${this.#of(['to stdout', 'from stdin', "to '/x'", "from program 'x'"])} ` +
        `${this.#of(['', '(format csv, header)', "with (delimiter 'ab')", '(format binary)', "(null 'x', quote '\"')"])}`,
      () =>
        `comment on ` +
        `${this.#of(['table t', 'column t.a', 'column w.*', 'schema public', 'index t_pkey', 'database postgres', 'constraint k on t', 'function abs(int)'])}` +
        ` is ${this.#of(["'x'", 'null'])}`,
      () =>
        `lock table ${this.#table()} in ${this.#of(['access exclusive', 'row share', 'share'])} mode ` +
        `${this.#of(['', 'nowait'])}`,
      () =>
        `${this.#of(['vacuum', 'analyze', 'reindex table', 'reindex (verbose) index', 'cluster', 'vacuum full', 'vacuum (analyze, skip_locked, parallel 0)', 'analyze (skip_locked off)', 'refresh materialized view', 'load', 'do'])}` +
        ` ${this.#of(['', 't', "'x'", 't (a)'])}`,
      () => `values (${this.expression()}), (${this.expression()}) order by 1`,
      () => this.#routine(),
      () =>
        `select * from ${this.#of(['json', 'jsonb'])}_populate_record${this.#of(['', 'set'])}` +
        `(${this.#of(['null::t', 'null::u', 'row(1)', 'null', this.expression()])}, ${this.#of(["'{}'", '\'[{"a":1}]\'', this.expression()])})`,
      () => `table ${this.#table()}`,
      () => `select * into ${this.#of(ownNames)} from (${this.select()}) s`,
    ])
  }

  /** Of users' types and rows. */
  #routine(): string {
    const type = (): string => this.#of(['t', 'u', 't[]', 'record', 'anyelement', ...types])
    return (
      `create or replace function ${this.#of(['f', 'g'])}(${this.#of(['', 'x ', 'out y '])}${type()}) ` +
      `returns ${this.#of(['', 'setof '])}${type()} language ${this.#of(['sql', 'plpgsql'])} as $$` +
      this.#of([
        this.select(),
        'select x',
        'select $1.*',
        `declare r ${type()}; begin r := x; return r; end`,
        `begin return ${this.expression()}; end`,
      ]) +
      `$$; select f(${this.#of(['t', 'null', 'row(1, 2)', this.expression()])}) from t; ` +
      `select * from g(${this.#of(['t', 'null', this.expression()])})${this.#of(['', ' as v(a int, b text)'])}`
    )
  }

  select(from?: string): string {
    const choices = this.#choices
    const distinct = this.#of(['', '', '', 'distinct ', 'all ', `distinct on (${this.#of(columns)}) `])
    const head = `select ${distinct}${choices.some(3, () => this.#output(), 1).join(', ')}`
    const source = from ?? (choices.below(4) === 1 ? undefined : choices.below(2) === 0 ? 't, w' : this.#from())
    const body = `${head}${source === undefined ? '' : ` from ${source}`}${this.#where()}${this.#tail()}`
    return choices.below(6) === 1
      ? `${body} ${this.#of(['union', 'union all', 'intersect', 'except', 'except all'])} ${this.select()}`
      : body
  }

  #output(): string {
    return this.#below(8) === 1 ? '*' : `${this.expression()}${this.#of(['', '', ' as x', ' "a b"'])}`
  }

  #from(): string {
    return this.#choices.way([
      () => this.#table(),
      () => this.#of(tables),
      () => this.#of(['w', 't', 'w as w(z)', 't as k(a, a)']),
      () =>
        `${this.#from()} ${this.#of(['join', 'left join', 'full join', 'right join'])} ${this.#table()}` +
        ` z ${this.#of([`on ${this.#condition()}`, 'using (a)', 'on true'])}`,
      () =>
        `${this.#from()} ` +
        `${this.#of(['cross join', 'natural join', 'natural left join', 'cross join lateral'])} ` +
        `${this.#of(tables)}`,
      () => `${this.#of(tables)}, ${this.#of(['', 'lateral '])}(${this.select()}) as s`,
      () =>
        `${this.#of(['', 'lateral ', 'rows from '])}(${this.#values.call()}) ` +
        `${this.#of(['', 'with ordinality '])}as f${this.#of(['', '(a, b)', '(a int)'])}`,
      () => `${this.#values.call()} as f`,
      () =>
        `${this.#table()} tablesample ${this.#of(['bernoulli', 'system', 'nope'])} ` +
        `(${this.#of(['50', '100', '0', '-1', "'nan'", 'null', '$1', this.expression()])})` +
        `${this.#of(['', ' repeatable (1)', ` repeatable (${this.expression()})`])}`,
    ])
  }

  #table(): string {
    return this.#of(['t', 'w', 't', 't', 'u', 'w', 't', 'n', 'm', 'public.t', 'only t', 'nope', 'pg_type'])
  }

  #where(): string {
    return this.#below(2) === 0 ? '' : ` where ${this.#condition()}`
  }

  #tail(): string {
    const group =
      this.#below(4) === 1
        ? ` group by ` +
          `${this.#of(['1', 'a', 'rollup(a, b)', 'cube(a)', 'grouping sets ((a), ())', 'distinct a, b', this.expression()])}`
        : ''
    const having = this.#below(8) === 1 ? ` having ${this.#condition()}` : ''
    const order =
      this.#below(3) === 1
        ? ` order by ${this.expression()} ${this.#of(['', 'desc', 'nulls first', 'using >', ', 1'])}`
        : ''
    const limit =
      this.#below(4) === 1
        ? ` limit ${this.#of(['1', '0', '-1', 'null', 'all', '9007199254740993', this.expression()])}`
        : ''
    return (
      group +
      having +
      order +
      limit +
      this.#of([
        '',
        '',
        '',
        ' for update',
        ' offset 1',
        ' fetch first 1 rows with ties',
        ' for share of t skip locked',
        ' for no key update nowait',
        ' window v as (order by a)',
      ])
    )
  }

  #rows(): string {
    return this.#choices.way([
      () => `values (${this.#choices.some(4, () => this.#of(['default', this.expression()]), 1).join(', ')})`,
      () => 'default values',
      () => this.select(),
    ])
  }

  #conflict(): string {
    return this.#of([
      '',
      '',
      '',
      ' on conflict do nothing',
      ` on conflict (a) do update set b = ${this.#of(['excluded.b', 't.b', this.expression()])}`,
      ' on conflict (b) where a > 1 do nothing',
      ' on conflict on constraint t_pkey do update set a = excluded.a where t.a > 0',
    ])
  }

  #returning(): string {
    return this.#below(3) === 1 ? ` returning ${this.#output()}` : ''
  }

  #condition(): string {
    return this.#choices.way([
      () => 'true',
      () => this.#values.typed(16),
      () => this.#values.typed(16),
      () => `${this.#values.comparison()}`,
      () => `${this.#condition()} ${this.#of(['and', 'or'])} ${this.#condition()}`,
      () => this.expression(),
    ])
  }

  expression(): string {
    return this.#choices.way([
      () => this.#of(literals),
      () => this.#of(columns),
      () => this.#of(columns),
      () => `${this.expression()} ${this.#of(binary)} ${this.expression()}`,
      () => `(${this.expression()})::${this.#of(types)}`,
      () => this.#values.literal(),
      () => this.#values.cast(),
      () => this.#values.call(),
      () => this.#values.call(),
      () => this.#named(),
      () =>
        `case ${this.#of(['', this.#of(columns)])} when ${this.expression()} then ${this.expression()} ` +
        `${this.#of(['', `else ${this.expression()} `])}end`,
      () => `${this.#of(['not', '-', '+', '~', '@'])} ${this.expression()}`,
      () => `(${this.select()})`,
      () =>
        `${this.#of(['exists', 'array', 'a in', 'a = any', '(a, b) in', 'a > all', 'a not in', 'b not in'])}` +
        ` (${this.select()})`,
      () => `array[${this.#choices.some(3, () => this.expression()).join(', ')}]${this.#of(['', '', '::int[]'])}`,
      () =>
        `${this.expression()} ` +
        `${this.#of(['is null', 'is not true', 'is unknown', 'between 1 and 2', 'between symmetric 2 and 1', 'in (1, 2)', "similar to 'x%'", "like '%' escape ''", "like 'a' escape 'ab'", 'is of (int)', '[1:2]', '[2]', '.a', "at time zone 'utc'", "at time zone 'x/../y'", "at time zone interval '1 hour'", 'collate "C"', 'collate "nope"', 'is json', 'isnull', 'is document', 'is normalized'])}`,
      () =>
        this.#below(5) === 1 ? `row(${this.#choices.some(3, () => this.expression()).join(', ')})` : this.#condition(),
      () =>
        `(${this.expression()}, ${this.expression()}) ` +
        `${this.#of(['=', '<', '<>', 'is distinct from', 'overlaps', 'in'])} (${this.expression()}, ` +
        `${this.expression()})`,
      () =>
        `${this.expression()} ${this.#of(['=', '>', '<>', 'like'])} ${this.#of(['any', 'all'])} (${this.expression()})`,
    ])
  }

  /** What the grammar itself knows by name. */
  #named(): string {
    const one = (): string => this.expression()
    return this.#choices.way([
      () => `coalesce(${this.#choices.some(3, one, 1).join(', ')})`,
      () =>
        `${this.#of(['greatest', 'least', 'nullif', 'grouping', '__proto__', 'constructor', 'nope', 'format', 'concat_ws', 'num_nulls', 'json_build_object', 'jsonb_build_array'])}` +
        `(${this.#choices.some(4, one).join(', ')})`,
      () =>
        `extract(` +
        `${this.#of(['year', 'epoch', 'nope', "'isodow'", 'microseconds', 'timezone_hour', 'julian'])}` +
        ` from ${one()})`,
      () =>
        `substring(${one()} ${this.#of(['from', 'for', 'similar'])} ${one()}` +
        `${this.#of(['', ` for ${one()}`, " escape '#'"])})`,
      () => `trim(${this.#of(['both', 'leading', 'trailing'])} ${one()} from ${one()})`,
      () => `position(${one()} in ${one()})`,
      () => `overlay(${one()} placing ${one()} from ${one()})`,
      () =>
        `${this.#of(['row_number()', 'rank()', 'lag(a)', 'sum(a)', 'count(*)'])} over (` +
        `${this.#of(['', 'order by a', 'partition by b', 'rows 1 preceding'])})`,
      () =>
        `${this.#of(['count(*)', 'count(distinct a)', 'percentile_cont(0.5) within group (order by a)', 'string_agg(b, b order by a)', 'mode() within group (order by b)'])}` +
        `${this.#of(['', ' filter (where a > 1)'])}`,
      () =>
        `format(${this.#of(["'%s'", "'%I %L'", "'%2$s'", "'%-5s|'", "'%*s'", "'%999999999s'", "'%'"])}, ` +
        `${one()}, ${one()})`,
      () =>
        `to_char(${one()}, ` +
        `${this.#of(["'YYYY-MM-DD'", "'9999.99'", "'FMRN'", "'EEEE'", '\'DDD IW "x"\'', "'99V99'", "'S999PR'"])}` +
        `)`,
      () =>
        `${this.#of(['pg_get_expr', 'nextval', 'setval', 'currval', 'pg_relation_size', 'to_regclass', 'set_config', 'current_setting', 'polylog_join', 'polylog_verify', 'has_table_privilege'])}` +
        `(${this.#of(["'t'", "'n'", "'__proto__'", one()])}` +
        `${this.#of(['', ', 1', `, ${one()}`, ', true, 1'])})`,
    ])
  }

  #list(words: readonly string[]): string {
    return this.#choices.some(3, () => this.#of(words), 1).join(', ')
  }

  #of(words: readonly string[]): string {
    return this.#choices.of(words)
  }

  #below(limit: number): number {
    return this.#choices.below(limit)
  }
}

const longestStatement = 4000

export function statementsOf(choices: Choices): string {
  return new Sql(choices).text().slice(0, longestStatement)
}

/** The statements that these bytes choose. */
export function sqlOf(input: Uint8Array): string {
  return statementsOf(new Choices(input))
}

export function randomChoices(random: SeededRandom): Uint8Array {
  const bytes = new Uint8Array(4 + random.below(116))
  for (let at = 0; at < bytes.length; at++) bytes[at] = random.below(256)
  return bytes
}
