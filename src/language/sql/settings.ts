/**
 * Settings: what SET accepts.
 *
 * Each is listed with its default and with what it may be. A value that would change a result and is not built is refused by
 * its name (rule 8); the harmless rest is kept and shown.
 */
import type { SqlContext } from './contract.ts'
import { failure } from './failure.ts'
import { formatDuration, formatSize, parseDurationMs, parseSizeBytes } from '../../base/units.ts'
import { zoneOffsetUs } from './functions/date-functions.ts'

interface Setting {
  readonly initial: string | ((context: SqlContext) => string)
  /** Missing: cannot be set. Answers the text to keep. */
  readonly accept?: (value: string, name: string) => string
  /** What a session begins with, by ALTER ROLE or ALTER DATABASE; it cannot change it. */
  readonly isFixed?: boolean
}

const anything = (value: string): string => value

function invalid(name: string, value: string, hint?: string): Error {
  const options = hint === undefined ? {} : { hint }
  return failure('22023', `invalid value for parameter "${name}": "${value}"`, options)
}

/** PostgreSQL has more; here only these, since another would change what comes out. */
function only(...values: readonly string[]): (value: string, name: string) => string {
  return (value, name) => {
    const found = values.find((one) => one.toLowerCase() === value.toLowerCase())
    if (found !== undefined) return found
    throw failure('0A000', `${name} = "${value}" is not supported`, { hint: `Supported: ${values.join(', ')}.` })
  }
}

function boolean(value: string, name: string): string {
  const lower = value.toLowerCase()
  if (lower !== '' && ['on', 'true', 'yes', '1'].some((one) => one.startsWith(lower) && lower !== 'o')) return 'on'
  if (lower !== '' && ['off', 'false', 'no', '0'].some((one) => one.startsWith(lower) && lower !== 'o')) return 'off'
  throw failure('22023', `parameter "${name}" requires a Boolean value`)
}

function oneOf(...values: readonly string[]): (value: string, name: string) => string {
  return (value, name) => {
    const found = values.find((one) => one === value.toLowerCase())
    if (found !== undefined) return found
    throw invalid(name, value, `Available values: ${values.join(', ')}.`)
  }
}

function integer(low: number, high: number): (value: string, name: string) => string {
  return (value, name) => {
    if (!/^-?\d+$/.test(value)) throw invalid(name, value)
    const number = Number(value)
    if (number >= low && number <= high) return String(number)
    throw failure('22023', `${number} is outside the valid range for parameter "${name}" (${low} .. ${high})`)
  }
}

/** Milliseconds, with PostgreSQL's units; shown as it shows them. */
function duration(value: string, name: string): string {
  const milliseconds = parseDurationMs(value)
  if (milliseconds === undefined || milliseconds > 2_147_483_647) throw invalid(name, value)
  return formatDuration(milliseconds)
}

/** Kilobytes, with PostgreSQL's units; shown as it shows them. */
function size(leastBytes: number): (value: string, name: string) => string {
  return (value, name) => {
    const bytes = parseSizeBytes(value)
    if (bytes === undefined || bytes > Number.MAX_SAFE_INTEGER) throw invalid(name, value)
    if (bytes >= leastBytes) return formatSize(bytes)
    const least = formatSize(leastBytes)
    throw failure('22023', `${formatSize(bytes)} is outside the valid range for parameter "${name}" (${least} or more)`)
  }
}

/** -1: there is none. */
function limit(leastBytes: number): (value: string, name: string) => string {
  const accept = size(leastBytes)
  return (value, name) => (/^\s*-1\s*$/.test(value) ? '-1' : accept(value, name))
}

/** With less a session could not be greeted, or its client not told what is wrong. */
const leastLimitBytes = 64 * 1024

const isolation = oneOf('read committed', 'repeatable read', 'serializable', 'read uncommitted')

function timeZone(value: string): string {
  if (/^(utc|gmt|z|zulu|universal|etc\/utc|etc\/gmt)$/i.test(value))
    return value.toUpperCase() === 'GMT' ? 'GMT' : 'UTC'
  if (/^[+-]?0+(:?00)?$/.test(value)) return 'UTC'
  zoneOffsetUs(value)
  throw failure('0A000', `TimeZone = "${value}" is not supported: sessions are in UTC`)
}

