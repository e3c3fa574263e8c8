/** The values and errors are what a PostgreSQL 15 answered to the same SET and SHOW. */
import { describe, expect, it } from 'vitest'
import type { SqlContext } from '../contract.ts'
import { countOf, type Parameter } from './parameter.ts'
import { parameters } from './parameters.ts'
import { changeSetting, findSetting, roleOfSetting, settingNames, titleOf } from './settings.ts'

const parameter = (name: string): Parameter => parameters.get(name)!

/** A session that keeps what it is told; `isLimited`: of no superuser. */
function session(isLimited = false): SqlContext & { readonly kept: Map<string, string> } {
  const kept = new Map<string, string>()
  const parts = {
    kept,
    user: 'me',
    rights: { areUnlimited: !isLimited },
    getSetting: (name: string) => kept.get(name),
    setSetting: (name: string, value: string | undefined) => {
      if (value === undefined) kept.delete(name)
      else kept.set(name, value)
    },
  }
  return parts as unknown as SqlContext & { readonly kept: Map<string, string> }
}

describe('a parameter is shown as PostgreSQL shows it', () => {
  it.each([
    ['work_mem', '64kB', '64kB'],
    ['work_mem', '1024', '1MB'],
    ['work_mem', '1.5MB', '1536kB'],
    ['temp_buffers', '1000', '8000kB'],
    ['statement_timeout', '90s', '90s'],
    ['statement_timeout', '0.5min', '30s'],
    ['lock_timeout', '0', '0'],
    ['log_temp_files', '-1', '-1'],
    ['geqo_selection_bias', '1.50', '1.5'],
    ['max_parallel_workers', '0x10', '16'],
    ['enable_sort', 'of', 'off'],
    ['enable_sort', 'T', 'on'],
    ['constraint_exclusion', 'yes', 'on'],
    ['plan_cache_mode', 'FORCE_CUSTOM_PLAN', 'force_custom_plan'],
    ['vacuum_cost_delay', '1.5', '1500us'],
  ])('%s TO %s', (name, value, shown) => {
    const context = session()
    changeSetting(context, name, value, 'session')
    expect(findSetting(context, name)).toBe(shown)
  })
})

describe('a parameter refuses what it cannot be', () => {
  it.each([
    ['work_mem', '63', '22023', '63 kB is outside the valid range for parameter "work_mem" (64 .. 2147483647)'],
    ['work_mem', '99999999999', '22023', 'invalid value for parameter "work_mem": "99999999999"'],
    ['geqo_effort', '11', '22023', '11 is outside the valid range for parameter "geqo_effort" (1 .. 10)'],
    ['seq_page_cost', '-1', '22023', '-1 is outside the valid range for parameter "seq_page_cost" (0 .. 1.79769e+308)'],
    ['seq_page_cost', '1e309', '22023', 'invalid value for parameter "seq_page_cost": "1e309"'],
    ['enable_sort', 'o', '22023', 'parameter "enable_sort" requires a Boolean value'],
    ['log_statement', 'some', '22023', 'invalid value for parameter "log_statement": "some"'],
    ['shared_buffers', '1GB', '55P02', 'parameter "shared_buffers" cannot be changed without restarting the server'],
    ['fsync', 'off', '55P02', 'parameter "fsync" cannot be changed now'],
    ['block_size', '1', '55P02', 'parameter "block_size" cannot be changed'],
    ['log_connections', 'on', '55P02', 'parameter "log_connections" cannot be set after connection start'],
    ['session_replication_role', 'replica', '0A000', 'session_replication_role = "replica" is not supported'],
    ['timezone', 'Nowhere/City', '22023', 'invalid value for parameter "TimeZone": "Nowhere/City"'],
    ['datestyle', 'foo', '22023', 'invalid value for parameter "DateStyle": "foo"'],
    ['nonsense', '1', '42704', 'unrecognized configuration parameter "nonsense"'],
  ])('%s TO %s', (name, value, sqlState, message) => {
    const context = session()
    expect(() => changeSetting(context, name, value, 'session')).toThrow(
      expect.objectContaining({ message, detail: expect.objectContaining({ sqlState }) as unknown }) as Error,
    )
    expect(context.kept.size).toBe(0)
  })

  it('names the units that there are', () => {
    const hints = ['work_mem', 'statement_timeout'].map((name) => {
      try {
        return changeSetting(session(), name, '1 xx', 'session')
      } catch (error) {
        return (error as { detail: { hint: string } }).detail.hint
      }
    })
    expect(hints).toEqual([
      'Valid units for this parameter are "B", "kB", "MB", "GB", and "TB".',
      'Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".',
    ])
  })

  it('asks for a superuser where PostgreSQL does', () => {
    const limited = session(true)
    expect(() => changeSetting(limited, 'log_statement', 'all', 'session')).toThrow(
      'permission denied to set parameter "log_statement"',
    )
    expect(changeSetting(session(), 'log_statement', 'all', 'session')).toBe('all')
    expect(changeSetting(limited, 'enable_sort', 'off', 'session')).toBe('off')
  })
})

describe('the list', () => {
  it('has all of PostgreSQL, and each accepts where it begins or says who changes it', () => {
    expect(parameters.size).toBeGreaterThan(350)
    const refused = settingNames().filter((name) => {
      const role = roleOfSetting(name)
      if (role === "the server's" || role === 'our own') return false
      const shown = findSetting(session(), name)!
      try {
        return changeSetting(session(), name, shown, 'session') !== shown
      } catch {
        return true
      }
    })
    expect(refused).toEqual([])
  })

  it('counts in the unit of each where pg_settings does', () => {
    expect(countOf(parameter('work_mem'), '4MB')).toBe('4096')
    expect(countOf(parameter('temp_buffers'), '8MB')).toBe('1024')
    expect(countOf(parameter('statement_timeout'), '1min')).toBe('60000')
    expect(countOf(parameter('log_temp_files'), '-1')).toBe('-1')
    expect(titleOf('timezone')).toBe('TimeZone')
  })
})
