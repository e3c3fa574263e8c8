/** The command line of `polylog serve`, as options; `UsageError` for what it does not allow. */
import { parseArgs } from 'node:util'
import { parseSpan } from '../base/moment.ts'
import type { RetentionOptions } from '../database/history/retention.ts'
import type { Durability } from '../log/commit-log.ts'
import type { Protocol } from '../gateway/gateway.ts'
import type { TlsFiles } from '../server/certificates.ts'
import type { ConnectionLimits } from '../session/connection-counts.ts'
import { type ProtocolName, protocols } from '../server/protocols.ts'
import { normalizedDomain } from '../server/server-names.ts'
import type { KeyValues } from './encryption-key.ts'

export class UsageError extends Error {}

export interface ServeArguments {
  /** Undefined: in memory. */
  readonly directory: string | undefined
  readonly host: string
  readonly port: number
  readonly protocolPorts: Readonly<Partial<Record<ProtocolName, number>>>
  readonly socket: string | undefined
  readonly tls: TlsFiles | undefined
  readonly domain: string | undefined
  readonly insecureTransport: boolean
  readonly durability: Durability
  /** Bytes, or a share of what there is; undefined: the default share. */
  readonly memoryLimitBytes: number | undefined
  readonly temporaryLimitBytes: number | undefined
  /** How far back what was can be read. */
  readonly retention: RetentionOptions
  /** What one transaction may write. */
  readonly transactionLimitBytes: number | undefined
  /** Databases that nobody uses, and that stay open. */
  readonly idleDatabases: number | undefined
  /** At once, of each database. */
  readonly preparedTransactions: number | undefined
  /** Connections at once, in all and of each address. */
  readonly connections: ConnectionLimits
  /** Of what is written to an engine on the disk, in memory before it moves there. */
  readonly handOverBytes: number | undefined
  /** Where the key comes from with which the directory is encrypted (`encryption-key.ts`). */
  readonly encryptionKey: KeyValues
  /** Errors in the log say what they quote of statements and data. */
  readonly logLiterals: boolean
  /** Redis's door speaks as the one node of a cluster. */
  readonly clusterEnabled: boolean
  /** MongoDB's door answers as a replica set of one member. */
  readonly mongodbReplicaSet: { readonly name: string; readonly address: string | undefined } | undefined
  readonly mongodbTestCommands: boolean
  /** Who may send Redis's DEBUG. */
  readonly debugCommand: 'no' | 'yes' | 'local'
}

const portFlags: readonly (readonly [flag: `port-${ProtocolName}`, name: ProtocolName])[] = [...protocols.keys()].map(
  (name) => [`port-${name}`, name],
)

const defaultHistory = '1h'
const defaultHistoryLogBytes = 1024 * 1024 * 1024

