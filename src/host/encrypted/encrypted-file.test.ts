import { randomFillSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Disk } from '../host.ts'
import { createMemoryDisk } from '../simulated/memory-disk.ts'
import { SeededRandom } from '../simulated/random.ts'
import { encryptedDiskOf } from './testing.ts'

const path = 'data/file'
const headerBytes = 64
const unitBytes = 4096 + 28

async function newDisk(): Promise<{ raw: Disk; disk: Disk }> {
  const raw = createMemoryDisk()
  await raw.makeFolder('data')
  return { raw, disk: encryptedDiskOf(raw, 'data', { random: (into) => void randomFillSync(into) }) }
}

async function writeFile(disk: Disk, name: string, bytes: Uint8Array): Promise<void> {
  const file = await disk.open(name, { mode: 'create' })
  await file.writeAt(0, bytes)
  await file.close()
}

async function readFile(disk: Disk, name: string): Promise<Uint8Array> {
  const file = await disk.open(name, { mode: 'read' })
  try {
    const bytes = new Uint8Array(await file.size())
    expect(await file.readAt(0, bytes)).toBe(bytes.length)
    return bytes
  } finally {
    await file.close()
  }
}

/** The file below has these bytes now. */
async function replace(raw: Disk, name: string, bytes: Uint8Array): Promise<void> {
  await raw.remove(name)
  await writeFile(raw, name, bytes)
}

const textOf = (length: number, seed = 1): Uint8Array =>
  new Uint8Array(length).map((_, i) => (i * 7 + seed * 31) & 0xff)

