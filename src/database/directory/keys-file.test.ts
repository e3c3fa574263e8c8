import { randomFillSync } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import type { PolylogError } from '../../base/errors.ts'
import type { Disk, Host } from '../../host/host.ts'
import { createRealHost } from '../../host/real/real-host.ts'
import { createMemoryDisk } from '../../host/simulated/memory-disk.ts'
import { readSmallFile } from '../../host/small-file.ts'
import { FollowingInstance } from '../following/following-instance.ts'
import { Instance } from '../instance.ts'
import { changeKey } from './keys-file.ts'

const directory = 'data'
const [key, other] = [1, 2].map((byte) => new Uint8Array(32).fill(byte)) as [Uint8Array, Uint8Array]

let disk: Disk
let host: Host
beforeEach(() => {
  disk = createMemoryDisk()
  host = { ...createRealHost(), disk, random: (into) => void randomFillSync(into) }
})

const options = (encryptionKey?: Uint8Array) => ({ host, directory, ...(encryptionKey && { encryptionKey }) })

async function openAndClose(encryptionKey?: Uint8Array, names: readonly string[] = []): Promise<void> {
  const instance = await Instance.open(options(encryptionKey), 'polylog')
  try {
    for (const name of names) await instance.create(name)
  } finally {
    await instance.close()
  }
}

async function namesWith(encryptionKey?: Uint8Array): Promise<readonly string[]> {
  const instance = await Instance.open(options(encryptionKey), 'polylog')
  await instance.close()
  return instance.names
}

function failureOf(work: Promise<unknown>): Promise<PolylogError> {
  return work.then(
    () => {
      throw new Error('it did not fail')
    },
    (error: unknown) => error as PolylogError,
  )
}

/** Every file, by name. */
async function snapshot(folder: string = directory): Promise<Record<string, string>> {
  const files: Record<string, string> = {}
  for (const name of await disk.list(folder)) {
    const path = `${folder}/${name}`
    if (name === 'LOCK') continue
    try {
      Object.assign(files, await snapshot(path))
    } catch {
      files[path] = Buffer.from((await readSmallFile(disk, path, 1 << 20))!).toString('hex')
    }
  }
  return files
}

async function write(path: string, text: string): Promise<void> {
  await disk.remove(path).catch(() => undefined)
  const file = await disk.open(path, { mode: 'create' })
  await file.writeAt(0, Buffer.from(text))
  await file.close()
}

const keysPath = `${directory}/KEYS`
const readKeys = async (): Promise<string> => Buffer.from((await readSmallFile(disk, keysPath, 9999))!).toString()

describe('the key of a directory', () => {
  test('opens what it has made, and the names of databases are not to be read', async () => {
    await openAndClose(key, ['very-secret-name'])
    expect(await namesWith(key)).toEqual(['polylog', 'very-secret-name'])
    const texts = Object.values(await snapshot()).join('')
    expect(texts).not.toContain(Buffer.from('secret').toString('hex'))
  })

  test.each([
    ['another one is given', () => other, /was given is not the one of data/],
    ['none is given', () => undefined, /encrypted, and no key was given/],
    ['it is too short', () => key.subarray(1), /32 bytes, and 31/],
  ])('is an error where %s, and nothing is changed', async (_, given, message) => {
    await openAndClose(key)
    const before = await snapshot()
    const failures = [
      await failureOf(openAndClose(given())),
      await failureOf(FollowingInstance.open(options(given()), 'polylog')),
    ]
    for (const { code, message: said } of failures)
      expect([code, said]).toEqual(['invalid_argument', expect.stringMatching(message)])
    expect(await snapshot()).toEqual(before)
    // The lock is free again.
    await openAndClose(key)
  })

  test('is an error where the directory is not encrypted, which is not changed', async () => {
    await openAndClose()
    const before = await snapshot()
    const { code, message } = await failureOf(openAndClose(key))
    expect([code, message]).toEqual([
      'invalid_argument',
      expect.stringContaining('is not encrypted, and a key was given'),
    ])
    expect(await snapshot()).toEqual(before)
  })

  test('changes: the old one opens nothing any more, and what is written then has a new data key', async () => {
    await openAndClose(key, ['before'])
    const before = await snapshot()
    await changeKey(host, directory, key, other)
    const after = await snapshot()
    expect(Object.keys(after).filter((path) => after[path] !== before[path])).toEqual([keysPath])
    expect((await failureOf(openAndClose(key))).message).toMatch('is not the one of data')
    expect(await namesWith(other)).toEqual(['polylog', 'before'])
    await openAndClose(other, ['after'])
    expect(await namesWith(other)).toEqual(['polylog', 'before', 'after'])
    const dataKeys = Object.values(await snapshot())
      .filter((hex) => hex.startsWith(Buffer.from('PLEF').toString('hex')))
      .map((hex) => Buffer.from(hex, 'hex').readUInt32LE(8))
    expect(new Set(dataKeys)).toEqual(new Set([1, 2]))
    expect((await failureOf(changeKey(host, directory, key, key))).message).toMatch('is not the one of data')
  })

  test('does not change where there is none', async () => {
    await openAndClose()
    expect((await failureOf(changeKey(host, directory, key, other))).message).toMatch('is not encrypted')
  })

  test.each([
    ['is gone', async () => disk.remove(keysPath), 'data_corrupted', 'KEYS is missing'],
    ['is cut short', async () => write(keysPath, (await readKeys()).slice(0, 200)), 'data_corrupted', 'checksum'],
    [
      'has another bit',
      async () => write(keysPath, (await readKeys()).replace(/(salt .)./, '$1x')),
      'data_corrupted',
      'checksum',
    ],
    ['is newer', async () => write(keysPath, (await readKeys()).replace('keys 1', 'keys 2')), 'data_newer', 'newer'],
  ])('says of KEYS that it %s, with the key and without', async (_, damage, code, message) => {
    await openAndClose(key)
    await damage()
    for (const given of [key, ...(message === 'KEYS is missing' ? [undefined] : [])]) {
      const failure = await failureOf(openAndClose(given))
      expect([failure.code, failure.message]).toEqual([code, expect.stringContaining(message)])
    }
  })

  test('is that of a directory that a crash has left unmade', async () => {
    await openAndClose(key)
    const keys = await readKeys()
    disk = createMemoryDisk()
    host = { ...host, disk }
    await disk.makeFolder(directory)
    await write(keysPath, keys)
    await write(`${directory}/CONTENTS.part`, 'cut')
    expect((await failureOf(openAndClose(other))).message).toMatch('is not the one of data')
    await openAndClose(key)
    expect(await readKeys()).toBe(keys)
  })

  test('leaves a directory as ever where none is given', async () => {
    await openAndClose()
    expect((await disk.list(directory)).includes('KEYS')).toBe(false)
    expect(Buffer.from((await readSmallFile(disk, `${directory}/CONTENTS`, 99))!).toString()).toMatch(
      /^polylog contents 3\n/,
    )
  })
})
