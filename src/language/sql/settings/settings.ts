/**
 * Settings: what SET accepts, and what SHOW says.
 *
 * Every parameter of PostgreSQL 15 is known by its name (`parameters.ts`), and is one of
 *
 *   - **with a meaning**: it does here what it does there, or is refused with the value named;
 *   - **as it is**: another value than the one it has would change a result or a guarantee and is not built, so that it is refused
 *     (rule 8);
 *   - **harmless**: it tunes a planner, a cache, a log or a worker that is not here. It is checked, kept and shown;
 *   - **the server's**: nobody changes it in a session, as in PostgreSQL.
 *
 * `polylog.*` are Polylog's own; other names with a dot are the application's.
 */
import type { SqlContext } from '../contract.ts'
import { failure } from '../failure.ts'
import { parseMoment } from '../../../base/moment.ts'
import { formatSize, parseSizeBytes } from '../../../base/units.ts'
import { dateStyleOf, zoneOfSetting } from './text-settings.ts'
import { boolean, invalidValue } from './parameter.ts'
import { type CategorizedParameter, parameters } from './parameters.ts'

interface Setting {
  readonly initial: string | ((context: SqlContext) => string)
  /** Missing: cannot be set. Answers the text to keep; `before`: what it is now. */
  readonly accept?: (value: string, name: string, before: string) => string
  /** What a session begins with, by ALTER ROLE or ALTER DATABASE; it cannot change it. */
  readonly isFixed?: boolean
}

const anything = (value: string): string => value

/** PostgreSQL has more; here only these, since another would change what comes out. */
function only(...values: readonly string[]): (value: string, name: string) => string {
  return (value, name) => {
    const found = values.find((one) => one.toLowerCase() === value.toLowerCase())
    if (found !== undefined) return found
    throw failure('0A000', `${name} = "${value}" is not supported`, { hint: `Supported: ${values.join(', ')}.` })
  }
}

/** Kilobytes, with PostgreSQL's units; shown as it shows them. -1: there is none. */
function limit(leastBytes: number): (value: string, name: string) => string {
  return (value, name) => {
    if (/^\s*-1\s*$/.test(value)) return '-1'
    const bytes = parseSizeBytes(value)
    if (bytes === undefined || bytes > Number.MAX_SAFE_INTEGER) throw invalidValue(name, value)
    if (bytes >= leastBytes) return formatSize(bytes)
    const least = formatSize(leastBytes)
    throw failure('22023', `${formatSize(bytes)} is outside the valid range for parameter "${name}" (${least} or more)`)
  }
}

/** With less a session could not be greeted, or its client not told what is wrong. */
const leastLimitBytes = 64 * 1024

function encoding(value: string): string {
  if (/^(utf-?8|unicode)$/i.test(value)) return 'UTF8'
  throw failure('0A000', `client_encoding = "${value}" is not supported`, { hint: 'Supported: UTF8.' })
}

/** Of which `base/moment.ts` tells; nothing is the present. */
function moment(value: string, name: string): string {
  if (value.trim() !== '' && parseMoment(value) === undefined) throw invalidValue(name, value)
  return value.trim()
}

/** Which part of what PostgreSQL takes means what it means there; and what is not PostgreSQL's, or has another beginning. */
const own: ReadonlyMap<string, Setting> = new Map<string, Setting>([
  ['client_encoding', { initial: 'UTF8', accept: encoding }],
  ['datestyle', { initial: 'ISO, MDY', accept: (value, _name, before) => dateStyleOf(value, before) }],
  ['is_superuser', { initial: (context) => (context.rights?.areUnlimited === false ? 'off' : 'on') }],
  ['jit', { initial: 'off', accept: boolean('jit', 'user', 'off').accept }],
  ['lc_collate', { initial: 'C' }],
  ['lc_ctype', { initial: 'C' }],
  ['lc_messages', { initial: 'C', accept: anything }],
  ['lc_numeric', { initial: 'C', accept: only('C', 'POSIX') }],
  ['lc_time', { initial: 'C', accept: only('C', 'POSIX') }],
  ['max_connections', { initial: '10000' }],
  ['password_encryption', { initial: 'scram-sha-256', accept: only('scram-sha-256') }],
  ['role', { initial: 'none', accept: anything }],
  ['server_encoding', { initial: 'UTF8' }],
  ['server_version', { initial: '15.0' }],
  ['server_version_num', { initial: '150000' }],
  ['session_authorization', { initial: (context) => context.sessionUser ?? context.user, accept: anything }],
  ['temp_file_limit', { initial: '-1', accept: limit(0), isFixed: true }],
  ['timezone', { initial: 'UTC', accept: (value) => zoneOfSetting(value).name }],
  ['timezone_abbreviations', { initial: 'Default', accept: only('Default') }],
  ['wal_level', { initial: 'logical' }],
  ['polylog.as_of', { initial: '', accept: moment }],
  ['polylog.session_memory', { initial: '-1', accept: limit(leastLimitBytes), isFixed: true }],
  ['polylog.principal_memory', { initial: '-1', accept: limit(leastLimitBytes), isFixed: true }],
  ['polylog.database_memory', { initial: '-1', accept: limit(leastLimitBytes), isFixed: true }],
  ['polylog.principal_temporary', { initial: '-1', accept: limit(0), isFixed: true }],
  ['polylog.queued_bytes', { initial: '-1', accept: limit(leastLimitBytes), isFixed: true }],
  // Whether a client's certificate is the proof of who it is (`principal/certificates.ts`).
  [
    'polylog.certificate_login',
    { initial: 'off', accept: boolean('polylog.certificate_login', 'user', 'off').accept, isFixed: true },
  ],
])

