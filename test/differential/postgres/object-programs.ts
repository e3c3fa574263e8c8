/**
 * Random programs over more than tables: partitions, types, views, functions and triggers, and the clauses that queries have
 * beside joins: windows, sets of groupings, recursion, statements in WITH, LATERAL, rows of functions.
 */
import { exactTypes, expression, predicate, type ScopeColumn } from './expressions.ts'
import { type Part, type Piece, piece } from './piece.ts'
import type { Random } from './random.ts'

interface Made {
  readonly statement: Piece
  readonly isOrdered: boolean
  readonly changes: boolean
}

/** What queries read: its columns but those of types that the servers number each in their own way. */
interface Source {
  readonly name: string
  readonly columns: readonly { readonly name: string; readonly type: ScopeColumn['type'] }[]
}

const columns = [
  { name: 'id', type: 'int4' },
  { name: 'g', type: 'int4' },
  { name: 'a', type: 'int4' },
  { name: 'd', type: 'numeric' },
  { name: 's', type: 'text' },
  { name: 'twice', type: 'int4' },
] as const

const sources: readonly Source[] = [
  { name: 'parted', columns },
  { name: 'kept', columns },
  { name: 'shown', columns },
  { name: 'joined', columns: columns.slice(0, 5) },
  { name: 'counted', columns: [columns[1], columns[2]] },
]

const text = (words: string): Piece => piece('statement', words)
const change = (words: string): Made => ({ statement: text(words), isOrdered: false, changes: true })

function schema(random: Random): Made[] {
  const generated = 'twice int generated always as (a * 2) stored'
  const shared = `g int, a int, d numeric(8,2), s text, m mood, p positive, ${generated}`
  return [
    'create schema w',
    'set search_path = w',
    "create type mood as enum ('sad', 'ok', 'glad')",
    'create domain positive as int check (value > 0)',
    'create type spot as (n int, t text)',
    `create table parted (id int not null, ${shared}) partition by ${random.pick(['list (g)', 'range (g)', 'hash (g)'])}`,
    `create table kept (id int primary key, ${shared})`,
    'create table log (n int generated always as identity, what text, id int)',
  ].map(change)
}

function partitions(strategy: string): Made[] {
  const bounds = strategy.includes('list')
    ? ['for values in (0, 1)', 'for values in (2, null)', 'default']
    : strategy.includes('range')
      ? ['for values from (minvalue) to (1)', 'for values from (1) to (3)', 'default']
      : [0, 1].map((at) => `for values with (modulus 2, remainder ${at})`)
  return bounds.map((bound, i) => change(`create table parted_${i} partition of parted ${bound}`))
}

function objects(random: Random): Made[] {
  const volatility = random.pick(['immutable', 'stable', 'volatile'])
  const made = [
    `create function plus(x int, y int default ${random.int(0, 3)}) returns int language sql ${volatility} as 'select x + y'`,
    `create function steps(n int) returns setof int language plpgsql as 'begin for i in 1..n loop return next i * ${random.int(1, 3)}; end loop; end'`,
    `create function named(x int) returns text language plpgsql as $$ begin if x is null then return 'none'; elsif x % 2 = 0 then return 'even'; end if; return 'odd ' || x; exception when others then return sqlstate; end $$`,
    'create function noted() returns trigger language plpgsql as $$ begin insert into log (what, id) values (tg_op, coalesce(new.id, old.id)); return null; end $$',
    `create function changed() returns trigger language plpgsql as $$ begin if new.a < 0 then return null; end if; new.s := coalesce(new.s, 'set'); return new; end $$`,
    `create function of_mood(m mood, p spot default row(1, 'p')) returns text language plpgsql as $$ declare r kept; begin select * into r from kept where kept.m = of_mood.m order by id limit 1; return m || (p).t || coalesce(r.id::text, '-'); end $$`,
    `create function kept_like(k kept) returns setof kept language sql as 'select * from kept where a = k.a order by id'`,
    `create function spotted(n int) returns spot language plpgsql as $$ declare s spot; begin s.n := n * ${random.int(1, 3)}; s.t := 'x'; return s; end $$`,
    `create function pair(k kept) returns record language sql as 'select k.id, k.s'`,
    'create view asked as select id, a, s, twice from kept where a > 1',
    `create function writes() returns trigger language plpgsql as $$ begin
       if tg_op = 'DELETE' then delete from kept where id = old.id; if old.a = 3 then return null; end if; return old; end if;
       if tg_op = 'INSERT' then insert into kept (id, a, s) values (new.id, new.a, new.s); new.s := 'put'; return new; end if;
       update kept set a = new.a, s = new.s || old.s where id = old.id; return new; end $$`,
    `create trigger writes instead of ${random.pick(['insert or update or delete', 'update or delete', 'insert or update'])} on asked for each row execute function writes()`,
    'create trigger said after insert or update or delete on asked execute function noted()',
    'create trigger behind after insert or update or delete on kept for each row execute function noted()',
    `create trigger before ${random.pick(['before insert', 'before insert or update', 'before update of a'])} on kept for each row execute function changed()`,
    `create view shown as select * from kept where g < ${random.int(1, 4)}${random.pick(['', ' with check option'])}`,
    `create view joined as select k.id, p.g, k.a, p.d, k.s from kept k ${random.pick(['join', 'left join'])} parted p on p.g = k.g`,
    `create view counted as select g, count(*)::int as a from parted group by g${random.pick(['', ' having count(*) > 1'])}`,
    `create ${random.pick(['', 'unique '])}index on kept (a desc, id)`,
    `create index on parted (${random.pick(['a', 's', 'd, id'])})`,
    `create index on kept (lower(s)) where ${random.pick(['a > 2', 's is not null'])}`,
  ]
  return made.map(change)
}

