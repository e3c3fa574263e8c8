/**
 * What a follower with a name tells the leader whose files it reads: from where on it needs the log. Nothing connects the
 * two but the folder, so it is a small file, written anew about each second of the follower's clock:
 *
 *   databases/<uuid>/followers/<name in hex>           the note
 *   databases/<uuid>/followers/<name in hex>.lock      held while it follows: nobody else has the name
 *   databases/<uuid>/followers/<name in hex>.passed    the leader's answer where it has trimmed what the note asked for
 *
 *   polylog follower 1
 *   <position> <max lag bytes> <milliseconds since 1970 when this was written>
 *   crc32 <8 hexadecimal digits, of all before>
 *
 * The position is the last sequence that it has applied: the frame of that one is looked at again before more is taken
 * (`log/file/log-tail.ts`), so its segment must not be another one by then. While it begins, it is 0, which is all that
 * there is: what the leader trims after it has seen that lies before a checkpoint that is found then.
 *
 * A note is replaced whole and not synced. What a power cut makes of it is told by the checksum, and the follower is gone
 * by then. One that is missing, damaged or old costs a follower nothing but beginning anew.
 */
import { crc32 } from 'node:zlib'
import { PolylogError } from '../../base/errors.ts'
import { type Cancel, DiskError, type Disk, type DiskLock, type Host } from '../../host/host.ts'
import { readSmallFile } from '../../host/small-file.ts'
import type { Sequence } from '../contract.ts'

/** As callers give it. */
export interface FollowerName {
  readonly name: string
  /** The leader's log keeps so much for it, at most. */
  readonly maxLagBytes: number
}

/** What a file says. */
export interface Note {
  readonly position: Sequence
  readonly maxLagBytes: number
  /** Of a follower's note: by its clock. */
  readonly writtenMs: number
}

/** In bytes of UTF-8: twice that, and an ending, must be a file's name. */
export const followerNameBytesMax = 100
const folderName = 'followers'
const firstLine = 'polylog follower 1'
const pattern = /^polylog follower 1\n(\d{1,16}) (\d{1,16}) (\d{1,16})\ncrc32 ([0-9a-f]{8})\n$/
const noteBytesMax = 1024
const everyMs = 1_000

export function followersFolder(databaseFolder: string): string {
  return `${databaseFolder}/${folderName}`
}

function encodeNote({ position, maxLagBytes, writtenMs }: Note): string {
  const body = `${firstLine}\n${position} ${maxLagBytes} ${Math.floor(writtenMs)}\n`
  return `${body}crc32 ${checksumOf(body)}\n`
}

/** Undefined where these bytes are no note. */
export function decodeNote(bytes: Uint8Array): Note | undefined {
  const text = Buffer.from(bytes).toString('latin1')
  const [, position, maxLagBytes, writtenMs, checksum] = pattern.exec(text) ?? []
  if (checksum === undefined || checksumOf(text.slice(0, text.lastIndexOf('crc32'))) !== checksum) return undefined
  return { position: Number(position), maxLagBytes: Number(maxLagBytes), writtenMs: Number(writtenMs) }
}

function checksumOf(body: string): string {
  return crc32(body).toString(16).padStart(8, '0')
}

/** Undefined where there is none; no bytes where what is there was cut short and does not decrypt. Errors: `DiskError`. */
export function readNote(disk: Disk, path: string): Promise<Uint8Array | undefined> {
  return readSmallFile(disk, path, noteBytesMax).catch((error: unknown) => {
    if (error instanceof PolylogError && error.code === 'data_corrupted') return new Uint8Array(0)
    throw error
  })
}

/** In place of what has the name: all of it, or what was there. Errors: `DiskError`. */
export async function replaceNote(disk: Disk, path: string, note: Note): Promise<void> {
  const part = `${path}.part`
  await removeIfThere(disk, part)
  const file = await disk.open(part, { mode: 'create' })
  try {
    await file.writeAt(0, Buffer.from(encodeNote(note)))
  } finally {
    await file.close()
  }
  await disk.rename(part, path)
}

