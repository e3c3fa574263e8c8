import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { File } from '../host.ts'
import { createRealDisk } from './disk.ts'

/** What a healthy disk hardly ever does: short transfers and failing syncs, made by standing in for Node's calls. */
let folder: string
let file: File

beforeEach(async () => {
  folder = fs.mkdtempSync(path.join(tmpdir(), 'polylog-file-'))
  file = await createRealDisk().open(path.join(folder, 'f'), { mode: 'create', syncWrites: true })
})

afterEach(async () => {
  vi.restoreAllMocks()
  await file.close()
  fs.rmSync(folder, { recursive: true })
})

type Done = (error: Error | null, count: number, bytes: Uint8Array) => void
type Transfer = (fd: number, bytes: Uint8Array, offset: number, length: number, position: number, done: Done) => void
type TransferSync = (fd: number, bytes: Uint8Array, offset: number, length: number, position: number) => number

function standInFor(name: string, implementation: (original: never) => unknown): void {
  const calls = fs as unknown as Record<string, (...given: unknown[]) => unknown>
  const original = calls[name] as never
  vi.spyOn(calls, name).mockImplementation(implementation(original) as never)
}

const atMostThree = (original: Transfer): Transfer => {
  return (fd, bytes, offset, length, position, done) => original(fd, bytes, offset, Math.min(3, length), position, done)
}
const atMostThreeSync = (original: TransferSync): TransferSync => {
  return (fd, bytes, offset, length, position) => original(fd, bytes, offset, Math.min(3, length), position)
}

const failing = (code: string): Error => Object.assign(new Error(code), { code })

describe('a real file', () => {
  test('goes on until all bytes are written and read', async () => {
    standInFor('write', atMostThree)
    standInFor('writeSync', atMostThreeSync)
    standInFor('read', atMostThree)
    standInFor('readSync', atMostThreeSync)
    await file.writeAt(0, Buffer.from('ten bytes.'))
    file.writeAtSync(10, Buffer.from('and ten...'))
    expect(fs.readFileSync(path.join(folder, 'f'), 'utf8')).toBe('ten bytes.and ten...')
    const bytes = Buffer.alloc(30)
    expect(await file.readAt(0, bytes)).toBe(20)
    expect(file.readAtSync(10, bytes)).toBe(10)
    expect(bytes.toString('utf8', 0, 20)).toBe('and ten...and ten...')
  })

  test('a write that makes no progress is an error, not a loop', async () => {
    standInFor(
      'write',
      () =>
        (...[, bytes, , , , done]: Parameters<Transfer>) =>
          done(null, 0, bytes),
    )
    standInFor('writeSync', () => () => 0)
    await expect(file.writeAt(0, Buffer.from('x'))).rejects.toMatchObject({ code: 'io' })
    expect(() => file.writeAtSync(0, Buffer.from('x'))).toThrow(/wrote no byte/)
  })

  test('a sync that failed once fails for ever', async () => {
    standInFor('fdatasync', () => (_fd: number, done: (error: Error) => void) => done(failing('EIO')))
    await expect(file.sync()).rejects.toMatchObject({ code: 'io' })
    vi.restoreAllMocks()
    await expect(file.sync()).rejects.toMatchObject({ code: 'io' })
    await expect(file.allocate(0, 10)).rejects.toMatchObject({ code: 'io' })
  })

  test('a failed durable write counts as a failed sync, unless it was for lack of space', async () => {
    let code = 'ENOSPC'
    standInFor(
      'write',
      () =>
        (...[, bytes, , , , done]: Parameters<Transfer>) =>
          done(failing(code), 0, bytes),
    )
    await expect(file.writeAt(0, Buffer.from('x'))).rejects.toMatchObject({ code: 'no-space' })
    await file.sync()
    code = 'EIO'
    await expect(file.writeAt(0, Buffer.from('x'))).rejects.toMatchObject({ code: 'io' })
    await expect(file.sync()).rejects.toMatchObject({ code: 'io' })
  })
})
