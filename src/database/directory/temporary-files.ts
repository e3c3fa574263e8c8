/**
 * Files for what a statement cannot keep in memory: `temporary/` in the data directory.
 *
 * A file lives as long as the statement, cursor or portal that made it, and nothing of it is worth anything after that: it
 * is never synced, and what a crash leaves is removed at the next start. The folder is made when first needed. A file's name goes as soon as it is open, where the
 * system lets it, so even a killed process leaves its space free.
 *
 * All of them together have a limit, and those of a session or a principal may have one; a disk that is full, or the limit, is the error of the statement that wrote last and
 * concerns nobody else. Beside a database in memory there are none.
 */
import { assert, PolylogError } from '../../base/errors.ts'
import { type Disk, DiskError, type File } from '../../host/host.ts'
import { listFolder, makeFolders } from './small-files.ts'

/** What somebody may spill, as part of what somebody else may. */
export class SpaceBudget {
  limitBytes: number
  readonly #name: string
  readonly #parent: SpaceBudget | undefined
  #usedBytes = 0

  constructor(name: string, limitBytes: number, parent?: SpaceBudget) {
    this.#name = name
    this.limitBytes = limitBytes
    this.#parent = parent
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  take(bytes: number): void {
    if (this.#usedBytes + bytes > this.limitBytes) {
      throw new PolylogError(
        'disk_full',
        `temporary files of ${this.#name} would take more than ${this.limitBytes} bytes`,
        {
          detail: { sqlState: '53400', hint: 'Narrow the query, or raise the limit.' },
        },
      )
    }
    this.#parent?.take(bytes)
    this.#usedBytes += bytes
  }

  giveBack(bytes: number): void {
    this.#usedBytes -= bytes
    this.#parent?.giveBack(bytes)
  }
}

export class TemporaryFiles {
  readonly #disk: Disk
  readonly #folder: string
  readonly #limitBytes: number
  #usedBytes = 0
  #lastName = 0
  #open = 0

  private constructor(disk: Disk, folder: string, limitBytes: number) {
    this.#disk = disk
    this.#folder = folder
    this.#limitBytes = limitBytes
  }

  /** Empties the folder, which the caller alone uses. What stands in its place is none of a database's data. */
  static async open(disk: Disk, folder: string, limitBytes: number): Promise<TemporaryFiles> {
    for (const name of (await listFolder(disk, folder)) ?? []) await disk.remove(`${folder}/${name}`)
    return new TemporaryFiles(disk, folder, limitBytes)
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  get openFiles(): number {
    return this.#open
  }

  /** `space`: whose it is, where that is limited. */
  async create(space?: SpaceBudget): Promise<TemporaryFile> {
    const path = `${this.#folder}/${++this.#lastName}`
    this.#open++
    try {
      const file = await this.#openNew(path)
      await this.#disk.remove(path).catch(async (error: unknown) => {
        await file.close()
        throw error
      })
      return new TemporaryFile(this, file, space)
    } catch (error) {
      this.#open--
      throw failureOf(error)
    }
  }

  async #openNew(path: string): Promise<File> {
    try {
      return await this.#disk.open(path, { mode: 'create' })
    } catch (error) {
      if (!(error instanceof DiskError && error.code === 'not-found')) throw error
    }
    await makeFolders(this.#disk, this.#folder)
    return this.#disk.open(path, { mode: 'create' })
  }

  /** Of a file: before it writes. */
  take(bytes: number, space: SpaceBudget | undefined): void {
    if (this.#usedBytes + bytes > this.#limitBytes) {
      throw new PolylogError('disk_full', `temporary files would take more than ${this.#limitBytes} bytes`, {
        detail: { sqlState: '53400', hint: 'Narrow the query, or raise the limit of temporary files.' },
      })
    }
    space?.take(bytes)
    this.#usedBytes += bytes
  }

  /** Of a file: it is gone, with so many bytes. */
  gone(bytes: number): void {
    this.#usedBytes -= bytes
    this.#open--
  }
}

export class TemporaryFile {
  readonly #files: TemporaryFiles
  readonly #file: File
  readonly #space: SpaceBudget | undefined
  #sizeBytes = 0
  #closed = false

  constructor(files: TemporaryFiles, file: File, space?: SpaceBudget) {
    this.#files = files
    this.#file = file
    this.#space = space
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** Where they begin is the size before. `bytes` must not change until it resolves. */
  async append(bytes: Uint8Array): Promise<void> {
    const at = this.#sizeBytes
    this.#files.take(bytes.length, this.#space)
    this.#sizeBytes += bytes.length
    try {
      await this.#file.writeAt(at, bytes)
    } catch (error) {
      throw failureOf(error)
    }
  }

  async read(position: number, into: Uint8Array): Promise<void> {
    assert(position + into.length <= this.#sizeBytes, 'a temporary file is read beyond what was written')
    try {
      const read = await this.#file.readAt(position, into)
      if (read === into.length) return
    } catch (error) {
      throw failureOf(error)
    }
    throw new PolylogError('io_error', 'a temporary file is shorter than what was written to it')
  }

  /** What is under way may go on. Again, it does nothing. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#files.gone(this.#sizeBytes)
    this.#space?.giveBack(this.#sizeBytes)
    // Nobody reads it any more; that its end cannot be reported hurts nobody.
    this.#file.close().catch(() => undefined)
  }
}

/** As the statement's error. */
function failureOf(error: unknown): unknown {
  if (!(error instanceof DiskError)) return error
  const code = error.code === 'no-space' ? 'disk_full' : 'io_error'
  return new PolylogError(code, `a temporary file cannot be used: ${error.message}`, { cause: error })
}
