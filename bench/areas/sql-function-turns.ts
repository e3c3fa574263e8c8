/**
 * The longest turn of the server's event loop while a client of PostgreSQL calls each function, operator, cast and aggregate
 * there is with as much as it takes: texts and bytes of 15 MB, arrays and documents of 200,000 elements, numbers of 100,000
 * digits. The bound is 10 ms (decision 081). What has no place for such a value is left out, as in `cost.test.ts`; results
 * are thrown away, `sql-turns.ts` sends them. Whatever runs longer than two seconds is ended by `statement_timeout`.
 *
 * `POLYLOG_TURNS=name,name` measures these.
 */
import pg from 'pg'
import { isWideType } from '../../src/language/sql/functions/cost.ts'
import {
  allAggregates,
  allEntries,
  allSetFunctions,
  type FunctionEntry,
} from '../../src/language/sql/functions/registry.ts'
/* oxlint-disable-next-line import/no-unassigned-import -- registers the functions */
import '../../src/language/sql/functions/library.ts'
import { findCast } from '../../src/language/sql/types/casts.ts'
import { allTypes, findType } from '../../src/model/table/types/registry.ts'
import type { Area } from '../area.ts'
import { removeFolder, scratchFolder } from '../processes.ts'
import { MeteredServer, measureTurn } from '../turns.ts'

/** Columns of the table `large`, by their types, and what makes them. */
const large: Readonly<Record<string, string>> = {
  text: "repeat('text as it comes ', 900000)",
  bytea: "decode(repeat('6279746573', 3000000), 'hex')",
  numeric: "repeat('1234567890', 10000)::numeric",
  jsonb: '(SELECT jsonb_agg(g) FROM generate_series(1, 200000) g)',
  json: '(SELECT json_agg(g) FROM generate_series(1, 200000) g)',
  'integer[]': '(SELECT array_agg(g) FROM generate_series(1, 200000) g)',
  'text[]': "(SELECT array_agg('text ' || g) FROM generate_series(1, 200000) g)",
}

const short: Readonly<Record<string, string>> = {
  text: "'a'::text",
  character: "'a'::char(1)",
  bytea: "'a'::bytea",
  numeric: '3::numeric',
  jsonb: "'[1]'::jsonb",
  json: "'[1]'::json",
  'text[]': "'{a}'::text[]",
  boolean: 'true',
  'time without time zone': "'12:00'::time",
  interval: "'1 day'::interval",
}

const counted: ReadonlySet<string> = new Set(['smallint', 'integer', 'bigint', 'real', 'double precision', 'oid'])

function columnOf(title: string): string {
  const name = title === 'anyarray' || title === 'anyelement' || title === 'any' ? 'integer[]' : title
  const known =
    name === 'character' || name === 'character varying' || name === 'name' || name === 'unknown' ? 'text' : name
  const column = large[known] === undefined ? '"text"' : `"${known}"`
  return known === name && large[name] !== undefined ? column : `${column}::${name === 'unknown' ? 'text' : name}`
}

function shortOf(title: string): string {
  if (counted.has(title)) return `5::${title}`
  if (title.startsWith('any')) return '5'
  if (title.startsWith('timestamp') || title === 'date') return `'2020-01-01'::${title}`
  return short[title] ?? `null::${title}`
}

/** All large, and each alone. */
function* argumentsOf(takes: readonly number[]): Generator<readonly string[]> {
  const titles = takes.map((type) => findType(type)?.title ?? 'anyarray')
  const wide = takes.flatMap((type, i) => (isWideType(type) ? [i] : []))
  yield titles.map((title, i) => (wide.includes(i) ? columnOf(title) : shortOf(title)))
  if (wide.length < 2) return
  for (const one of wide) yield titles.map((title, i) => (i === one ? columnOf(title) : shortOf(title)))
}

function callOf({ name, takes }: Pick<FunctionEntry, 'name' | 'takes'>, args: readonly string[]): string {
  if (/^\w+$/.test(name)) return `"${name}"(${args.join(', ')})`
  return takes.length === 1 ? `${name} ${args[0]}` : `${args[0]} ${name} ${args[1]}`
}

interface Tried {
  readonly name: string
  readonly statements: readonly string[]
}

function* allTried(): Generator<Tried> {
  const shown = ({ name, takes }: Pick<FunctionEntry, 'name' | 'takes'>): string =>
    `${name}(${takes.map((type) => findType(type)?.title ?? type).join(', ')})`
  const forms = (entry: Pick<FunctionEntry, 'name' | 'takes'>, form: (call: string) => string): Tried => ({
    name: shown(entry),
    statements: [...argumentsOf(entry.takes)].map((args) => form(callOf(entry, args))),
  })
  for (const entry of [...allEntries()].filter(({ takes }) => takes.some(isWideType))) {
    yield forms(entry, (call) => `SELECT count(${call}) FROM large`)
  }
  for (const entry of [...allAggregates()].filter(({ takes }) => takes.some(isWideType))) {
    yield forms(entry, (call) => `SELECT count(x) FROM (SELECT ${call} AS x FROM large, generate_series(1, 3)) s`)
  }
  for (const entry of [...allSetFunctions()].filter(({ takes }) => takes.some(isWideType))) {
    yield forms(entry, (call) => `SELECT count(*) FROM large, LATERAL ${call}`)
  }
  for (const from of allTypes.filter(({ title }) => large[title] !== undefined)) {
    for (const to of allTypes) {
      if (findCast(from.oid, to.oid, 'explicit')?.convert === undefined) continue
      yield {
        name: `${from.title} to ${to.title}`,
        statements: [`SELECT count("${from.title}"::${to.title}) FROM large`],
      }
    }
  }
}

export const sqlFunctionTurns: Area = {
  name: 'sql-function-turns',
  apart: false,
  async *rows({ quick }) {
    const folder = scratchFolder('sql-function-turns')
    const server = await MeteredServer.start(folder)
    const { port } = server.running
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'polylog' })
    await client.connect()
    try {
      await client.query(
        `CREATE TABLE large (${Object.keys(large)
          .map((name) => `"${name}" ${name}`)
          .join(', ')})`,
      )
      await client.query(`INSERT INTO large SELECT ${Object.values(large).join(', ')}`)
      await client.query("SET statement_timeout = '2s'")
      const chosen = process.env['POLYLOG_TURNS']?.split(',')
      for (const { name, statements } of allTried()) {
        if (chosen !== undefined && !chosen.some((part) => name.includes(part))) continue
        let failure: unknown
        const run = async (): Promise<void> => {
          for (const text of statements) await client.query(text).catch((error: unknown) => (failure = error))
          if (failure !== undefined) throw failure
        }
        yield await measureTurn(server, 'sql-function-turns', { name, run }, quick ? 1 : 3)
      }
    } finally {
      await client.end()
      await server.running.stop()
      removeFolder(folder)
    }
  },
}