function dateStyle(value: string): string {
  const parts = value.split(',').map((part) => part.trim().toLowerCase())
  if (parts.every((part) => ['iso', 'mdy', 'us', 'noneuropean', 'default', 'month'].includes(part))) return 'ISO, MDY'
  throw failure('0A000', `DateStyle = "${value}" is not supported`, { hint: 'Supported: ISO, MDY.' })
}

function encoding(value: string): string {
  if (/^(utf-?8|unicode)$/i.test(value)) return 'UTF8'
  throw failure('0A000', `client_encoding = "${value}" is not supported`, { hint: 'Supported: UTF8.' })
}

const settings = new Map<string, Setting>([
  ['application_name', { initial: '', accept: anything }],
  ['bytea_output', { initial: 'hex', accept: only('hex') }],
  ['check_function_bodies', { initial: 'on', accept: boolean }],
  ['client_encoding', { initial: 'UTF8', accept: encoding }],
  [
    'client_min_messages',
    {
      initial: 'notice',
      accept: oneOf('debug5', 'debug4', 'debug3', 'debug2', 'debug1', 'debug', 'log', 'notice', 'warning', 'error'),
    },
  ],
  ['datestyle', { initial: 'ISO, MDY', accept: dateStyle }],
  ['default_table_access_method', { initial: 'heap', accept: only('heap') }],
  ['default_tablespace', { initial: '', accept: only('') }],
  ['default_transaction_isolation', { initial: 'read committed', accept: isolation }],
  ['default_transaction_read_only', { initial: 'off', accept: boolean }],
  ['extra_float_digits', { initial: '1', accept: integer(-15, 3) }],
  ['idle_in_transaction_session_timeout', { initial: '0', accept: duration }],
  ['idle_session_timeout', { initial: '0', accept: duration }],
  ['integer_datetimes', { initial: 'on' }],
  ['intervalstyle', { initial: 'postgres', accept: only('postgres') }],
  ['lc_collate', { initial: 'C' }],
  ['lc_ctype', { initial: 'C' }],
  ['lc_messages', { initial: 'C', accept: anything }],
  ['lc_monetary', { initial: 'C', accept: anything }],
  ['lock_timeout', { initial: '0', accept: duration }],
  ['max_connections', { initial: '10000' }],
  ['superuser_reserved_connections', { initial: '3' }],
  ['max_identifier_length', { initial: '63' }],
  ['row_security', { initial: 'on', accept: boolean }],
  ['search_path', { initial: '"$user", public', accept: anything }],
  ['server_encoding', { initial: 'UTF8' }],
  ['server_version', { initial: '15.0' }],
  ['server_version_num', { initial: '150000' }],
  ['role', { initial: 'none', accept: anything }],
  ['session_authorization', { initial: (context) => context.sessionUser ?? context.user, accept: anything }],
  ['is_superuser', { initial: (context) => (context.rights?.areUnlimited === false ? 'off' : 'on') }],
  ['password_encryption', { initial: 'scram-sha-256', accept: only('scram-sha-256') }],
  ['standard_conforming_strings', { initial: 'on', accept: only('on') }],
  ['statement_timeout', { initial: '0', accept: duration }],
  ['synchronous_commit', { initial: 'on', accept: oneOf('on', 'off', 'local', 'remote_write', 'remote_apply') }],
  ['timezone', { initial: 'UTC', accept: timeZone }],
  ['transaction_isolation', { initial: 'read committed', accept: isolation }],
  ['transaction_read_only', { initial: 'off', accept: boolean }],
  ['transaction_deferrable', { initial: 'off', accept: only('off') }],
  ['wal_level', { initial: 'logical' }],
  ['temp_file_limit', { initial: '-1', accept: limit(0), isFixed: true }],
  ['work_mem', { initial: '4MB', accept: size(64 * 1024) }],
  ['maintenance_work_mem', { initial: '64MB', accept: size(1024 * 1024) }],
  ['polylog.session_memory', { initial: '-1', accept: limit(leastLimitBytes), isFixed: true }],
  ['polylog.principal_memory', { initial: '-1', accept: limit(leastLimitBytes), isFixed: true }],
  ['polylog.database_memory', { initial: '-1', accept: limit(leastLimitBytes), isFixed: true }],
  ['polylog.principal_temporary', { initial: '-1', accept: limit(0), isFixed: true }],
  ['polylog.queued_bytes', { initial: '-1', accept: limit(leastLimitBytes), isFixed: true }],
  // Whether a client's certificate is the proof of who it is (`principal/certificates.ts`).
  ['polylog.certificate_login', { initial: 'off', accept: boolean, isFixed: true }],
  ['xmloption', { initial: 'content', accept: only('content') }],
  ['jit', { initial: 'off', accept: boolean }],
  ['enable_seqscan', { initial: 'on', accept: boolean }],
  ['enable_indexscan', { initial: 'on', accept: boolean }],
  ['enable_hashjoin', { initial: 'on', accept: boolean }],
  ['enable_nestloop', { initial: 'on', accept: boolean }],
  ['enable_mergejoin', { initial: 'on', accept: boolean }],
  ['enable_bitmapscan', { initial: 'on', accept: boolean }],
  ['escape_string_warning', { initial: 'on', accept: boolean }],
  ['quote_all_identifiers', { initial: 'off', accept: only('off') }],
  ['synchronize_seqscans', { initial: 'on', accept: boolean }],
  ['tcp_keepalives_idle', { initial: '0', accept: integer(0, 2_147_483_647) }],
])