/** Of PostgreSQL's, those that do here what they do there, whatever they are set to. */
const meaningful: ReadonlySet<string> = new Set([
  'application_name',
  'bytea_output',
  'default_transaction_isolation',
  'default_transaction_read_only',
  'extra_float_digits',
  'idle_in_transaction_session_timeout',
  'idle_session_timeout',
  'intervalstyle',
  'lock_timeout',
  'restrict_nonsystem_relation_kind',
  'row_security',
  'search_path',
  'statement_timeout',
  'synchronous_commit',
  'transaction_isolation',
  'transaction_read_only',
  'work_mem',
])

/** Another value would change what comes out, or what is promised, and is not built. */
const asTheyAre: ReadonlySet<string> = new Set([
  'allow_in_place_tablespaces',
  'allow_system_table_mods',
  'array_nulls',
  'default_table_access_method',
  'default_tablespace',
  'exit_on_error',
  'gin_fuzzy_search_limit',
  'ignore_checksum_failure',
  'local_preload_libraries',
  'quote_all_identifiers',
  'session_preload_libraries',
  'session_replication_role',
  'standard_conforming_strings',
  'temp_tablespaces',
  'transaction_deferrable',
  'transform_null_equals',
  'xmloption',
  'zero_damaged_pages',
])

export type SettingRole = 'meaningful' | 'as it is' | 'harmless' | "the server's" | 'our own'

/** By a name in lower case: what SET and SHOW make of it. */
export function roleOfSetting(lower: string): SettingRole {
  const parameter = parameters.get(lower)
  if (parameter === undefined) return 'our own'
  if (asTheyAre.has(lower)) return 'as it is'
  const special = own.get(lower)
  if (special !== undefined && (special.accept === undefined || special.isFixed === true)) return "the server's"
  if (special !== undefined || meaningful.has(lower)) return 'meaningful'
  return parameter.context === 'user' || parameter.context === 'superuser' ? 'harmless' : "the server's"
}

function settingOf(parameter: CategorizedParameter): Setting {
  const lower = parameter.name.toLowerCase()
  const special = own.get(lower)
  if (special !== undefined) return special
  const { initial } = parameter
  if (asTheyAre.has(lower)) return { initial, accept: (value) => only(initial)(parameter.accept(value), lower) }
  return { initial, accept: parameter.accept }
}

const settings: ReadonlyMap<string, Setting> = new Map([
  ...own,
  ...[...parameters].map(([lower, parameter]) => [lower, settingOf(parameter)] as const),
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
  checkMayChange(lower, context)
  const kept = checkSetting(lower, value, findSetting(context, lower))
  context.setSetting(lower, kept, scope)
  return kept
}

/** PostgreSQL's reasons, by when a parameter can be changed. */
const changedElsewhere: Readonly<Record<string, string>> = {
  internal: 'cannot be changed',
  postmaster: 'cannot be changed without restarting the server',
  sighup: 'cannot be changed now',
  'superuser-backend': 'cannot be set after connection start',
  backend: 'cannot be set after connection start',
}

/** Throws where nobody, or not this caller, changes it in a session. */
function checkMayChange(lower: string, { rights }: SqlContext): void {
  const context = parameters.get(lower)?.context ?? 'user'
  const why = changedElsewhere[context]
  if (why !== undefined) throw failure('55P02', `parameter "${titleOf(lower)}" ${why}`)
  if (context === 'superuser' && rights?.areUnlimited === false) {
    throw failure('42501', `permission denied to set parameter "${titleOf(lower)}"`)
  }
}

/** A name as PostgreSQL writes it: `TimeZone`. */
export function titleOf(lower: string): string {
  return parameters.get(lower)?.name ?? lower
}

/** The text to keep of a value, whoever gives it; undefined goes back to the default. */
function checkSetting(lower: string, value: string | undefined, before?: string): string | undefined {
  const setting = find(lower)
  if (setting === undefined && !lower.includes('.')) throw unknown(lower)
  if (setting !== undefined && setting.accept === undefined) {
    throw failure('55P02', `parameter "${lower}" cannot be changed`)
  }
  if (value === undefined || setting === undefined) return value
  return setting.accept!(value, lower, before ?? String(setting.initial))
}

/** ALTER ROLE and ALTER DATABASE SET: what sessions are to begin with; what a session could not set is refused as there. */
export function checkInitialSetting(
  context: SqlContext,
  name: string,
  value: string | undefined,
): { name: string; value: string | undefined } {
  const lower = name.toLowerCase()
  if (lower.startsWith('transaction_')) throw failure('55P02', `parameter "${lower}" is of one transaction`)
  checkMayChange(lower, context)
  return { name: lower, value: checkSetting(lower, value) }
}

/** Limits of a session, which who is limited by them cannot change. */
export function isFixedSetting(name: string): boolean {
  return find(name)?.isFixed === true
}

export function settingNames(): readonly string[] {
  return [...settings.keys()].sort()
}

const asWhom: ReadonlySet<string> = new Set(['role', 'session_authorization'])

/** Says as whom the session goes on: no function may, and RESET ALL leaves it. */
export function isAsWhom(name: string): boolean {
  return asWhom.has(name)
}

/** A search_path as its parts: `"$user", public`. */
export function splitSearchPath(text: string): string[] {
  const parts = text.match(/"(?:[^"]|"")*"|[^,\s]+/g) ?? []
  return parts.map((part) => {
    if (!part.startsWith('"')) return part.toLowerCase()
    return part === '"$user"' ? part : part.slice(1, -1).replaceAll('""', '"')
  })
}
