import fs from 'node:fs'
import { DiskError, type File } from '../host.ts'
import { toDiskError } from './disk-errors.ts'

const ZEROS_BYTES = 1 << 20
let zeros: Uint8Array | undefined

/**
 * One open descriptor.
 *
 * Invariants:
 * - The descriptor is closed only when nothing that uses it is under way: the kernel hands its number to the next file
 *   that is opened, and a late write would land there.
 * - After a sync failed, or a write that was to be durable failed for another reason than space, every later sync
 *   fails: Linux marks the pages it could not write as clean, so a second fdatasync would report success for lost data.
 *   (This holds for the descriptor; who opens the file again must not believe in what it held.)
 */
export class RealFile implements File {
  readonly #fd: number
  readonly #path: string
  readonly #writesAreDurable: boolean
  readonly #syncsEachWrite: boolean
  #poison: DiskError | undefined
  #underWay = 0
  #closed = false
  #onIdle: (() => void) | undefined

  /** `syncsEachWrite`: the platform's O_DSYNC does not reach the medium, so each write is followed by a sync. */
  constructor(fd: number, path: string, options: { writesAreDurable: boolean; syncsEachWrite: boolean }) {
    this.#fd = fd
    this.#path = path
    this.#writesAreDurable = options.writesAreDurable
    this.#syncsEachWrite = options.syncsEachWrite
  }

  readAt(position: number, into: Uint8Array): Promise<number> {
    return this.#run((done) => this.#readFrom(position, into, 0, done))
  }

  readAtSync(position: number, into: Uint8Array): number {
    return this.#runSync(() => {
      let filled = 0
      while (filled < into.length) {
        const count = fs.readSync(this.#fd, into, filled, into.length - filled, position + filled)
        if (count === 0) break
        filled += count
      }
      return filled
    })
  }

  async writeAt(position: number, bytes: Uint8Array): Promise<void> {
    try {
      await this.#run<void>((done) => this.#writeFrom(position, bytes, 0, done))
    } catch (error) {
      throw this.#afterWriteFailed(error as DiskError)
    }
    if (this.#syncsEachWrite) await this.sync()
  }

  writeAtSync(position: number, bytes: Uint8Array): void {
    try {
      this.#runSync(() => {
        let written = 0
        while (written < bytes.length) {
          const count = fs.writeSync(this.#fd, bytes, written, bytes.length - written, position + written)
          if (count === 0) throw this.#tookNothing()
          written += count
        }
        if (this.#syncsEachWrite) fs.fdatasyncSync(this.#fd)
      })
    } catch (error) {
      throw this.#afterWriteFailed(error as DiskError)
    }
  }

  async sync(): Promise<void> {
    if (this.#poison !== undefined) throw this.#poison
    try {
      await this.#run<void>((done) => fs.fdatasync(this.#fd, (error) => done(error, undefined)))
    } catch (error) {
      throw this.#closed ? error : this.#poisonBy(error as DiskError)
    }
    // Another sync of this file may have failed and consumed the kernel's one report of the loss.
    if (this.#poison !== undefined) throw this.#poison
  }

  async allocate(from: number, to: number): Promise<void> {
    zeros ??= new Uint8Array(ZEROS_BYTES)
    for (let position = from; position < to; position += ZEROS_BYTES) {
      await this.writeAt(position, zeros.subarray(0, Math.min(ZEROS_BYTES, to - position)))
    }
    await this.sync()
  }

  size(): Promise<number> {
    return this.#run((done) => fs.fstat(this.#fd, (error, stats) => done(error, stats?.size)))
  }

  truncate(size: number): Promise<void> {
    return this.#run((done) => fs.ftruncate(this.#fd, size, (error) => done(error, undefined)))
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve))
    await new Promise<void>((resolve, reject) =>
      fs.close(this.#fd, (error) => (error ? reject(toDiskError(error, this.#path)) : resolve())),
    )
  }

  #readFrom(position: number, into: Uint8Array, filled: number, done: Done<number>): void {
    if (filled === into.length) return done(null, filled)
    fs.read(this.#fd, into, filled, into.length - filled, position + filled, (error, count) => {
      if (error || count === 0) return done(error, filled)
      this.#readFrom(position, into, filled + count, done)
    })
  }

  #writeFrom(position: number, bytes: Uint8Array, written: number, done: Done<void>): void {
    if (written === bytes.length) return done(null, undefined)
    fs.write(this.#fd, bytes, written, bytes.length - written, position + written, (error, count) => {
      if (error) return done(error, undefined)
      if (count === 0) return done(this.#tookNothing(), undefined)
      this.#writeFrom(position, bytes, written + count, done)
    })
  }

  #run<T>(start: (done: Done<T>) => void): Promise<T> {
    if (this.#closed) return Promise.reject(this.#isClosed())
    this.#underWay += 1
    return new Promise<T>((resolve, reject) => {
      start((error, value) => {
        this.#underWay -= 1
        if (this.#underWay === 0) this.#onIdle?.()
        if (error) reject(toDiskError(error, this.#path))
        else resolve(value as T)
      })
    })
  }

  #runSync<T>(run: () => T): T {
    if (this.#closed) throw this.#isClosed()
    try {
      return run()
    } catch (error) {
      throw toDiskError(error, this.#path)
    }
  }

  #afterWriteFailed(error: DiskError): DiskError {
    if (this.#writesAreDurable && error.code === 'io' && !this.#closed) this.#poisonBy(error)
    return error
  }

  #poisonBy(error: DiskError): DiskError {
    this.#poison ??= error
    return this.#poison
  }

  #isClosed(): DiskError {
    return new DiskError('io', this.#path, `${this.#path}: the file is closed`)
  }

  #tookNothing(): DiskError {
    return new DiskError('io', this.#path, `${this.#path}: the system wrote no byte and gave no error`)
  }
}

type Done<T> = (error: Error | null, value: T | undefined) => void
