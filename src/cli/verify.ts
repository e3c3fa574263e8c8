/** `polylog verify`: everything that is derived, recomputed (`database/verification/verify.ts`); status 4 where something differs. */
import { parseArgs } from 'node:util'
import { PolylogError } from '../base/errors.ts'
import { DataDirectory } from '../database/directory/data-directory.ts'
import { listFolder } from '../database/directory/small-files.ts'
import { unlock } from '../database/directory/keys-file.ts'
import { Instance, type InstanceOptions } from '../database/instance.ts'
import type { Difference } from '../database/verification/verification.ts'
import { DiskError, type Host } from '../host/host.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { readSmallFile } from '../host/small-file.ts'
import { Sessions } from '../session/sessions.ts'
import type { DatabaseReport } from '../database/verification/verify.ts'
import { verifyDatabase } from '../session/verification.ts'
import { UsageError } from './arguments.ts'
import { checkOfDirectory, keyOptions, type KeyValues, readEncryptionKey } from './encryption-key.ts'
import { exitCodes } from './failure.ts'
import { callerOf, queryOnce } from './postgres-client.ts'

const options = { data: { type: 'string' }, url: { type: 'string' }, json: { type: 'string' }, ...keyOptions } as const

const defaultDatabase = 'polylog'
/** Of differences that have all but the key in common; `--json` has each. */
const shownOfGroup = 3

type Reported = Pick<DatabaseReport, 'differences' | 'total'> & Partial<DatabaseReport>

export async function verifyCommand(args: readonly string[]): Promise<void> {
  const { data, url, json, ...keyValues } = parse(args)
  if (data !== undefined && url !== undefined) throw new UsageError('--data and --url exclude each other')
  const host = createRealHost()
  const key = await readEncryptionKey(keyValues)
  checkOfDirectory(key, url)
  const reports =
    url === undefined
      ? await verifyDirectory({ host, directory: data ?? 'polylog-data', ...key })
      : await verifyServer(host, url)
  let total = 0
  for (const [name, report] of reports) {
    total += report.total
    print(name, report)
  }
  if (json !== undefined) await writeJson(host, json, reports, total)
  if (total > 0) process.exitCode = exitCodes.corrupt
}

function parse(args: readonly string[]): { data?: string; url?: string; json?: string } & KeyValues {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

type DirectoryOptions = InstanceOptions & { readonly directory: string }

/** Opens it as a server does, and writes no more than that, so that what it has to say of a damaged one is said too. Makes nothing where nothing is. */
async function verifyDirectory(options: DirectoryOptions): Promise<Map<string, Reported>> {
  const { host, directory } = options
  if (directory === '' || directory.includes('\0')) throw new UsageError('--data takes the path of a folder')
  const hasFormat = (await readSmallFile(host.disk, `${directory}/FORMAT`, 64)) !== undefined
  const folders = hasFormat ? undefined : await listFolder(host.disk, `${directory}/databases`)
  if (!hasFormat && (folders ?? []).length === 0) {
    throw new PolylogError('undefined_object', `${directory} is no data directory: it has no FORMAT`)
  }
  // Without FORMAT there is no other database to look for: an open says what is lost.
  const instance = hasFormat ? await openAny(options) : await Instance.open(options, defaultDatabase)
  const sessions = new Sessions(host, () => instance.databases)
  try {
    const reports = new Map<string, Reported>()
    for (const name of instance.names) reports.set(name, await verifyOne(instance, sessions, name))
    return reports
  } finally {
    sessions.close()
    await instance.close()
  }
}

/** One whose default database is damaged is opened by another of its databases. Errors: that of the default one. */
async function openAny(options: DirectoryOptions): Promise<Instance> {
  try {
    return await Instance.open(options, defaultDatabase)
  } catch (error) {
    if (!isDamage(error)) throw error
    const { directory, encryptionKey } = options
    const host = await unlock(options.host, directory, { encryptionKey, makes: false })
    for (const { name } of await DataDirectory.look(host.disk, directory)) {
      if (name === defaultDatabase) continue
      const opened = await Instance.open(options, name).catch(() => undefined)
      if (opened !== undefined) return opened
    }
    throw error
  }
}

function isDamage(error: unknown): error is PolylogError {
  return error instanceof PolylogError && error.code === 'data_corrupted'
}

/** What is damaged so that it cannot be opened is a difference like any other: the next ones are looked at. */
async function verifyOne(instance: Instance, sessions: Sessions, name: string): Promise<Reported> {
  try {
    const database = await instance.use(name)
    const report = await verifyDatabase(sessions, database)
    // It is only looked at: no checkpoint is written at its end.
    await database.discard()
    return report
  } catch (error) {
    if (!isDamage(error)) throw error
    const message = `cannot be opened: ${error.message}`
    return { differences: [{ kind: 'unreadable', where: 'database', index: null, key: '', message }], total: 1 }
  }
}

async function verifyServer(host: Host, url: string): Promise<Map<string, Reported>> {
  const caller = callerOf(url)
  const { database } = caller
  const rows = await queryOnce(host, caller, 'SELECT * FROM polylog_verify()')
  const differences = rows.map(([kind, where, index, key, message]) => {
    return { kind: kind as Difference['kind'], where: where!, index: index ?? null, key: key!, message: message! }
  })
  return new Map([[database, { differences, total: differences.length }]])
}

function print(name: string, { differences, total, keys, records, entries, baseEntries }: Reported): void {
  for (const alike of groupsOf(differences)) {
    const [{ kind, where, index }] = alike as [Difference]
    const place = `${name}: ${kind}: ${index === null ? where : `${where} ${index}`}`
    for (const { key, message } of alike.slice(0, shownOfGroup)) {
      process.stdout.write(`${place}: ${message}${key === '' ? '' : ` (key ${key})`}\n`)
    }
    const more = alike.length - shownOfGroup
    if (more > 0) process.stdout.write(`${place}: the same of ${more} more ${more === 1 ? 'key' : 'keys'}\n`)
  }
  const unlisted = total - differences.length
  if (unlisted > 0) process.stdout.write(`${name}: ${unlisted} further differences are counted and not listed\n`)
  const ofBases = (baseEntries ?? 0) > 0 ? `${baseEntries} entries of engines, ` : ''
  const looked =
    keys === undefined
      ? ''
      : `${keys} keys, ${records} records of the log, ${entries} entries of the checkpoint, ${ofBases}`
  process.stdout.write(`${name}: ${looked}${total === 1 ? '1 difference' : `${total} differences`}\n`)
}

/** Those that differ by their key alone: a damaged block may be that of hundreds. */
function groupsOf(differences: readonly Difference[]): Iterable<readonly Difference[]> {
  const groups = new Map<string, Difference[]>()
  for (const one of differences) {
    const alike = JSON.stringify([one.kind, one.where, one.index, one.message])
    const group = groups.get(alike)
    if (group === undefined) groups.set(alike, [one])
    else group.push(one)
  }
  return groups.values()
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