export const usage: string = `Usage: polylog serve [options]

  --data DIR            where the data lies (default: ./polylog-data)
  --memory              keep everything in memory, write no file
  --host ADDRESS        address to listen on (default: 127.0.0.1). Any other one needs a user, and TLS: without --tls-cert a
                        certificate is made in the data directory, and its fingerprint is logged
  --port PORT           port for all protocols (default: 7654; 0 lets the system choose)
${[...protocols.values()].map(portUsage).join('')}  --socket PATH         a socket in the file system, too, for its owner alone; of a folder, .s.PGSQL.PORT and polylog.sock
                        in it, as psql and MongoDB's drivers look for them
  --tls-cert FILE       certificate in PEM, with those above it, and
  --tls-key FILE        its key: TLS on every port, beside the open protocols; read again on SIGHUP and when they change
  --tls-client-ca FILE  clients by TLS must show a certificate that one of these has signed; of the users that
                        polylog user add --certificate made it is the proof of who they are, of others beside a password
  --tls-client-certificates required|optional  whether who shows none is let in, too (default: required)
  --tls-crl FILE        what these authorities have revoked, a list of each; read again as the certificate is
  --tls-domain NAME     whoever calls the server DATABASE.NAME by TLS, and names no database, uses that one
  --insecure-transport  let passwords and data pass between machines in the open
  --durability LEVEL    what replies wait for: synced (default), written, memory
  --memory-limit SIZE   memory of the whole process, stored data included (default: 60 % of the machine's or control
                        group's); with a unit: 512MB, 4GB
  --temporary-limit SIZE  space that statements may spill to in the data directory (default: 64GB)
  --history TIME        how long what was can be read, as 90m, 24h or 7d (default: 1h; 0: as far as it happens to go)
  --history-log-limit SIZE  log that is kept for that at most (default: 1GiB; with --memory 32MiB)
  --transaction-limit SIZE  what one transaction may write (default: 8GB)
  --max-connections N   connections at once, of all protocols (default: 20000)
  --reserved-connections N  of these, for superusers (default: 3)
  --max-connections-per-address N  of each address (default: 1000 of another machine, any number of this one)
  --max-prepared-transactions N  prepared and not ended yet, of each database (default: 64; 0: none)
  --idle-databases N    databases that stay open though nobody uses them (default: 64); others are closed until they are
                        used again
  --hand-over-size SIZE   what tables of an engine on the disk gather in memory before it moves there (default: 8MB);
                        at eight times that, who writes to them waits
  --encryption-key-file FILE  the key of a directory that is encrypted from its first start on: 32 random bytes, as they
                        are, in hexadecimal or in base64; all commands that take --data take it
  --encryption-key-command CMD  the same, as the command prints it
  --cluster-enabled     let Redis's clients for clusters find one: of one node, which has all slots
  --mongodb-replica-set NAME  let MongoDB's clients find a replica set of one member, for connection strings that name
                        one; without it they find a router, which needs no address that all of them can reach
  --advertise HOST:PORT   the address that such clients are told (default: the one that they have come to)
  --mongodb-test-commands  let MongoDB's clients set fail points, as tests of drivers do; nothing for servers that are used
  --enable-debug-command no|yes|local  whether Redis's DEBUG is there: for nobody (default), for all, for clients of this machine
  --log-literals        let errors in the log say what they quote of statements, keys and values
  --config FILE         JSON with the same names: { "data": "DIR", "port": 7654, … }; the command line goes first
  --help, --version

       polylog verify [options]
                      recomputes every derived entry and names what differs; ends with status 4 where something does.
                      Databases that cannot be opened are named, and the others are looked at

  --data DIR            of a data directory that no server has open (default: ./polylog-data)
  --url postgres://…    of the database that a running server has
  --json FILE           the report, as JSON, with every difference that is listed in short

       polylog user add NAME [--admin] [--certificate] | password NAME | remove NAME | list  [options]
                      users, for all databases. Once there is one, everybody needs a password, at every door. It is asked
                      for at the terminal, or read from the first line of the standard input; not with --certificate: a
                      client's certificate of that name is the proof then

  --data DIR            of a data directory that no server has open (default: ./polylog-data)
  --url postgres://…    of a running server; USER:PASSWORD@ where it asks for a password

       polylog key rotate [options]
                      another key for an encrypted directory that no process has open; what is written from then on is
                      encrypted with a new data key

  --data DIR            (default: ./polylog-data)
  --encryption-key-file FILE, --encryption-key-command CMD  the present key
  --new-key-file FILE, --new-key-command CMD  the one that opens it from then on

       polylog import redis FILE [options]
                      what a file of Redis holds, into a running server: an RDB file (versions 1 to 12), a file of commands
                      (AOF), or the folder of one. Keys that are there are replaced

       polylog export redis FILE [options]
                      the keys of a running server, as one state, in an RDB file that redis-server 7.0 and newer load

  --url redis://…       of the server (default: redis://127.0.0.1:7654); USER:PASSWORD@ where it asks for a password

Environment: POLYLOG_USER and POLYLOG_PASSWORD make the first user when a server starts that has none.
`

function portUsage({ name, title }: Protocol): string {
  return `  ${`--port-${name} PORT`.padEnd(21)} a further port for ${title} only\n`
}

