import { describe, expect, it, vi } from 'vitest'
import { sliceOf } from '../../../base/slice.ts'
import { SeededRandom } from '../../../host/simulated/random.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { BadData } from './bad-data.ts'
import { Crc64 } from './crc64.ts'
import { unpackLzf } from './lzf.ts'
import { ListpackEntries, ListpackWriter } from './packed-entries.ts'
import { readCommands, readRdb } from './rdb-file.ts'
import { type MoreBytes, RdbInput } from './rdb-input.ts'
import { RdbOutput } from './rdb-output.ts'
import { readValue } from './rdb-value.ts'
import { Notes, textOf } from './testing.ts'
import { valueType } from './value-types.ts'

function toEnd<T>(steps: StatementSteps<T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'latin1')

const longest = 1024 * 1024
const inputOf = (bytes: Uint8Array): RdbInput => new RdbInput(sliceOf(bytes), longest)

function read(bytes: Uint8Array): string[] {
  const notes = new Notes()
  const input = inputOf(bytes)
  toEnd(
    (function* () {
      yield* readValue(input, yield* input.byte(), notes)
    })(),
  )
  return notes.notes
}

it('checks by the checksum that Redis computes', () => {
  const checksum = new Crc64()
  checksum.add(sliceOf(bytesOf('12345')))
  checksum.add(sliceOf(bytesOf('6789')))
  expect(Buffer.from(checksum.toBytes()).toString('hex')).toBe('cad9b8c414d9c6e9')
})

describe('packed strings', () => {
  it('copy what came before, what the copy itself writes included', () => {
    // "ab", then nine bytes from two back.
    expect(textOf(toEnd(unpackLzf(Uint8Array.of(1, 97, 98, 0xe0, 0, 1), 11)))).toBe('abababababa')
  })

  it.each([
    ['literals behind the end', [5, 97], 6],
    ['more than they say', [1, 97, 98], 1],
    ['less than they say', [0, 97], 2],
    ['a copy of nothing', [0x20, 0], 3],
    ['a copy that is cut off', [0, 97, 0xe0], 9],
  ])('that are wrong are refused: %s', (_, packed, size) => {
    expect(() => toEnd(unpackLzf(Uint8Array.from(packed), size))).toThrow(BadData)
  })

  it('cannot claim to be much longer than they can be', () => {
    const claim = Uint8Array.of(valueType.string, 0xc3, 2, 0x80, 0, 15, 0, 0, 0, 97)
    expect(() => read(claim)).toThrow('too long')
  })
})

it('reads back the listpacks that it writes', () => {
  const random = new SeededRandom(3)
  const entries = ['', '0', '-0', '01', '127', '128', '-4096', '4095', '9223372036854775807', '-9223372036854775809']
  for (let i = 0; i < 300; i++) entries.push('x'.repeat(random.below(5000)), String(random.below(2 ** 40) - 2 ** 39))
  const writer = new ListpackWriter()
  for (const entry of entries) writer.add(bytesOf(entry))
  const bytes = writer.toBytes()
  expect(bytes.length).toBe(writer.bytes)
  const found: string[] = []
  const reader = new ListpackEntries(bytes)
  for (let entry = reader.next(); entry !== undefined; entry = reader.next()) found.push(textOf(entry))
  expect(found).toEqual(entries)
})

it('reads back lengths and strings of all sizes', () => {
  const output = new RdbOutput(() => undefined)
  const lengths = [0, 63, 64, 16_383, 16_384, 2 ** 32 - 1, 2 ** 32]
  const strings = ['', '1', '-128', '128', '32768', '-2147483648', '2147483648', '007', 'x'.repeat(70_000)]
  for (const length of lengths) output.length(length)
  for (const text of strings) output.string(sliceOf(bytesOf(text)))
  const input = inputOf(Buffer.concat(output.parts))
  for (const length of lengths) expect(toEnd(input.length())).toBe(length)
  for (const text of strings) expect(textOf(toEnd(input.string()))).toBe(text)
})