function find(name: string): Setting | undefined {
  return settings.get(name.toLowerCase())
}

function unknown(name: string): Error {
  return failure('42704', `unrecognized configuration parameter "${name}"`)
}

/** What SHOW says. */
export function readSetting(context: SqlContext, name: string): string {
  const value = findSetting(context, name)
  if (value === undefined) throw unknown(name)
  return value
}

export function findSetting(context: SqlContext, name: string): string | undefined {
  const lower = name.toLowerCase()
  const own = context.getSetting(lower)
  if (own !== undefined) return own
  const setting = find(lower)
  if (setting === undefined) return undefined
  return typeof setting.initial === 'string' ? setting.initial : setting.initial(context)
}

/** SET: checks, then hands it to the session. Names with a dot are the application's own. */
export function changeSetting(
  context: SqlContext,
  name: string,
  value: string | undefined,
  scope: 'session' | 'transaction',
): string | undefined {
  const lower = name.toLowerCase()
  if (find(lower)?.isFixed === true) throw failure('55P02', `parameter "${lower}" cannot be set after connection start`)
  const kept = checkSetting(lower, value)
  context.setSetting(lower, kept, scope)
  return kept
}

/** The text to keep of a value, whoever gives it; undefined goes back to the default. */
function checkSetting(lower: string, value: string | undefined): string | undefined {
  const setting = find(lower)
  if (setting === undefined && !lower.includes('.')) throw unknown(lower)
  if (setting !== undefined && setting.accept === undefined) {
    throw failure('55P02', `parameter "${lower}" cannot be changed`)
  }
  return value === undefined ? undefined : (setting?.accept ?? anything)(value, lower)
}

/** ALTER ROLE and ALTER DATABASE SET: what sessions are to begin with. */
export function checkInitialSetting(
  name: string,
  value: string | undefined,
): { name: string; value: string | undefined } {
  const lower = name.toLowerCase()
  if (lower.startsWith('transaction_')) throw failure('55P02', `parameter "${lower}" is of one transaction`)
  return { name: lower, value: checkSetting(lower, value) }
}

/** Limits of a session, which who is limited by them cannot change. */
export function isFixedSetting(name: string): boolean {
  return find(name)?.isFixed === true
}

export function settingNames(): readonly string[] {
  return [...settings.keys()].sort()
}

/** A search_path as its parts: `"$user", public`. */
export function splitSearchPath(text: string): string[] {
  const parts = text.match(/"(?:[^"]|"")*"|[^,\s]+/g) ?? []
  return parts.map((part) => {
    if (!part.startsWith('"')) return part.toLowerCase()
    return part === '"$user"' ? part : part.slice(1, -1).replaceAll('""', '"')
  })
}
