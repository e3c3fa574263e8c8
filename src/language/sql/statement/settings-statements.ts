/** SET, RESET and SHOW. */
import type { Binder } from '../bind/binder.ts'
import type { Node, VariableSetStmt, VariableShowStmt } from 'libpg-query'
import { optionText } from '../bind/tree.ts'
import type { SettingChange } from '../contract.ts'
import { failure, notBuilt } from '../failure.ts'
import { quoteIdentifier } from '../functions/text-functions.ts'
import {
  changeSetting,
  checkInitialSetting,
  findSetting,
  isAsWhom,
  isFixedSetting,
  readSetting,
  settingNames,
  titleOf,
} from '../settings/settings.ts'
import { oid } from '../types/oids.ts'
import { type Planned, planEffect, planSteps } from './prepared.ts'
import { transactionModes } from './transaction-control.ts'

export function planSet(statement: VariableSetStmt): Planned {
  const name = statement.name ?? ''
  const scope = statement.is_local === true ? 'transaction' : 'session'
  if (name === 'TRANSACTION') {
    return planEffect({ kind: 'set transaction', ...transactionModes(statement.args ?? []) }, 'SET')
  }
  if (name === 'TRANSACTION SNAPSHOT') {
    return planEffect({ kind: 'take snapshot', name: optionText(statement.args?.[0]) ?? '' }, 'SET')
  }
  if (name === 'SESSION CHARACTERISTICS') return planCharacteristics(statement)
  if (statement.kind === 'VAR_RESET_ALL') {
    return planSteps({ kind: 'session' }, 'RESET', ({ context }) => {
      for (const one of settingNames()) {
        const stays = isFixedSetting(one) || isAsWhom(one)
        if (context.getSetting(one) !== undefined && !stays) context.setSetting(one, undefined, 'session')
      }
      return { rowCount: 0 }
    })
  }
  const isReset = statement.kind === 'VAR_RESET' || statement.kind === 'VAR_SET_DEFAULT'
  const value = isReset ? undefined : settingText(name, statement.args ?? [])
  return planSteps({ kind: 'session' }, statement.kind === 'VAR_RESET' ? 'RESET' : 'SET', ({ context }) => {
    changeSetting(context, name === 'timezone' ? 'timezone' : name, value, scope)
    return { rowCount: 0 }
  })
}

/** What ALTER ROLE and ALTER DATABASE say of a setting. */
export function settingChange({ context }: Binder, statement: VariableSetStmt): SettingChange {
  const { kind, name = '', args = [] } = statement
  if (kind === 'VAR_RESET_ALL') return 'none'
  if (kind === 'VAR_SET_CURRENT') throw notBuilt('SET … FROM CURRENT')
  const isReset = kind === 'VAR_RESET' || kind === 'VAR_SET_DEFAULT'
  return checkInitialSetting(context, name, isReset ? undefined : settingText(name, args))
}

/** Lists keep their parts' quotes: a search_path is read again. */
export function settingText(name: string, nodes: readonly Node[]): string {
  const parts = nodes.map((node) => {
    if ('TypeCast' in node) return optionText(node.TypeCast.arg)
    return optionText(node)
  })
  if (parts.some((part) => part === undefined)) throw failure('22023', `invalid value for parameter "${name}"`)
  if (name !== 'search_path') return parts.join(', ')
  return parts.map((part) => (part === '$user' ? '"$user"' : part === '' ? '""' : quoteIdentifier(part!))).join(', ')
}

function planCharacteristics(statement: VariableSetStmt): Planned {
  const { isolation, readOnly } = transactionModes(statement.args ?? [])
  return planSteps({ kind: 'session' }, 'SET', ({ context }) => {
    if (isolation !== undefined) changeSetting(context, 'default_transaction_isolation', isolation, 'session')
    if (readOnly !== undefined)
      changeSetting(context, 'default_transaction_read_only', readOnly ? 'on' : 'off', 'session')
    return { rowCount: 0 }
  })
}

export function planShow(statement: VariableShowStmt): Planned {
  const name = statement.name ?? ''
  const text = (column: string): { name: string; type: number; modifier: number } => ({
    name: column,
    type: oid.text,
    modifier: -1,
  })
  if (name === 'all') {
    const columns = ['name', 'setting', 'description'].map(text)
    const work = ({ context }: { context: Parameters<typeof findSetting>[0] }) => {
      const rows = settingNames().map((one) => [titleOf(one), findSetting(context, one) ?? null, ''])
      return { rows, rowCount: rows.length }
    }
    return planSteps({ kind: 'session' }, 'SHOW', work, columns)
  }
  return planSteps(
    { kind: 'session' },
    'SHOW',
    ({ context }) => ({ rows: [[readSetting(context, name)]], rowCount: 1 }),
    [text(titleOf(name))],
  )
}