const value = (random: Random, values: readonly (string | number)[]): string => String(random.pick(values))

function rowOf(random: Random): string {
  const parts = [
    value(random, [0, 1, 2, 3, 'null', 5]),
    value(random, [-1, 0, 1, 2, 3, 4, 7, 'null']),
    value(random, ['0.50', '1.25', '-3.00', 'null', '100.10']),
    value(random, ["'a'", "'B'", "'odd 3'", "''", 'null']),
    value(random, ["'sad'", "'ok'", "'glad'", 'null']),
    value(random, [1, 2, 9, 'null']),
  ]
  return parts.join(', ')
}

function insert(random: Random): Piece {
  const table = random.pick(['parted', 'kept', 'kept', 'shown'])
  const rows = random.times(1, 5, () => `(${random.int(1, 60)}, ${rowOf(random)})`)
  const conflict = table === 'kept' && random.chance(0.5)
  const clause = conflict
    ? random.pick([
        ' on conflict do nothing',
        ' on conflict (id) do update set a = kept.a + excluded.a, s = excluded.s',
      ])
    : ''
  const returned = random.chance(0.4) ? ' returning id, g, a, twice, m::text' : ''
  return text(`insert into ${table} (id, g, a, d, s, m, p) values ${rows.join(', ')}${clause}${returned}`)
}

const scopeOf = ({ columns: own }: Source, alias: string): ScopeColumn[] =>
  own.map(({ name, type }) => ({ text: `${alias}.${name}`, type }))

function where(random: Random, scope: readonly ScopeColumn[]): Piece {
  if (random.chance(0.4)) return piece('?where')
  return piece('?where', ' where ', predicate(random, 1, { columns: scope, hasParameters: false }))
}

function changing(random: Random): Piece {
  const table = random.pick(['parted', 'kept', 'shown'])
  const source = sources.find(({ name }) => name === table)!
  const scope = scopeOf(source, table)
  const returned = random.chance(0.5) ? ` returning ${table}.id, ${table}.a, ${table}.g` : ''
  if (random.chance(0.35)) {
    return piece('statement', `delete from ${table}`, where(random, scope), ` ${returned}`)
  }
  const [column, type] = random.pick([
    ['a', 'int4'],
    ['g', 'int4'],
    ['s', 'text'],
    ['d', 'numeric'],
  ] as const)
  const to = expression(random, type, 1, { columns: scope, hasParameters: false })
  return piece('statement', `update ${table} set ${column} = `, to, where(random, scope), returned)
}

// ---- queries

const keyed = (scope: readonly ScopeColumn[]): ScopeColumn[] => scope.filter(({ type }) => exactTypes.includes(type))

/** Everything in the order of all its columns, so that the order is the same one everywhere. */
function ordered(columnsOfIt: number): string {
  return ` order by ${Array.from({ length: columnsOfIt }, (_, i) => i + 1).join(', ')}`
}

