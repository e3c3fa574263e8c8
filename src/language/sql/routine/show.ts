/** Functions and triggers as text, as PostgreSQL's `ruleutils.c` writes them. */
import { numberOfType } from '../../../model/table/types/user/content.ts'
import type { TriggerDefinition, Triggered } from '../../../model/table/triggers.ts'
import { quoteIdentifier, quoteLiteral } from '../functions/text-functions.ts'
import type { RoutineDefinition, RoutineParameter } from './definition.ts'
import type { Routine } from './routines.ts'

const modeWords: Readonly<Record<RoutineParameter['mode'], string>> = {
  in: '',
  out: 'OUT ',
  inout: 'INOUT ',
  variadic: 'VARIADIC ',
  table: '',
}

/** `isIdentity`: what tells it from others, without defaults. */
/** How types and defaults are written for who asks. */
export interface RoutineNames {
  readonly type: (type: number) => string
  readonly default: (text: string) => string
}

export function argumentsText(definition: RoutineDefinition, names: RoutineNames, isIdentity: boolean): string {
  const shown = definition.parameters.filter(({ mode }) => {
    return mode !== 'table'
  })
  return shown
    .map((one) => {
      const mode = definition.kind === 'procedure' && one.mode === 'in' ? 'IN ' : modeWords[one.mode]
      const name = one.name === undefined ? '' : `${quoteIdentifier(one.name)} `
      const text = one.default === undefined || isIdentity ? '' : ` DEFAULT ${names.default(one.default)}`
      return `${mode}${name}${names.type(one.type)}${text}`
    })
    .join(', ')
}

export function resultText(definition: RoutineDefinition, names: RoutineNames): string | null {
  const { returns, parameters } = definition
  if (definition.kind === 'procedure' || returns === undefined) return null
  const columns = parameters.filter(({ mode }) => mode === 'table')
  if (columns.length > 0) {
    const list = columns.map(({ name, type }) => `${quoteIdentifier(name ?? '')} ${names.type(type)}`)
    return `TABLE(${list.join(', ')})`
  }
  const type = names.type(returns.table === undefined ? returns.type : numberOfType(returns.table))
  return returns.isSet ? `SETOF ${type}` : type
}

export function definitionText({ definition, collection }: Routine, names: RoutineNames): string {
  const { kind, name, language, volatility, parallel, settings = [], cost, rows } = definition
  const full = `${quoteIdentifier(collection.namespace.name)}.${quoteIdentifier(name)}`
  const lines = [`CREATE OR REPLACE ${kind.toUpperCase()} ${full}(${argumentsText(definition, names, false)})`]
  const result = resultText(definition, names)
  if (result !== null) lines.push(` RETURNS ${result}`)
  lines.push(` LANGUAGE ${quoteIdentifier(language)}`)
  const words = [
    volatility === 'volatile' ? '' : volatility.toUpperCase(),
    parallel === undefined ? '' : `PARALLEL ${parallel.toUpperCase()}`,
    definition.isStrict === true ? 'STRICT' : '',
    definition.isDefiner === true ? 'SECURITY DEFINER' : '',
    definition.isLeakproof === true ? 'LEAKPROOF' : '',
    cost === undefined || cost === 100 ? '' : `COST ${cost}`,
    rows === undefined || rows === 1000 ? '' : `ROWS ${rows}`,
  ].filter((word) => word !== '')
  if (words.length > 0) lines.push(` ${words.join(' ')}`)
  for (const [setting, value] of settings) {
    const isList = setting === 'search_path'
    lines.push(
      ` SET ${quoteIdentifier(setting)} TO ${isList ? value.split(', ').map(quotedPart).join(', ') : quoteLiteral(value)}`,
    )
  }
  return `${lines.join('\n')}\n${bodyText(definition)}\n`
}

function quotedPart(part: string): string {
  return quoteLiteral(part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part)
}

function bodyText({ body, isAtomic, kind }: RoutineDefinition): string {
  if (isAtomic === true) return `BEGIN ATOMIC\n ${body.replace(/;?\s*$/, ';')}\nEND`
  let tag = `$${kind}$`
  while (body.includes(tag)) tag = `${tag.slice(0, -1)}x$`
  return `AS ${tag}${body}${tag}`
}

// ---- triggers

/** As `tgtype` has them. */
export function triggerBits({ isForRow, timing, events }: TriggerDefinition): number {
  const bits = { insert: 4, delete: 8, update: 16, truncate: 32 } as const
  const base = (isForRow === true ? 1 : 0) + (timing === 'before' ? 2 : timing === 'instead' ? 64 : 0)
  return events.reduce((sum, event) => sum + bits[event], base)
}

/** How the names of a table and of a function, and a condition, are written. */
export interface TriggerNames {
  readonly table: string
  readonly function: string
  readonly when: (text: string) => string
}

export function triggerText(table: Triggered, trigger: TriggerDefinition, names: TriggerNames): string {
  const { constraint, when, oldTable, newTable } = trigger
  const parts = [
    `CREATE ${constraint === undefined ? '' : 'CONSTRAINT '}TRIGGER ${quoteIdentifier(trigger.name)}`,
    trigger.timing === 'instead' ? 'INSTEAD OF' : trigger.timing.toUpperCase(),
    eventsText(table, trigger),
    `ON ${names.table}`,
  ]
  if (constraint !== undefined) {
    parts.push(constraint.isDeferrable ? 'DEFERRABLE' : 'NOT DEFERRABLE')
    parts.push(constraint.isInitiallyDeferred ? 'INITIALLY DEFERRED' : 'INITIALLY IMMEDIATE')
  }
  if (oldTable !== undefined || newTable !== undefined) {
    const old = oldTable === undefined ? '' : ` OLD TABLE AS ${quoteIdentifier(oldTable)}`
    const now = newTable === undefined ? '' : ` NEW TABLE AS ${quoteIdentifier(newTable)}`
    parts.push(`REFERENCING${old}${now}`)
  }
  parts.push(`FOR EACH ${trigger.isForRow === true ? 'ROW' : 'STATEMENT'}`)
  if (when !== undefined) parts.push(`WHEN (${names.when(when)})`)
  const given = (trigger.arguments ?? []).map(quoteLiteral).join(', ')
  return `${parts.join(' ')} EXECUTE FUNCTION ${names.function}(${given})`
}

function eventsText(table: Triggered, { events, columns = [] }: TriggerDefinition): string {
  const order = ['insert', 'delete', 'update', 'truncate'] as const
  const named = columns
    .map((number) => quoteIdentifier(table.columns.find((one) => one.number === number)!.name))
    .join(', ')
  return order
    .filter((event) => events.includes(event))
    .map((event) => (event === 'update' && named !== '' ? `UPDATE OF ${named}` : event.toUpperCase()))
    .join(' OR ')
}
