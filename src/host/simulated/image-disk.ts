import type { Disk, DiskLock, File, OpenOptions } from '../host.ts'
import { DiskError } from '../host.ts'
import { failure, type DiskImage, type LockOwner } from './disk-image.ts'
import { SECTOR_BYTES, type FileImage } from './file-image.ts'
import type { SeededRandom } from './random.ts'

/** One disk operation, to be done when its time comes: wholly, in part, or only in appearance. */
export interface Operation<T> {
  readonly kind: 'read' | 'write' | 'sync' | 'folder'
  readonly path: string
  /** What is written, or where what is read goes. */
  readonly bytes?: Uint8Array
  apply(): T
  /** A crash or an error in the midst of a write: a prefix of its sectors, or any of them, are written. */
  applyPart?(random: SeededRandom, shape: 'prefix' | 'sectors'): void
  /** Reports success without durability. */
  lie?(): T
  /** What a failed sync leaves. */
  fail?(): void
}

/** When operations happen and what goes wrong with them. */
export interface DiskScheduler {
  readonly owner: LockOwner
  run<T>(operation: Operation<T>): Promise<T>
  runSync<T>(operation: Operation<T>): T
}

/** The `Disk` of one process: says what each call does to the image and leaves the when and whether to the scheduler. */
export class ImageDisk implements Disk {
  readonly #image: DiskImage
  readonly #scheduler: DiskScheduler

  constructor(image: DiskImage, scheduler: DiskScheduler) {
    this.#image = image
    this.#scheduler = scheduler
  }

  open(path: string, options: OpenOptions): Promise<File> {
    return this.#folder(path, () => {
      const content = options.mode === 'create' ? this.#image.createFile(path) : this.#image.openFile(path)
      return new ImageFile(path, content, options, this.#image, this.#scheduler)
    })
  }

  list(path: string): Promise<string[]> {
    return this.#folder(path, () => this.#image.list(path))
  }

  makeFolder(path: string): Promise<void> {
    return this.#folder(path, () => this.#image.makeFolder(path))
  }

  rename(from: string, to: string): Promise<void> {
    return this.#folder(from, () => this.#image.rename(from, to))
  }

  link(from: string, to: string): Promise<void> {
    return this.#folder(from, () => this.#image.link(from, to))
  }

  remove(path: string): Promise<void> {
    return this.#folder(path, () => this.#image.remove(path))
  }

  async syncFolder(path: string): Promise<void> {
    let sync: () => void
    try {
      // What the sync covers is decided now: changes made while it runs are not promised.
      sync = this.#image.prepareSync(path)
    } catch (error) {
      return this.#folder(path, () => {
        throw error
      })
    }
    return this.#scheduler.run({ kind: 'sync', path, apply: sync, lie: () => {} })
  }

  lock(path: string): Promise<DiskLock> {
    return this.#folder(path, () => {
      const held = this.#image.lock(path, this.#scheduler.owner)
      return {
        isInPlace: () => this.#folder(path, () => held.isInPlace()),
        // It ends with a socket or a descriptor, which no disk can refuse.
        release: () =>
          this.#folder(path, () => held.release()).catch((error: unknown) => {
            if (!(error instanceof DiskError)) throw error
            held.release()
          }),
      }
    })
  }

  #folder<T>(path: string, apply: () => T): Promise<T> {
    return this.#scheduler.run({ kind: 'folder', path, apply })
  }
}

class ImageFile implements File {
  readonly #path: string
  readonly #content: FileImage
  readonly #options: OpenOptions
  readonly #image: DiskImage
  readonly #scheduler: DiskScheduler
  #poison: unknown
  #closed = false
  readonly #underWay = new Set<Promise<unknown>>()

  constructor(path: string, content: FileImage, options: OpenOptions, image: DiskImage, scheduler: DiskScheduler) {
    this.#path = path
    this.#content = content
    this.#options = options
    this.#image = image
    this.#scheduler = scheduler
  }

  async readAt(position: number, into: Uint8Array): Promise<number> {
    this.#checkOpen()
    return this.#run(this.#read(position, into))
  }

  readAtSync(position: number, into: Uint8Array): number {
    this.#checkOpen()
    return this.#scheduler.runSync(this.#read(position, into))
  }