function windowed(random: Random): Piece {
  const source = random.pick(sources)
  const scope = scopeOf(source, 't')
  const keys = keyed(scope).map((one) => one.text)
  const every = scope.map((one) => one.text).join(', ')
  const partition = random.chance(0.6) ? `partition by ${random.pick(keys)} ` : ''
  const bounds = [
    'unbounded preceding and current row',
    '1 preceding and 1 following',
    'current row and unbounded following',
    '2 preceding and 1 preceding',
    'unbounded preceding and unbounded following',
  ]
  const mode = random.pick(['rows', 'groups'])
  const exclude = random.pick(['', '', ' exclude current row', ' exclude ties', ' exclude group'])
  const frame = random.chance(0.6) ? ` ${mode} between ${random.pick(bounds)}${exclude}` : ''
  const calls = [
    'row_number()',
    'rank()',
    'dense_rank()',
    'ntile(3)',
    `lag(${random.pick(keys)})`,
    `lead(${random.pick(keys)}, 2)`,
    `first_value(${random.pick(keys)})`,
    `nth_value(${random.pick(keys)}, 2)`,
    'count(*)',
    `count(${random.pick(keys)})`,
    `max(${random.pick(keys)})`,
    'sum(t.a)',
    'sum(t.a) filter (where t.g > 0)',
    'array_agg(t.g)',
  ]
  const over = `over (${partition}order by ${every}${frame})`
  const items = random.times(1, 3, () => `${random.pick(calls)} ${over}`)
  return piece(
    'statement',
    `select ${every}, ${items.join(', ')} from ${source.name} t`,
    where(random, scope),
    ordered(scope.length + items.length),
  )
}

