/**
 * `polylog export redis FILE`: all of a running server's keys as an RDB file that redis-server 7.0 and newer load. Of Polylog it
 * is one state, that of a transaction; of another server each key as it is when its turn comes. The file appears when it is
 * whole and on the disk.
 */
import { PolylogError } from '../base/errors.ts'
import type { File, Host } from '../host/host.ts'
import { RdbFileWriter } from '../model/keyvalue/rdb/rdb-file-writer.ts'
import type { RedisClient, Reply } from './redis-client.ts'

const databases = 16
const keysAtOnce = 200
const writtenAtOnce = 1024 * 1024
/** Of a payload of DUMP: behind the value. */
const footerBytes = 10

export interface Exported {
  keys: number
}

export async function exportRedis(host: Host, client: RedisClient, path: string): Promise<Exported> {
  const partial = `${path}.partial`
  const isThere = await host.disk.open(path, { mode: 'read' }).then(
    (file) => file.close().then(() => true),
    () => false,
  )
  if (isThere) throw new PolylogError('duplicate_object', `${path} is there already`)
  await host.disk.remove(partial).catch(() => undefined)
  const writer = new RdbWriter(await host.disk.open(partial, { mode: 'create' }))
  let keys = 0
  try {
    const isPolylog = await beginSnapshot(client)
    for (let database = 0; database < databases; database++) keys += await exportDatabase(client, writer, database)
    if (isPolylog) await client.call('POLYLOG.ROLLBACK')
    await writer.end()
  } catch (error) {
    await writer.close()
    await host.disk.remove(partial).catch(() => undefined)
    throw error
  }
  await host.disk.rename(partial, path)
  return { keys }
}

/** False where the server is another one's. */
async function beginSnapshot(client: RedisClient): Promise<boolean> {
  const reply = client.send('POLYLOG.BEGIN', 'REPEATABLE', 'READ', 'READONLY')
  client.flush()
  return !((await reply) instanceof Error)
}

async function exportDatabase(client: RedisClient, writer: RdbWriter, database: number): Promise<number> {
  await client.call('SELECT', database)
  let keys = 0
  let cursor: Uint8Array | string = '0'
  do {
    const [next, found] = (await client.call('SCAN', cursor, 'COUNT', keysAtOnce)) as [Uint8Array, Uint8Array[]]
    if (found.length > 0 && keys === 0) writer.database(database)
    keys += await exportKeys(client, writer, found)
    cursor = next
  } while (Buffer.from(cursor).toString() !== '0')
  return keys
}

async function exportKeys(client: RedisClient, writer: RdbWriter, keys: readonly Uint8Array[]): Promise<number> {
  const asked = keys.map((key) => [client.send('DUMP', key), client.send('PEXPIRETIME', key)] as const)
  client.flush()
  let count = 0
  for (const [at, [dumped, expiring]] of asked.entries()) {
    const payload = checked(await dumped)
    const expiresAtMs = checked(await expiring) as number
    // Somebody has taken it away, or its time is over.
    if (payload === undefined || expiresAtMs === -2) continue
    writer.key(keys[at]!, payload as Uint8Array, expiresAtMs)
    count++
    await writer.flushSome()
  }
  return count
}

function checked(reply: Reply): Reply {
  if (reply instanceof Error) throw reply
  return reply
}

class RdbWriter {
  readonly #file: File
  readonly #content = new RdbFileWriter()
  #position = 0

  constructor(file: File) {
    this.#file = file
  }

  database(number: number): void {
    this.#content.database(number)
  }

  /** A payload of DUMP. */
  key(key: Uint8Array, payload: Uint8Array, expiresAtMs: number): void {
    if (payload.length <= footerBytes) throw new PolylogError('io_error', 'what DUMP has answered is no value')
    this.#content.key(key, [payload.subarray(0, payload.length - footerBytes)], expiresAtMs)
  }

  async flushSome(): Promise<void> {
    if (this.#content.sizeBytes >= writtenAtOnce) await this.#write(this.#content.take())
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await this.#file.writeAt(this.#position, bytes)
    this.#position += bytes.length
  }

  async end(): Promise<void> {
    await this.#write(this.#content.end())
    await this.#file.sync()
    await this.#file.close()
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
