/** Functions by which tools read the catalog: access lists, options, sizes, what is visible without its schema. */
import type { Decimal } from '../../../base/decimal.ts'
import { routineByNumber } from '../catalog/function-numbers.ts'
import { collectionByOid, namespaceOidByName } from '../catalog/identity.ts'
import { namedRoleOid, roleName, roleOid } from '../catalog/roles.ts'
import { functionByName, isFunctionVisible } from '../bind/function-names.ts'
import { isTypeVisible } from '../bind/made-types.ts'
import { splitName } from '../bind/names.ts'
import type { SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { sequenceDefinitionOf, isSequence } from '../../../model/table/sequence.ts'
import { oid } from '../types/oids.ts'
import { defineFunction, defineSetFunction, type FunctionOptions } from './registry.ts'
import { quoteIdentifier } from './text-functions.ts'

const { text, name, int4, int8, bool } = oid
const stable: FunctionOptions = { needsRun: true, volatility: 'stable' }

function define(
  title: string,
  takes: readonly number[],
  gives: number,
  run: (run: SqlRun, ...values: never[]) => SqlValue,
): void {
  defineFunction(title, takes, gives, run, stable)
}

// ---- access lists

/** What the owner of an object has, and what everybody has, where nothing was given or taken: by PostgreSQL's kinds. */
const defaults: Readonly<Record<string, readonly [owner: string, everybody: string]>> = {
  c: ['', ''],
  r: ['arwdDxt', ''],
  s: ['rwU', ''],
  d: ['CTc', 'Tc'],
  f: ['X', 'X'],
  l: ['U', 'U'],
  L: ['rw', ''],
  n: ['UC', ''],
  p: ['sA', ''],
  t: ['C', ''],
  F: ['U', ''],
  S: ['U', ''],
  T: ['U', 'U'],
}

define('acldefault', [oid.char, oid.oid], oid.aclitemArray, (run, kind: string, owner: number) => {
  const found = Object.hasOwn(defaults, kind) ? defaults[kind] : undefined
  if (found === undefined) throw failure('22023', `unrecognized object type abbreviation: ${kind}`)
  const by = quoteIdentifier(roleName(run, owner) ?? String(owner))
  const [own, everybody] = found
  return [...(everybody === '' ? [] : [`=${everybody}/${by}`]), ...(own === '' ? [] : [`${by}=${own}/${by}`])]
})

const words: Readonly<Record<string, string>> = {
  a: 'INSERT',
  r: 'SELECT',
  w: 'UPDATE',
  d: 'DELETE',
  D: 'TRUNCATE',
  x: 'REFERENCES',
  t: 'TRIGGER',
  X: 'EXECUTE',
  U: 'USAGE',
  C: 'CREATE',
  T: 'TEMPORARY',
  c: 'CONNECT',
  s: 'SET',
  A: 'ALTER SYSTEM',
}

/** `"a name"=ar*w/grantor`. */
const itemPattern = /^("(?:[^"]|"")*"|[^=]*)=([a-zA-Z*]*)\/(.*)$/s

function numberOfRole(run: SqlRun, written: string): number {
  const title = written.startsWith('"') ? written.slice(1, -1).replaceAll('""', '"') : written
  return title === '' ? 0 : roleOid(run, title)
}

/** A row for each privilege of each item. */
function* explode(run: SqlRun, items: readonly SqlValue[]): Generator<readonly SqlValue[]> {
  for (const item of items) {
    if (item === null) throw failure('22004', 'ACL arrays must not contain null values')
    const [, to, letters = '', by = ''] = itemPattern.exec(item as string) ?? []
    if (to === undefined) throw failure('22P02', `invalid ACL item: "${item as string}"`)
    for (const [, letter = '', star] of letters.matchAll(/([a-zA-Z])(\*?)/g)) {
      // Those that PostgreSQL does not know have no word there.
      if (!Object.hasOwn(words, letter)) continue
      yield [numberOfRole(run, by), numberOfRole(run, to), words[letter]!, star === '*']
    }
  }
}