describe('what is hostile', () => {
  /** One value of each encoding, as redis-server 7.0 and older ones write it. */
  const values = [
    [valueType.string, 3, 97, 98, 99],
    [valueType.list, 2, 1, 97, 0xc0, 5],
    [valueType.set, 2, 1, 97, 1, 98],
    [valueType.zset, 2, 1, 97, 3, 49, 46, 53, 1, 98, 255],
    [valueType.zset2, 1, 1, 97, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f],
    [valueType.hash, 1, 1, 102, 1, 118],
    [valueType.hashZipmap, 8, 1, 1, 102, 1, 0, 118, 255],
    [valueType.setIntset, 12, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 2, 0],
    [valueType.hashZiplist, 17, 17, 0, 0, 0, 13, 0, 0, 0, 2, 0, 0, 1, 102, 3, 1, 118, 255],
    [valueType.listQuicklist, 1, 14, 14, 0, 0, 0, 10, 0, 0, 0, 1, 0, 0, 1, 97, 255],
    [valueType.hashListpack, 13, 13, 0, 0, 0, 2, 0, 129, 102, 2, 129, 118, 2, 255],
    [valueType.listQuicklist2, 2, 1, 3, 97, 98, 99, 2, 10, 10, 0, 0, 0, 1, 0, 129, 97, 2, 255],
  ].map((bytes) => Uint8Array.from(bytes))

  it('every value is read as it is', () => {
    expect(values.slice(0, 6).map(read)).toEqual([
      ['abc'],
      ['list', 'a 0', '5 0'],
      ['set', 'a 0', 'b 0'],
      ['zset', 'a 1.5', 'b -Infinity'],
      ['zset', 'a 1.5'],
      ['hash', 'f v'],
    ])
    expect(read(values.at(-1)!)).toEqual(['list', 'abc 0', 'a 0'])
  })

  it('every beginning of a value is refused, and so is all else or it is read', () => {
    const random = new SeededRandom(11)
    const tryIt = (bytes: Uint8Array): boolean => {
      try {
        read(bytes)
        return true
      } catch (error) {
        if (!(error instanceof BadData)) throw error
        return false
      }
    }
    for (const value of values) {
      for (let end = 0; end < value.length; end++) expect(tryIt(value.subarray(0, end))).toBe(false)
      for (let tries = 0; tries < 2_000; tries++) {
        const changed = Uint8Array.from(value)
        for (let i = random.below(3); i >= 0; i--) changed[random.below(changed.length)] = random.below(256)
        tryIt(changed)
      }
    }
  })
})

describe('files', () => {
  const file = Buffer.concat([
    bytesOf('REDIS0010'),
    Uint8Array.of(0xfa, 1, 97, 1, 98, 0xf5, 3, 35, 33, 108, 0xfe, 3, 0xfb, 2, 1),
    Uint8Array.of(0xfc, 1, 0, 0, 0, 0, 0, 0, 0, 0xf8, 5, valueType.string, 1, 107, 1, 118),
    Uint8Array.of(
      0xfd,
      2,
      0,
      0,
      0,
      0xf9,
      7,
      valueType.list,
      1,
      108,
      1,
      1,
      97,
      valueType.string,
      1,
      109,
      1,
      118,
      0xff,
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
    ),
  ])

  /** In chunks of a size. */
  function chunked(bytes: Uint8Array, size: number): MoreBytes {
    let at = 0
    return {
      read: () => {
        const chunk = at < bytes.length ? Uint8Array.from(bytes.subarray(at, at + size)) : undefined
        at += size
        return Promise.resolve(chunk)
      },
    }
  }

  async function readFile(bytes: Uint8Array, size: number): Promise<string[]> {
    const notes = new Notes()
    const input = new RdbInput(sliceOf(new Uint8Array(0)), longest, chunked(bytes, size))
    const steps = (function* (): StatementSteps<void> {
      if (bytes[0] !== 0x2a) notes.notes.push(`checksum ${textOf((yield* readRdb(input, notes)) ?? bytesOf('none'))}`)
      yield* readCommands(input, notes)
    })()
    for (let step = steps.next(); step.done !== true; step = steps.next()) await step.value
    return notes.notes
  }

  const told = [
    'functions #!l',
    'database 3',
    'key k 1',
    'v',
    'end',
    'key l 2000',
    'list',
    'a 0',
    'end',
    'key m -1',
    'v',
    'end',
    'checksum \x01\x02\x03\x04\x05\x06\x07\x08',
  ]

  it('are put together once, however many pieces a string comes in', async () => {
    const text = 'x'.repeat(40_000)
    const command = bytesOf(`*1\r\n$${text.length}\r\n${text}\r\n`)
    const concat = vi.spyOn(Buffer, 'concat')
    try {
      expect(await readFile(command, 16)).toEqual([text])
      expect(concat.mock.calls.length).toBeLessThan(20)
    } finally {
      concat.mockRestore()
    }
  })

  it.each([1, 3, 1000])('are read in pieces of %i bytes', async (size) => {
    expect(await readFile(file, size)).toEqual(told)
    const commands = bytesOf('#TS:1\r\n*2\r\n$3\r\nDEL\r\n$2\r\n\r\n\r\n*1\r\n$4\r\nEXEC\r\n')
    expect(await readFile(commands.subarray(7), size)).toEqual(['DEL \r\n', 'EXEC'])
    expect(await readFile(Buffer.concat([file, commands]), size)).toEqual([...told, 'DEL \r\n', 'EXEC'])
  })

  it.each([
    ['of a version that is not known', 'REDIS0013'],
    ['that is none', 'REDISabcd'],
    ['of commands that are none', '*x\r\n'],
    ['of an argument that is none', '*1\r\nPING\r\n'],
    ['that is cut off', '*1\r\n$4\r\nPI'],
  ])('are refused: one %s', async (_, text) => {
    await expect(readFile(bytesOf(text), 1000)).rejects.toThrow(BadData)
  })
})