export async function removeIfThere(disk: Disk, path: string): Promise<void> {
  await disk.remove(path).catch((error: unknown) => {
    if (!(error instanceof DiskError && error.code === 'not-found')) throw error
  })
}

export class FollowerNote {
  readonly #host: Host
  readonly #path: string
  readonly #own: FollowerName
  readonly #lock: DiskLock
  /** Undefined while it begins: everything is needed then. */
  #position: (() => Sequence) | undefined
  #timer: Cancel | undefined
  #writing: Promise<void> = Promise.resolve()
  #hasFailed = false
  #isClosed = false

  private constructor(host: Host, path: string, own: FollowerName, lock: DiskLock) {
    this.#host = host
    this.#path = path
    this.#own = own
    this.#lock = lock
  }

  /** Holds all of the log when this resolves. Errors: `duplicate_object` where another follower has the name, `DiskError`. */
  static async take(host: Host, databaseFolder: string, own: FollowerName): Promise<FollowerNote> {
    const { disk } = host
    const folder = followersFolder(databaseFolder)
    await disk.makeFolder(folder).catch((error: unknown) => {
      if (!(error instanceof DiskError && error.code === 'exists')) throw error
    })
    const path = `${folder}/${Buffer.from(own.name).toString('hex')}`
    const note = new FollowerNote(host, path, own, await lockOf(disk, path, own.name))
    try {
      await removeIfThere(disk, `${path}.passed`)
      await note.holdAll()
    } catch (error) {
      await note.close()
      throw error
    }
    note.#tick()
    return note
  }

  /** It begins from a checkpoint that it has not chosen yet. Errors: `DiskError`. */
  async holdAll(): Promise<void> {
    this.#position = undefined
    await this.#write()
  }

  /** It follows: `position` says how far it is. */
  follow(position: () => Sequence): void {
    this.#position = position
  }

  /** Where the leader has trimmed what this needed: what it had asked for then. Told once. */
  async takePassed(): Promise<Note | undefined> {
    const { disk } = this.#host
    const path = `${this.#path}.passed`
    const bytes = await readNote(disk, path)
    if (bytes !== undefined) await removeIfThere(disk, path)
    return bytes && decodeNote(bytes)
  }

  #write(): Promise<void> {
    const writing = this.#writing.then(async () => {
      if (this.#isClosed) return
      const { maxLagBytes } = this.#own
      const note = { position: this.#position?.() ?? 0, maxLagBytes, writtenMs: this.#host.now() }
      await replaceNote(this.#host.disk, this.#path, note)
    })
    this.#writing = writing.catch(() => undefined)
    return writing
  }

  /** A full disk is no reason to follow no longer; it is said once, until it has passed. */
  #tick(): void {
    this.#timer = this.#host.at(everyMs, () => {
      this.#write()
        .then(() => (this.#hasFailed = false))
        .catch((error: unknown) => this.#failed(error as Error))
        .finally(() => this.#isClosed || this.#tick())
    })
  }

  #failed({ message }: Error): void {
    if (this.#hasFailed || this.#isClosed) return
    this.#hasFailed = true
    const { name } = this.#own
    this.#host.log('warning', `the leader is not told how far the follower "${name}" is: ${message}`, { name })
  }

  /** Holds nothing back any more, and leaves the name to others. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#timer?.()
    await this.#writing
    for (const ending of ['', '.part', '.passed']) {
      await removeIfThere(this.#host.disk, this.#path + ending).catch(() => undefined)
    }
    await this.#lock.release().catch(() => undefined)
  }
}

async function lockOf(disk: Disk, path: string, name: string): Promise<DiskLock> {
  try {
    return await disk.lock(`${path}.lock`)
  } catch (error) {
    if (!(error instanceof DiskError && error.code === 'locked')) throw error
    const holder = error.pid === undefined ? 'another process' : `process ${error.pid}`
    throw new PolylogError('duplicate_object', `${holder} follows this database as "${name}" already`)
  }
}
