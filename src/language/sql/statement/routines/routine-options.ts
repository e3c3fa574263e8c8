/** The clauses of CREATE FUNCTION and ALTER FUNCTION: volatility, strictness, cost, settings. */
import type { DefElem, Node, VariableSetStmt } from 'libpg-query'
import { itemsOf, optionText } from '../../bind/tree.ts'
import { failure } from '../../failure.ts'
import type { RoutineDefinition } from '../../routine/definition.ts'
import { settingText } from '../settings-statements.ts'

export type RoutineOptions = Pick<
  RoutineDefinition,
  'volatility' | 'isStrict' | 'isDefiner' | 'isLeakproof' | 'parallel' | 'cost' | 'rows' | 'settings'
> & {
  readonly language?: string
  readonly body?: string
  /** Where AS has two parts. */
  readonly linkedAt?: number
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** Of one that is made: with what holds where nothing is said. */
export function routineOptions(nodes: readonly Node[], kind: 'function' | 'procedure'): RoutineOptions {
  return changedOptions({ volatility: 'volatile' }, nodes, kind)
}

/** What `before` says becomes what the clauses say. */
export function changedOptions(
  before: RoutineOptions,
  nodes: readonly Node[],
  kind: 'function' | 'procedure',
): RoutineOptions {
  const options: Writable<RoutineOptions> = { ...before }
  const seen = new Set<string>()
  for (const node of nodes) {
    if (!('DefElem' in node)) continue
    const { defname = '', location } = node.DefElem
    if (defname !== 'set' && seen.has(defname)) throw failure('42601', 'conflicting or redundant options', { location })
    seen.add(defname)
    if (kind === 'procedure' && ofFunctions.has(defname)) {
      throw failure('42P13', 'invalid attribute in procedure definition', { location })
    }
    readOption(options, node.DefElem)
  }
  return options
}

const ofFunctions: ReadonlySet<string> = new Set([
  'window',
  'volatility',
  'strict',
  'leakproof',
  'cost',
  'rows',
  'support',
  'parallel',
])

function readOption(options: Writable<RoutineOptions>, { defname = '', arg, location }: DefElem): void {
  switch (defname) {
    case 'language':
      options.language = optionText(arg)!
      break
    case 'as': {
      const parts = itemsOf(arg)
      // What a language of compiled code takes: where its symbol lies, and its name.
      if (parts.length > 1) options.linkedAt = location ?? 0
      options.body = optionText(parts[0])!
      break
    }
    case 'volatility':
      options.volatility = optionText(arg) as RoutineDefinition['volatility']
      break
    case 'strict':
      setFlag(options, 'isStrict', arg)
      break
    case 'security':
      setFlag(options, 'isDefiner', arg)
      break
    case 'leakproof':
      setFlag(options, 'isLeakproof', arg)
      break
    case 'parallel':
      readParallel(options, optionText(arg)!)
      break
    case 'cost':
      options.cost = positive('COST', optionText(arg)!)
      break
    case 'rows':
      options.rows = positive('ROWS', optionText(arg)!)
      break
    case 'set':
      readSetting(options, arg)
      break
    case 'transform':
    case 'support':
    case 'window':
      throw failure('0A000', `${defname.toUpperCase()} of a function is not supported`, { location })
    default:
      throw failure('42601', `option "${defname}" not recognized`, { location })
  }
}

function setFlag(options: Writable<RoutineOptions>, name: 'isStrict' | 'isDefiner' | 'isLeakproof', arg?: Node): void {
  if (optionText(arg) === 'true') options[name] = true
  else delete options[name]
}

function readParallel(options: Writable<RoutineOptions>, text: string): void {
  if (text !== 'safe' && text !== 'restricted' && text !== 'unsafe') {
    throw failure('42601', 'parameter "parallel" must be SAFE, RESTRICTED, or UNSAFE')
  }
  if (text === 'unsafe') delete options.parallel
  else options.parallel = text
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw failure('22023', `${name} must be positive`)
  return value
}

/** SET name TO value, and FROM CURRENT; RESET takes it away. */
function readSetting(options: Writable<RoutineOptions>, node: Node | undefined): void {
  if (node === undefined || !('VariableSetStmt' in node)) return
  const statement: VariableSetStmt = node.VariableSetStmt
  const name = (statement.name ?? '').toLowerCase()
  const others = (options.settings ?? []).filter(([one]) => one !== name)
  if (statement.kind === 'VAR_RESET_ALL') options.settings = []
  else if (statement.kind === 'VAR_RESET' || statement.kind === 'VAR_SET_DEFAULT') options.settings = others
  else options.settings = [...others, [name, settingText(name, statement.args ?? [])]]
  if (options.settings.length === 0) delete options.settings
}