describe('an encrypted file', () => {
  test.each([0, 1, 4095, 4096, 4097, 8192, 20_000])('of %i bytes says the same after it was closed', async (length) => {
    const { raw, disk } = await newDisk()
    await writeFile(disk, path, textOf(length))
    expect(await readFile(disk, path)).toEqual(textOf(length))
    const units = Math.max(1, Math.ceil(length / 4096))
    expect((await readFile(raw, path)).length).toBe(headerBytes + length + units * 28)
  })

  test('is as a file that is not, whatever is written, cut off, synced and opened again', async () => {
    const { disk } = await newDisk()
    for (let seed = 0; seed < 40; seed++) {
      const random = new SeededRandom(seed)
      const name = `${path}-${seed}`
      let model = new Uint8Array(0)
      let file = await disk.open(name, { mode: 'create' })
      for (let step = 0; step < 60; step++) {
        const choice = random.below(10)
        const at = random.chance(0.5) ? model.length : random.below(model.length + 6000)
        if (choice < 6) {
          const bytes = textOf(random.chance(0.3) ? random.below(15_000) : random.below(300), step)
          if (random.chance(0.3)) file.writeAtSync(at, bytes)
          else await file.writeAt(at, bytes)
          const next = new Uint8Array(bytes.length === 0 ? model.length : Math.max(model.length, at + bytes.length))
          next.set(model)
          next.set(bytes, bytes.length === 0 ? 0 : at)
          model = next
        } else if (choice === 6) {
          const next = new Uint8Array(at)
          next.set(model.subarray(0, at))
          model = next
          await file.truncate(at)
        } else if (choice === 7) await file.sync()
        else if (choice === 8) {
          await file.close()
          file = await disk.open(name, { mode: 'write' })
        } else {
          const into = new Uint8Array(random.below(9000))
          const expected = model.subarray(at, at + into.length)
          const read = random.chance(0.5) ? await file.readAt(at, into) : file.readAtSync(at, into)
          expect([seed, step, read]).toEqual([seed, step, expected.length])
          expect(Buffer.compare(into.subarray(0, read), expected)).toBe(0)
        }
        expect(await file.size()).toBe(model.length)
      }
      await file.close()
      expect(Buffer.compare(await readFile(disk, name), model)).toBe(0)
    }
  })

  test('is not read where any byte of it was changed', async () => {
    const { raw, disk } = await newDisk()
    await writeFile(disk, path, textOf(9000))
    const whole = await readFile(raw, path)
    // Of the header the last 16 bytes before the checksum say nothing, but are under it.
    for (let at = 0; at < whole.length; at += at < 160 ? 1 : 211) {
      const changed = whole.slice()
      changed[at]! ^= 1 << (at % 8)
      await replace(raw, path, changed)
      await expect(readFile(disk, path), `byte ${at}`).rejects.toMatchObject({ code: expect.stringMatching(/^data_/) })
    }
  })

  test('is not read where it was cut off, at the end of a unit, too', async () => {
    const { raw, disk } = await newDisk()
    await writeFile(disk, path, textOf(3 * 4096))
    const whole = await readFile(raw, path)
    for (const length of [
      0,
      10,
      63,
      64,
      80,
      92,
      headerBytes + unitBytes,
      headerBytes + 2 * unitBytes,
      whole.length - 1,
    ]) {
      await replace(raw, path, whole.slice(0, length))
      await expect(readFile(disk, path), `${length} bytes`).rejects.toMatchObject({ code: 'data_corrupted' })
    }
    await replace(raw, path, Buffer.concat([whole, whole.subarray(headerBytes, headerBytes + unitBytes)]))
    await expect(readFile(disk, path)).rejects.toMatchObject({ code: 'data_corrupted' })
  })

  test('has no units of other places, of other files or of other databases', async () => {
    const { raw, disk } = await newDisk()
    await raw.makeFolder('data/databases')
    for (const uuid of ['a', 'b']) await raw.makeFolder(`data/databases/${uuid}`)
    const [mine, other] = ['data/databases/a/file', 'data/databases/b/file']
    await writeFile(disk, mine, textOf(9000, 1))
    await writeFile(disk, other, textOf(9000, 2))
    const [first, second] = [await readFile(raw, mine), await readFile(raw, other)]
    const unit = (file: Uint8Array, number: number): Uint8Array => {
      return file.subarray(headerBytes + number * unitBytes, headerBytes + (number + 1) * unitBytes)
    }
    const rest = first.subarray(headerBytes + 2 * unitBytes)
    const swapped = Buffer.concat([first.subarray(0, headerBytes), unit(first, 1), unit(first, 0), rest])
    const foreign = Buffer.concat([first.subarray(0, headerBytes), unit(second, 0), unit(first, 1), rest])
    for (const bytes of [swapped, foreign, second]) {
      await replace(raw, mine, bytes)
      await expect(readFile(disk, mine)).rejects.toMatchObject({ code: 'data_corrupted' })
    }
  })

  test('that is in the open is none of an encrypted directory', async () => {
    const { raw, disk } = await newDisk()
    await writeFile(raw, path, textOf(5000))
    await expect(readFile(disk, path)).rejects.toThrow('is not encrypted')
  })

  test('has a new nonce for each unit, also for one that is written again', async () => {
    const { raw, disk } = await newDisk()
    const nonces = new Set<string>()
    let written = 0
    for (let round = 0; round < 300; round++) {
      const file = await disk.open(path, { mode: round === 0 ? 'create' : 'write' })
      await file.writeAt(0, textOf(4100))
      await file.close()
      const bytes = await readFile(raw, path)
      for (const at of [headerBytes, headerBytes + unitBytes]) {
        nonces.add(Buffer.from(bytes.subarray(at, at + 12)).toString('hex'))
        written++
      }
    }
    expect(nonces.size).toBe(written)
  })

  test('has a key of its own: the same text is other bytes in each', async () => {
    const { raw, disk } = await newDisk()
    await writeFile(disk, path, textOf(100))
    await writeFile(disk, `${path}2`, textOf(100))
    const [first, second] = [await readFile(raw, path), await readFile(raw, `${path}2`)]
    expect(first.subarray(12, 44)).not.toEqual(second.subarray(12, 44))
    expect(first.subarray(92)).not.toEqual(second.subarray(92))
  })

  test('is written once when it is appended to, and its last unit when it is synced', async () => {
    const { raw, disk } = await newDisk()
    const writes: number[] = []
    const open = raw.open.bind(raw)
    raw.open = async (name, options) => {
      const file = await open(name, options)
      const write = file.writeAt.bind(file)
      file.writeAt = (position, bytes) => {
        writes.push(bytes.length)
        return write(position, bytes)
      }
      return file
    }
    const file = await disk.open(path, { mode: 'create' })
    for (let i = 0; i < 100; i++) await file.writeAt(i * 1000, textOf(1000))
    await file.sync()
    await file.sync()
    await file.close()
    expect(writes.reduce((sum, bytes) => sum + bytes, 0)).toBe(headerBytes + 100_000 + 25 * 28)
  })
})
