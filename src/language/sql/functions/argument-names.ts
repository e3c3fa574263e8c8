/**
 * Names of the arguments of built-in functions, for calls as `make_interval(days => 10)`, and what is taken for those that such
 * a call leaves out.
 */
import type { SqlValue } from '../contract.ts'
import { oid } from '../types/oids.ts'

export interface NamedArgument {
  readonly name: string
  /** Undefined: it must be given. */
  readonly missing?: { readonly value: SqlValue; readonly type: number }
}

const given = (...names: readonly string[]): NamedArgument[] => names.map((name) => ({ name }))
const zero = (name: string): NamedArgument => ({ name, missing: { value: 0, type: oid.int4 } })
const flag = (name: string, value: boolean): NamedArgument => ({ name, missing: { value, type: oid.bool } })
const path: readonly NamedArgument[] = [
  ...given('target', 'path'),
  { name: 'vars', missing: { value: '{}', type: oid.jsonb } },
  flag('silent', false),
]

const names: ReadonlyMap<string, readonly NamedArgument[]> = new Map([
  ...['exists', 'match', 'query', 'query_array', 'query_first'].flatMap((name) => [
    [`jsonb_path_${name}`, path] as const,
    [`jsonb_path_${name}_tz`, path] as const,
  ]),
  ['jsonb_set', [...given('jsonb_in', 'path', 'replacement'), flag('create_if_missing', true)]],
  ['jsonb_insert', [...given('jsonb_in', 'path', 'replacement'), flag('insert_after', false)]],
  [
    'make_interval',
    [
      ...['years', 'months', 'weeks', 'days', 'hours', 'mins'].map(zero),
      { name: 'secs', missing: { value: 0, type: oid.float8 } },
    ],
  ],
  ['make_date', given('year', 'month', 'day')],
  ['make_time', given('hour', 'min', 'sec')],
  ['make_timestamp', given('year', 'month', 'mday', 'hour', 'min', 'sec')],
  ['make_timestamptz', given('year', 'month', 'mday', 'hour', 'min', 'sec', 'timezone')],
])

export function argumentsNamed(functionName: string): readonly NamedArgument[] | undefined {
  return names.get(functionName)
}