  async writeAt(position: number, bytes: Uint8Array): Promise<void> {
    this.#checkWritable()
    try {
      await this.#run(this.#write(position, bytes))
    } catch (error) {
      throw this.#afterWriteFailed(error)
    }
  }

  writeAtSync(position: number, bytes: Uint8Array): void {
    this.#checkWritable()
    try {
      this.#scheduler.runSync(this.#write(position, bytes))
    } catch (error) {
      throw this.#afterWriteFailed(error)
    }
  }

  async sync(): Promise<void> {
    this.#checkOpen()
    if (this.#poison !== undefined) throw this.#poison
    const content = this.#content
    const mark = content.mark
    try {
      await this.#run({
        kind: 'sync',
        path: this.#path,
        apply: () => content.sync(mark),
        lie: () => {},
        fail: () => content.abandon(mark),
      })
    } catch (error) {
      this.#poison ??= error
    }
    if (this.#poison !== undefined) throw this.#poison
  }

  async allocate(from: number, to: number): Promise<void> {
    for (let position = from; position < to; position += ZEROS.length) {
      await this.writeAt(position, ZEROS.subarray(0, Math.min(ZEROS.length, to - position)))
    }
    await this.sync()
  }

  async size(): Promise<number> {
    this.#checkOpen()
    return this.#run({ kind: 'folder', path: this.#path, apply: () => this.#content.size })
  }

  async truncate(size: number): Promise<void> {
    this.#checkWritable()
    const apply = (): void => {
      this.#image.claim(this.#path, size - this.#content.size)
      this.#content.truncate(size)
    }
    return this.#run({ kind: 'write', path: this.#path, apply })
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#underWay)
    await this.#scheduler.run({ kind: 'folder', path: this.#path, apply: () => {} })
  }

  #run<T>(operation: Operation<T>): Promise<T> {
    const promise = this.#scheduler.run(operation)
    this.#underWay.add(promise)
    const forget = (): void => void this.#underWay.delete(promise)
    promise.then(forget, forget)
    return promise
  }

  #read(position: number, into: Uint8Array): Operation<number> {
    return { kind: 'read', path: this.#path, bytes: into, apply: () => this.#content.read(position, into) }
  }

  #write(position: number, bytes: Uint8Array): Operation<void> {
    const content = this.#content
    const cache = (): void => {
      this.#image.claim(this.#path, position + bytes.length - content.size)
      content.write(position, bytes)
    }
    const apply = (): void => {
      cache()
      if (this.#options.syncWrites === true) content.syncRange(position, bytes.length)
    }
    const applyPart = (random: SeededRandom, shape: 'prefix' | 'sectors'): void => {
      this.#image.claim(this.#path, position + bytes.length - content.size)
      writePart(content, position, bytes, random, shape)
    }
    const operation = { kind: 'write', path: this.#path, bytes, apply, applyPart } as const
    return this.#options.syncWrites === true ? { ...operation, lie: cache } : operation
  }

  #afterWriteFailed(error: unknown): unknown {
    const lost = error instanceof DiskError && error.code === 'io'
    if (lost && this.#options.syncWrites === true) this.#poison ??= error
    return error
  }

  #checkOpen(): void {
    if (this.#closed) throw failure('io', this.#path, 'the file is closed')
  }

  #checkWritable(): void {
    this.#checkOpen()
    if (this.#options.mode === 'read') throw failure('io', this.#path, 'the file is open for reading only')
  }
}

const ZEROS = new Uint8Array(1 << 20)

function writePart(
  content: FileImage,
  position: number,
  bytes: Uint8Array,
  random: SeededRandom,
  shape: 'prefix' | 'sectors',
): void {
  const sectors: [number, number][] = []
  for (let from = 0; from < bytes.length;) {
    const to = Math.min(bytes.length, from + SECTOR_BYTES - ((position + from) % SECTOR_BYTES))
    sectors.push([from, to])
    from = to
  }
  const reach = shape === 'prefix' ? random.below(sectors.length + 1) : sectors.length
  for (const [from, to] of sectors.slice(0, reach)) {
    if (shape === 'prefix' || random.chance(0.5)) content.write(position + from, bytes.subarray(from, to))
  }
}