const fixedOptions = {
  data: { type: 'string' },
  memory: { type: 'boolean' },
  host: { type: 'string' },
  port: { type: 'string' },
  socket: { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'tls-client-ca': { type: 'string' },
  'tls-client-certificates': { type: 'string' },
  'tls-crl': { type: 'string' },
  'tls-domain': { type: 'string' },
  'insecure-transport': { type: 'boolean' },
  durability: { type: 'string' },
  'memory-limit': { type: 'string' },
  'temporary-limit': { type: 'string' },
  history: { type: 'string' },
  'history-log-limit': { type: 'string' },
  'transaction-limit': { type: 'string' },
  'idle-databases': { type: 'string' },
  'max-prepared-transactions': { type: 'string' },
  'max-connections': { type: 'string' },
  'max-connections-per-address': { type: 'string' },
  'reserved-connections': { type: 'string' },
  'hand-over-size': { type: 'string' },
  'cluster-enabled': { type: 'boolean' },
  'mongodb-replica-set': { type: 'string' },
  advertise: { type: 'string' },
  'mongodb-test-commands': { type: 'boolean' },
  'enable-debug-command': { type: 'string' },
  'log-literals': { type: 'boolean' },
  'encryption-key-file': { type: 'string' },
  'encryption-key-command': { type: 'string' },
  config: { type: 'string' },
} as const

type Values = { readonly [name in keyof typeof fixedOptions | `port-${ProtocolName}`]?: string | boolean }

const options: Readonly<Record<string, { readonly type: 'string' | 'boolean' }>> = {
  ...fixedOptions,
  ...Object.fromEntries(portFlags.map(([flag]) => [flag, { type: 'string' as const }])),
}

/** `readConfig` reads and parses the file of `--config`. */
export async function parseServe(
  args: readonly string[],
  readConfig: (path: string) => Promise<unknown>,
): Promise<ServeArguments> {
  const given = parse(args)
  const configured = given.config === undefined ? {} : checkConfig(await readConfig(String(given.config)))
  const values: Values = { ...configured, ...given }
  if (given.memory === true && given.data !== undefined) throw new UsageError('--data and --memory exclude each other')
  const inMemory = given.memory === true || (values.memory === true && given.data === undefined)
  return {
    directory: inMemory ? undefined : pathOf('data', values.data ?? 'polylog-data'),
    host: String(values.host ?? '127.0.0.1'),
    port: portOf('port', values.port ?? '7654'),
    protocolPorts: Object.fromEntries(
      portFlags.flatMap(([flag, name]) => {
        const port = values[flag]
        return port === undefined ? [] : [[name, portOf(flag, port)]]
      }),
    ),
    socket: values.socket === undefined ? undefined : pathOf('socket', values.socket),
    tls: tlsOf(values),
    domain: domainOf(values['tls-domain']),
    insecureTransport: values['insecure-transport'] === true,
    durability: durabilityOf(values.durability ?? 'synced'),
    memoryLimitBytes: sizeOf('memory-limit', values['memory-limit'], leastMemoryBytes),
    temporaryLimitBytes: sizeOf('temporary-limit', values['temporary-limit'], 0),
    retention: retentionOf(values, inMemory),
    transactionLimitBytes: sizeOf('transaction-limit', values['transaction-limit'], 1),
    idleDatabases: countOf('idle-databases', values['idle-databases']),
    preparedTransactions: countOf('max-prepared-transactions', values['max-prepared-transactions']),
    connections: connectionsOf(values),
    handOverBytes: sizeOf('hand-over-size', values['hand-over-size'], 1),
    encryptionKey: keyOf(values, inMemory),
    logLiterals: values['log-literals'] === true,
    clusterEnabled: values['cluster-enabled'] === true,
    mongodbReplicaSet: replicaSetOf(values),
    mongodbTestCommands: values['mongodb-test-commands'] === true,
    debugCommand: debugOf(values['enable-debug-command'] ?? 'no'),
  }
}

function replicaSetOf(values: Values): ServeArguments['mongodbReplicaSet'] {
  const [name, address] = [values['mongodb-replica-set'], values['advertise']]
  if (name === undefined) {
    if (address === undefined) return undefined
    throw new UsageError('--advertise says where the member of --mongodb-replica-set is')
  }
  if (name === '') throw new UsageError('--mongodb-replica-set takes a name, not an empty one')
  if (address === undefined) return { name: String(name), address }
  const [, port] = /^[^\s,/]+:(\d{1,5})$/.exec(String(address)) ?? []
  if (port === undefined || Number(port) > 65_535) {
    throw new UsageError(`--advertise takes HOST:PORT, not "${String(address)}"`)
  }
  return { name: String(name), address: String(address) }
}

function retentionOf(values: Values, inMemory: boolean): RetentionOptions {
  const given = String(values.history ?? defaultHistory)
  const keptMs = given === '0' ? 0 : parseSpan(given)
  if (keptMs === undefined) throw new UsageError(`--history takes a time, as 90m, 24h or 7d, or 0, not "${given}"`)
  const defaultLogBytes = inMemory ? 0 : defaultHistoryLogBytes
  const maxLogBytes = sizeOf('history-log-limit', values['history-log-limit'], 0) ?? defaultLogBytes
  return { keptMs, maxLogBytes }
}

function debugOf(value: string | boolean): 'no' | 'yes' | 'local' {
  if (value === 'no' || value === 'yes' || value === 'local') return value
  throw new UsageError(`--enable-debug-command is no, yes or local, not "${String(value)}"`)
}

function keyOf(values: Values, inMemory: boolean): KeyValues {
  const file = values['encryption-key-file']
  const command = values['encryption-key-command']
  if (inMemory && (file !== undefined || command !== undefined)) {
    throw new UsageError('--memory writes no file that a key could encrypt')
  }
  return { 'encryption-key-file': file, 'encryption-key-command': command }
}

function parse(args: readonly string[]): Values {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** Said without a value on the command line, as true or false in a file. */
function isSwitch(name: string): boolean {
  return options[name]!.type === 'boolean'
}

function checkConfig(config: unknown): Values {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw new UsageError('the configuration is not a JSON object')
  }
  const values: Record<string, string | boolean> = {}
  for (const [name, value] of Object.entries(config)) {
    if (!Object.hasOwn(options, name) || name === 'config') throw new UsageError(`unknown setting "${name}"`)
    if (isSwitch(name) ? typeof value !== 'boolean' : typeof value !== 'string' && typeof value !== 'number') {
      throw new UsageError(`setting "${name}" has the wrong type`)
    }
    values[name] = typeof value === 'boolean' ? value : String(value)
  }
  return values
}

function pathOf(name: string, value: string | boolean): string {
  const path = String(value)
  if (path === '' || path.includes('\0')) throw new UsageError(`--${name} takes a path, not an empty one`)
  return path
}

function connectionsOf(values: Values): ConnectionLimits {
  const most = countOf('max-connections', values['max-connections'])
  const mostPerAddress = countOf('max-connections-per-address', values['max-connections-per-address'])
  const reserved = countOf('reserved-connections', values['reserved-connections'])
  return {
    ...(most !== undefined && { most }),
    ...(mostPerAddress !== undefined && { mostPerAddress }),
    ...(reserved !== undefined && { reserved }),
  }
}

function tlsOf(values: Values): TlsFiles | undefined {
  const [certificate, key, authorities] = [values['tls-cert'], values['tls-key'], values['tls-client-ca']]
  const [shown, revoked] = [values['tls-client-certificates'], values['tls-crl']]
  if ((certificate === undefined) !== (key === undefined)) {
    throw new UsageError('--tls-cert and --tls-key are given together')
  }
  if (authorities !== undefined && (certificate === undefined || values['insecure-transport'] === true)) {
    throw new UsageError('--tls-client-ca needs --tls-cert, and has no sense with --insecure-transport')
  }
  if (authorities === undefined && (shown !== undefined || revoked !== undefined)) {
    throw new UsageError('--tls-client-certificates and --tls-crl need --tls-client-ca')
  }
  if (shown !== undefined && shown !== 'required' && shown !== 'optional') {
    throw new UsageError(`--tls-client-certificates is required or optional, not "${String(shown)}"`)
  }
  if (certificate === undefined || key === undefined) return undefined
  return {
    certificateFile: pathOf('tls-cert', certificate),
    keyFile: pathOf('tls-key', key),
    ...(authorities !== undefined && { clientAuthoritiesFile: pathOf('tls-client-ca', authorities) }),
    ...(shown === 'optional' && { clientsMayShowNone: true }),
    ...(revoked !== undefined && { revocationsFile: pathOf('tls-crl', revoked) }),
  }
}

function domainOf(value: string | boolean | undefined): string | undefined {
  if (value === undefined) return undefined
  const domain = normalizedDomain(String(value))
  if (/^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(domain)) return domain
  throw new UsageError(`--tls-domain takes a domain such as db.example.com, not "${String(value)}"`)
}

function portOf(name: string, value: string | boolean): number {
  const port = Number(value)
  if (/^\d{1,5}$/.test(String(value)) && port <= 65_535) return port
  throw new UsageError(`--${name} takes a number from 0 to 65535, not "${String(value)}"`)
}

function countOf(name: string, value: string | boolean | undefined): number | undefined {
  if (value === undefined) return undefined
  if (/^\d{1,9}$/.test(String(value))) return Number(value)
  throw new UsageError(`--${name} takes a number, not "${String(value)}"`)
}

/** The runtime alone takes more than half of that. */
const leastMemoryBytes = 128 * 1024 * 1024
const units: Readonly<Record<string, number>> = { '': 1, kb: 2 ** 10, mb: 2 ** 20, gb: 2 ** 30, tb: 2 ** 40 }

function sizeOf(name: string, value: string | boolean | undefined, leastBytes: number): number | undefined {
  if (value === undefined) return undefined
  const [, digits, unit] = /^(\d{1,15}) ?([kmgt]b|)$/i.exec(String(value)) ?? []
  const bytes = Number(digits) * (units[unit?.toLowerCase() ?? ''] ?? 1)
  if (digits === undefined || !Number.isSafeInteger(bytes)) {
    throw new UsageError(`--${name} takes a size such as 512MB or 4GB, not "${String(value)}"`)
  }
  if (bytes < leastBytes) throw new UsageError(`--${name} must be at least ${leastBytes / 2 ** 20}MB`)
  return bytes
}

function durabilityOf(value: string | boolean): Durability {
  if (value === 'synced' || value === 'written' || value === 'memory') return value
  throw new UsageError(`--durability is synced, written or memory, not "${String(value)}"`)
}
