/** `polylog verify`: everything that is derived, recomputed (`database/verification/verify.ts`); status 4 where something differs. */
import { parseArgs } from 'node:util'
import { PolylogError } from '../base/errors.ts'
import { Instance } from '../database/instance.ts'
import type { Difference } from '../database/verification/verification.ts'
import { DiskError, type Host } from '../host/host.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { readSmallFile } from '../host/small-file.ts'
import { Sessions } from '../session/sessions.ts'
import type { DatabaseReport } from '../database/verification/verify.ts'
import { verifyDatabase } from '../session/verification.ts'
import { UsageError } from './arguments.ts'
import { exitCodes } from './failure.ts'
import { queryOnce } from './postgres-client.ts'

const options = { data: { type: 'string' }, url: { type: 'string' }, json: { type: 'string' } } as const

type Reported = Pick<DatabaseReport, 'differences' | 'total'> & Partial<DatabaseReport>

export async function verifyCommand(args: readonly string[]): Promise<void> {
  const { data, url, json } = parse(args)
  if (data !== undefined && url !== undefined) throw new UsageError('--data and --url exclude each other')
  const host = createRealHost()
  const reports =
    url === undefined ? await verifyDirectory(host, data ?? 'polylog-data') : await verifyServer(host, url)
  let total = 0
  for (const [name, report] of reports) {
    total += report.total
    print(name, report)
  }
  if (json !== undefined) await writeJson(host, json, reports, total)
  if (total > 0) process.exitCode = exitCodes.corrupt
}

function parse(args: readonly string[]): { data?: string; url?: string; json?: string } {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** Opens it as a server does, so that what it has to say of a damaged one is said too. Makes nothing where nothing is. */
async function verifyDirectory(host: Host, directory: string): Promise<Map<string, Reported>> {
  if (directory === '' || directory.includes('\0')) throw new UsageError('--data takes the path of a folder')
  if ((await readSmallFile(host.disk, `${directory}/FORMAT`, 64)) === undefined) {
    throw new PolylogError('undefined_object', `${directory} is no data directory: it has no FORMAT`)
  }
  const instance = await Instance.open({ host, directory }, 'polylog')
  const sessions = new Sessions(host, () => instance.databases)
  try {
    const reports = new Map<string, Reported>()
    for (const name of instance.names) {
      reports.set(name, await verifyDatabase(sessions, await instance.use(name)))
    }
    return reports
  } finally {
    sessions.close()
    await instance.close()
  }
}

async function verifyServer(host: Host, url: string): Promise<Map<string, Reported>> {
  const { address, user, database } = parseUrl(url)
  const rows = await queryOnce(host, { address, user, database }, 'SELECT * FROM polylog_verify()')
  const differences = rows.map(([kind, where, index, key, message]) => {
    return { kind: kind as Difference['kind'], where: where!, index: index ?? null, key: key!, message: message! }
  })
  return new Map([[database, { differences, total: differences.length }]])
}

function parseUrl(text: string): { address: { host: string; port: number }; user: string; database: string } {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new UsageError(`--url takes postgres://HOST:PORT/DATABASE, not "${text}"`)
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') {
    throw new UsageError(`--url takes postgres://HOST:PORT/DATABASE, not "${url.protocol}"`)
  }
  if (url.password !== '' || url.search !== '') throw new UsageError('--url takes no password and no parameters yet')
  const database = decodeURIComponent(url.pathname.slice(1)) || 'polylog'
  const user = decodeURIComponent(url.username) || 'polylog'
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1') || '127.0.0.1'
  return { address: { host, port: Number(url.port || 7654) }, user, database }
}

function print(name: string, { differences, total, keys, records, entries, baseEntries }: Reported): void {
  for (const { kind, where, index, key, message } of differences) {
    const place = index === null ? where : `${where} ${index}`
    process.stdout.write(`${name}: ${kind}: ${place}: ${message}${key === '' ? '' : ` (key ${key})`}\n`)
  }
  const ofBases = (baseEntries ?? 0) > 0 ? `${baseEntries} entries of engines, ` : ''
  const looked =
    keys === undefined
      ? ''
      : `${keys} keys, ${records} records of the log, ${entries} entries of the checkpoint, ${ofBases}`
  process.stdout.write(`${name}: ${looked}${total === 1 ? '1 difference' : `${total} differences`}\n`)
}

async function writeJson(host: Host, path: string, reports: Map<string, Reported>, total: number): Promise<void> {
  const databases = Array.from(reports, ([name, report]) => ({ name, ...report }))
  await host.disk.remove(path).catch((error: unknown) => {
    if (!(error instanceof DiskError && error.code === 'not-found')) throw error
  })
  const file = await host.disk.open(path, { mode: 'create' })
  try {
    await file.writeAt(0, Buffer.from(`${JSON.stringify({ total, databases }, undefined, 2)}\n`))
  } finally {
    await file.close()
  }
}
