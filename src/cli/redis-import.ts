/**
 * `polylog import redis FILE`: an RDB file, a file of commands (AOF), or the folder of one that Redis 7 writes, into a running
 * server. The file is read in pieces, and what it holds is sent as commands, a batch of elements at a time: nothing has to
 * be in memory as a whole, and the server's rights, limits and log count as for any client. A key that is there is replaced.
 */
import { PolylogError } from '../base/errors.ts'
import type { StatementSteps, Wait } from '../database/contract.ts'
import { DiskError, type File, type Host } from '../host/host.ts'
import { readTextFile } from '../host/small-file.ts'
import { BadData } from '../model/keyvalue/rdb/bad-data.ts'
import { Crc64 } from '../model/keyvalue/rdb/crc64.ts'
import { type CommandArgument, FileCommands, type SentCommands } from '../model/keyvalue/rdb/file-commands.ts'
import { readCommands, readRdb } from '../model/keyvalue/rdb/rdb-file.ts'
import { type MoreBytes, RdbInput } from '../model/keyvalue/rdb/rdb-input.ts'
import type { RedisClient, Reply } from './redis-client.ts'

const readAtOnce = 1024 * 1024
const longestString = 512 * 1024 * 1024
const checksumBytes = 8

export async function importRedis(host: Host, client: RedisClient, path: string): Promise<SentCommands> {
  const sender = new Sender(client)
  const commands = new FileCommands((args) => sender.send(args), host.now())
  for (const each of await filesOf(host, path)) await importFile(host, commands, each)
  await sender.end()
  return commands.done
}

/** Keeps as many commands under way as the client has room for. */
class Sender {
  readonly #client: RedisClient
  #failure: Error | undefined

  constructor(client: RedisClient) {
    this.#client = client
  }

  /** Errors: the first that the server has answered. */
  send(args: readonly CommandArgument[]): Promise<void> | undefined {
    if (this.#failure !== undefined) throw this.#failure
    const take = (reply: Reply): void => {
      if (reply instanceof Error) this.#failure ??= reply
    }
    this.#client.send(...args).then(take, (error: unknown) => (this.#failure ??= error as Error))
    return this.#client.room()
  }

  /** All is answered. Errors: likewise. */
  async end(): Promise<void> {
    await this.#client.call('PING')
    if (this.#failure !== undefined) throw this.#failure
  }
}

/** A folder's are those that its manifest names, the base first. */
async function filesOf(host: Host, path: string): Promise<readonly string[]> {
  const names = await host.disk.list(path).catch(() => undefined)
  const manifest = names?.find((name) => name.endsWith('.manifest'))
  if (names !== undefined && manifest === undefined) {
    throw new PolylogError('undefined_object', `there is no manifest of Redis in the folder ${path}`)
  }
  if (manifest === undefined) return [path]
  const text = (await readTextFile(host.disk, `${path}/${manifest}`, readAtOnce)) ?? ''
  const listed = [...text.matchAll(/^file (\S+) seq (\d+) type ([bhi])/gm)].map(([, name, sequence, type]) => ({
    name: name!,
    sequence: Number(sequence),
    type: type!,
  }))
  // Those of type h are history: what replaced them is listed, too.
  const wanted = listed.filter(({ type }) => type !== 'h')
  wanted.sort((a, b) => (a.type === b.type ? a.sequence - b.sequence : a.type === 'b' ? -1 : 1))
  for (const { name } of wanted) {
    if (name.includes('/')) throw new PolylogError('invalid_argument', `the manifest names a file elsewhere: ${name}`)
  }
  return wanted.map(({ name }) => `${path}/${name}`)
}

async function importFile(host: Host, sender: FileCommands, path: string): Promise<void> {
  const file = await openFile(host, path)
  const source = new FileBytes(file, await file.size())
  const input = new RdbInput({ bytes: new Uint8Array(0), start: 0, end: 0 }, longestString, source)
  try {
    await toEnd(readFile(input, source, sender, await beginsAsRdb(file)))
  } catch (error) {
    if (error instanceof BadData) {
      throw new PolylogError('data_corrupted', `${path}: ${error.message}, at byte ${input.position}`)
    }
    throw error
  } finally {
    await file.close()
  }
}

async function openFile(host: Host, path: string): Promise<File> {
  try {
    return await host.disk.open(path, { mode: 'read' })
  } catch (error) {
    if (error instanceof DiskError) throw new PolylogError('undefined_object', error.message)
    throw error
  }
}

async function beginsAsRdb(file: File): Promise<boolean> {
  const first = new Uint8Array(5)
  const read = await file.readAt(0, first)
  return Buffer.from(first.subarray(0, read)).toString('latin1') === 'REDIS'
}

function* readFile(input: RdbInput, source: FileBytes, sender: FileCommands, isRdb: boolean): StatementSteps<void> {
  if (isRdb) {
    const checksum = yield* readRdb(input, sender)
    const isLast = yield* input.isOver()
    // Redis writes zeros where it was told to write none.
    const isThere = checksum?.some((byte) => byte !== 0) === true
    if (isThere && isLast && Buffer.compare(checksum, source.checksum()) !== 0) {
      throw new BadData('its checksum is another: the file is damaged')
    }
  }
  yield* readCommands(input, sender)
}

async function toEnd(steps: Generator<Wait, void, void>): Promise<void> {
  for (let step = steps.next(); step.done !== true; step = steps.next()) {
    if (step.value instanceof Promise) await step.value
  }
}

/** A file from its beginning on, with the checksum of all but its last bytes. */
class FileBytes implements MoreBytes {
  readonly #file: File
  readonly #size: number
  readonly #checksum = new Crc64()
  #position = 0

  constructor(file: File, size: number) {
    this.#file = file
    this.#size = size
  }

  async read(): Promise<Uint8Array | undefined> {
    const bytes = new Uint8Array(Math.min(readAtOnce, this.#size - this.#position))
    const count = await this.#file.readAt(this.#position, bytes)
    if (count === 0) return undefined
    const checked = Math.min(count, Math.max(0, this.#size - checksumBytes - this.#position))
    this.#checksum.add({ bytes, start: 0, end: checked })
    this.#position += count
    return bytes.subarray(0, count)
  }

  checksum(): Uint8Array {
    return this.#checksum.toBytes()
  }
}
