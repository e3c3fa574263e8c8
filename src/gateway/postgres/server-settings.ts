/**
 * What a client is told about the server when it connects, and whenever one of these changes (GUC_REPORT). Drivers parse
 * `server_version` to choose what they send: its number is that of the PostgreSQL whose behaviour is followed.
 */
const serverVersion = '15.0 (Polylog 0.1)'

interface ReportedSetting {
  readonly name: string
  readonly value: string
}

const reported: readonly ReportedSetting[] = [
  { name: 'server_version', value: serverVersion },
  { name: 'server_encoding', value: 'UTF8' },
  { name: 'client_encoding', value: 'UTF8' },
  { name: 'application_name', value: '' },
  { name: 'default_transaction_read_only', value: 'off' },
  { name: 'in_hot_standby', value: 'off' },
  { name: 'is_superuser', value: 'on' },
  { name: 'session_authorization', value: '' },
  { name: 'DateStyle', value: 'ISO, MDY' },
  { name: 'IntervalStyle', value: 'postgres' },
  { name: 'TimeZone', value: 'UTC' },
  { name: 'integer_datetimes', value: 'on' },
  { name: 'standard_conforming_strings', value: 'on' },
]

/** By the name in lower case, as settings are kept. */
export const reportedSettings: ReadonlyMap<string, ReportedSetting> = new Map(
  reported.map((setting) => [setting.name.toLowerCase(), setting]),
)

/** What only the server decides: SHOW tells these, SET refuses them. */
export const serverSettings: ReadonlyMap<string, string> = new Map([
  ['server_version', serverVersion],
  ['server_version_num', '150000'],
  ['server_encoding', 'UTF8'],
  ['integer_datetimes', 'on'],
  ['is_superuser', 'on'],
  ['in_hot_standby', 'off'],
])