defineSetFunction({
  name: 'aclexplode',
  takes: [oid.aclitemArray],
  variadic: false,
  columns: [
    { name: 'grantor', type: oid.oid },
    { name: 'grantee', type: oid.oid },
    { name: 'privilege_type', type: text },
    { name: 'is_grantable', type: bool },
  ],
  rows: (run, [items]) => (items === null ? [] : explode(run, items as readonly SqlValue[])),
})

function* optionRows(options: readonly string[]): Generator<readonly SqlValue[]> {
  for (const option of options) {
    const at = option.indexOf('=')
    yield at < 0 ? [option, null] : [option.slice(0, at), option.slice(at + 1)]
  }
}

defineSetFunction({
  name: 'pg_options_to_table',
  takes: [oid.textArray],
  variadic: false,
  columns: [
    { name: 'option_name', type: text },
    { name: 'option_value', type: text },
  ],
  rows: (_run, [options]) => optionRows((options ?? []) as readonly string[]),
})

// ---- names

define('pg_function_is_visible', [oid.oid], bool, ({ context }, number: number) => isFunctionVisible(context, number))
define('pg_type_is_visible', [oid.oid], bool, ({ context }, number: number) => isTypeVisible(context, number))
for (const title of ['pg_opfamily_is_visible', 'pg_ts_config_is_visible', 'pg_ts_dict_is_visible'])
  define(title, [oid.oid], bool, () => true)
for (const title of ['pg_ts_parser_is_visible', 'pg_ts_template_is_visible']) define(title, [oid.oid], bool, () => true)
define('to_regnamespace', [text], oid.regnamespace, ({ context }, title: string) => {
  return namespaceOidByName(context.catalog, splitName(title)[0]!) ?? null
})
define('to_regrole', [text], oid.regrole, ({ context }, title: string) => {
  return namedRoleOid(context, splitName(title)[0]!) ?? null
})
define('to_regproc', [text], oid.regproc, ({ context }, title: string) => {
  try {
    return functionByName(context, title) ?? null
  } catch {
    return null
  }
})
define('pg_get_function_arg_default', [oid.oid, int4], text, ({ transaction }, number: number, place: number) => {
  const routine = routineByNumber(transaction.catalog, number)
  return routine?.definition.parameters[place - 1]?.default ?? null
})
define('getdatabaseencoding', [], name, () => 'UTF8')
define('pg_client_encoding', [], name, () => 'UTF8')

defineSetFunction({
  name: 'pg_sequence_parameters',
  takes: [oid.oid],
  variadic: false,
  columns: [
    { name: 'start_value', type: int8 },
    { name: 'minimum_value', type: int8 },
    { name: 'maximum_value', type: int8 },
    { name: 'increment', type: int8 },
    { name: 'cycle_option', type: bool },
    { name: 'cache_size', type: int8 },
    { name: 'data_type', type: oid.oid },
  ],
  rows: (run, [number]) => {
    const collection = number === null ? undefined : collectionByOid(run.transaction.catalog, number as number)
    if (collection === undefined || !isSequence(collection)) return []
    const { start, minimum, maximum, increment, cycle, cache = 1, type } = sequenceDefinitionOf(collection)
    return [[BigInt(start), BigInt(minimum), BigInt(maximum), BigInt(increment), cycle, BigInt(cache), type]]
  },
})

// ---- sizes

const units = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB']

/** Of a fraction of bytes too: PostgreSQL's numeric_shift_right truncates, and its rounding goes away from zero. */
function prettySize(size: Decimal): string {
  let bytes = BigInt(size.toString().replace(/\..*$/, '') || '0')
  if (magnitude(bytes) < 10_240n) return `${size.toString()} bytes`
  let unit = 1
  // One bit more, for the rounding.
  bytes /= 512n
  while (magnitude(bytes) >= 20_479n && unit < units.length - 1) {
    bytes /= 1024n
    unit++
  }
  return `${bytes < 0n ? (bytes - 1n) / 2n : (bytes + 1n) / 2n} ${units[unit]!}`
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value
}

define('pg_size_pretty', [oid.numeric], text, (_run, size: Decimal) => prettySize(size))