function grouped(random: Random): Piece {
  const source = random.pick(sources)
  const scope = scopeOf(source, 't')
  const [one, other] = [random.pick(keyed(scope)).text, random.pick(keyed(scope)).text]
  const sets = random.pick([
    `rollup (${one}, ${other})`,
    `cube (${one}, ${other})`,
    `grouping sets ((${one}), (${other}), ())`,
    `grouping sets ((${one}, ${other}), rollup (${one}))`,
    `${one}, ${other}`,
    `distinct rollup (${one}), rollup (${other})`,
  ])
  const isGrouping = /\(/.test(sets) ? `grouping(${one})` : '0'
  const values = ['count(*)', 'sum(t.a)', 'max(t.g)', 'min(t.a) filter (where t.g > 0)', 'count(distinct t.g)']
  const within = ['percentile_disc(0.5) within group (order by t.a)', 'mode() within group (order by t.g)']
  const items = random.times(1, 2, () => random.pick([...values, ...within]))
  const having = random.chance(0.3) ? ` having count(*) > ${random.int(0, 2)}` : ''
  const list = [one, other, isGrouping, ...items]
  const tail = `${having}${ordered(list.length)}`
  return piece(
    'statement',
    `select ${list.join(', ')} from ${source.name} t`,
    where(random, scope),
    ` group by ${sets}${tail}`,
  )
}

function recursive(random: Random): Piece {
  const union = random.pick(['union', 'union all'])
  const end = random.int(2, 7)
  const step = random.pick(['n + 1', 'n + 1', 'n * 2', 'plus(n, 1)'])
  const from = random.pick(['', ' join kept k on k.g = r.n', ' join parted p on p.a = r.n', ', steps(2) s'])
  const search = random.pick(['', '', ' search depth first by n set o', ' cycle n set c using way'])
  const head = `with recursive r (n) as (select 1 ${union} select ${step} from r${from} where n < ${end})${search}`
  return text(`${head} select count(*), sum(n), max(n) from r`)
}

function lateral(random: Random): Piece {
  const [left, right] = [random.pick(sources), random.pick(sources)]
  const scope = [...scopeOf(left, 't'), ...scopeOf(right, 'u')]
  const inner: Part[] = random.chance(0.4)
    ? [`steps(t.g) u (a)`]
    : [`lateral (select count(*)::int as a from ${right.name} u where u.g = t.g) u`]
  const list = ['t.g', 't.a', 'u.a']
  const kind = random.pick([' cross join ', ' cross join ', ' left join '])
  const on = kind === ' left join ' ? ` on ${random.pick(['true', 'u.a > 1'])}` : ''
  return piece(
    'statement',
    `select ${list.join(', ')} from ${left.name} t${kind}`,
    ...inner,
    on,
    where(random, scope.slice(0, 2)),
    ordered(3),
  )
}

function nested(random: Random): Piece {
  const side = (): string => {
    const source = random.pick(sources)
    const call = random.pick(['t.g', 'plus(t.a)', 'plus(t.g, t.a)', 'length(named(t.a))'])
    return `select ${call}, ${random.pick(['t.g', 't.a'])} from ${source.name} t`
  }
  const words = ['union', 'union all', 'intersect', 'except', 'except all']
  const limit = random.chance(0.3) ? ` limit ${random.int(1, 5)} offset ${random.int(0, 2)}` : ''
  return text(`(${side()} ${random.pick(words)} ${side()}) ${random.pick(words)} ${side()}${ordered(2)}${limit}`)
}

function writing(random: Random): Piece {
  const id = random.int(1, 60)
  const first = random.pick([
    `insert into kept (id, g, a) values (${id}, ${random.int(0, 4)}, ${random.int(0, 4)}) on conflict do nothing returning id, g`,
    `delete from parted where a = ${random.int(0, 4)} returning id, g`,
    `update kept set a = a + 1 where g = ${random.int(0, 4)} returning id, g`,
  ])
  return text(`with w as (${first}) select w.id, w.g, (select count(*) from kept) from w order by 1, 2`)
}

function distinctOn(random: Random): Piece {
  const source = random.pick(sources)
  const scope = scopeOf(source, 't')
  const rest = scope.map((one) => one.text).filter((one) => one !== 't.g')
  return piece(
    'statement',
    `select distinct on (t.g) t.g, ${rest.join(', ')}, named(t.a) from ${source.name} t`,
    where(random, scope),
    ` order by t.g, ${rest.join(', ')}`,
  )
}

/** By the triggers of a view. */
function asking(random: Random): Piece {
  const [id, a] = [random.int(1, 60), random.int(0, 5)]
  return text(
    random.pick([
      `insert into asked (id, a, s) values (${id}, ${a}, 'new'), (${id + 1}, ${a}, null) returning *`,
      `insert into asked (id, a) select id + 100, a from asked where id = ${id}`,
      `update asked set a = a + ${a}, s = 'up' where id < ${id} returning id, a, s, twice`,
      `update asked set s = v.s from (values (${a}, 'p')) v (a, s) where v.a = asked.a`,
      `delete from asked where a = ${a} returning *`,
      `delete from asked using kept k where k.id = asked.id and k.a = ${a}`,
    ]),
  )
}

/** Functions that take and give values of users' types, and rows. */
function calling(random: Random): Piece {
  const g = random.int(0, 4)
  return text(
    random.pick([
      `select id, of_mood(m), of_mood(m, row(a, s)) from kept where g < ${g} order by id`,
      `select k.id, x.id, x.m from kept k, kept_like(k) x where k.g = ${g} order by 1, 2`,
      `select id, spotted(a), (spotted(id)).n, (kept).twice from kept order by id limit ${g}`,
      `select k.id, p.* from kept k, lateral pair(k) as p(x int, y text) order by k.id limit ${g}`,
      `select pair(k), k.pair is null from kept k order by id limit ${g}`,
      `select * from jsonb_populate_recordset(null::spot, '[{"n": ${g}}, {"t": "x"}]')`,
      `select (jsonb_populate_record(k, jsonb_build_object('a', ${g}, 'm', 'sad'))).* from kept k order by id limit 2`,
      `select row(k.*, ${g}) from kept k order by id limit 3`,
      `select id, a from shown where g = ${g} order by id for update`,
      `select s.id from (select id, g from kept where a > 1) s where s.g < ${g} order by 1 for share of s`,
    ]),
  )
}

const queries = [windowed, windowed, grouped, grouped, recursive, lateral, nested, distinctOn, calling, calling]

const alterations: readonly string[] = [
  "alter type mood add value 'new' before 'ok'",
  'alter table parted detach partition parted_0',
  'alter table kept disable trigger before',
  'alter domain positive add check (value < 1000)',
  'create or replace view shown as select * from kept where g < 9',
  "insert into log (n, what) values (1, 'x')",
  'update kept set twice = 1',
  'drop function plus(int, int)',
  'drop type mood',
  'select named(x) from parted t',
  'truncate parted_1',
  'select * from steps(3) with ordinality',
  'select m::text, count(*) from parted group by m order by m',
]

export function objectStatements(random: Random): Made[] {
  const first = schema(random)
  const parted = first.find(({ statement }) => String(statement.parts[0]).includes('partition by'))!
  const later = random.times(45, 45, (): Made => {
    const roll = random.next()
    if (roll < 0.15) return { statement: insert(random), isOrdered: false, changes: true }
    if (roll < 0.25) return { statement: changing(random), isOrdered: false, changes: true }
    if (roll < 0.3) return { statement: writing(random), isOrdered: true, changes: true }
    if (roll < 0.35) return change(random.pick(alterations))
    if (roll < 0.45) return { statement: asking(random), isOrdered: false, changes: true }
    return { statement: random.pick(queries)(random), isOrdered: true, changes: false }
  })
  const last = [
    'select id, g, a, d, s, m::text, p, twice from parted',
    'select id, g, a, d, s, m::text, p, twice from kept',
  ]
  return [
    ...first,
    ...partitions(String(parted.statement.parts[0])),
    ...objects(random),
    ...random.times(14, 14, () => ({ statement: insert(random), isOrdered: false, changes: true })),
    ...later,
    ...[...last, 'select what, id from log'].map((words) => ({ ...change(words), changes: false })),
  ]
}
