import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeContents, encodeContents, faultOfName, type ListedDatabase } from './contents.ts'

const uuid = (serial: number): string => `00000000-0000-4000-8000-${String(serial).padStart(12, '0')}`
const listed: ListedDatabase[] = [
  { uuid: uuid(1), name: 'polylog' },
  { uuid: uuid(2), name: 'a "quoted"\nname, \u2028 and ü' },
]

describe('the list of databases', () => {
  test('has the bytes it always had', () => {
    const one = { databases: listed.slice(0, 1), dropped: [] }
    expect(encodeContents({ databases: [], dropped: [] }, 2)).toBe('polylog contents\ncrc32 bb346975\n')
    expect(encodeContents(one, 2)).toBe(
      'polylog contents\n00000000-0000-4000-8000-000000000001 "polylog"\ncrc32 f6841a29\n',
    )
    expect(encodeContents({ ...one, dropped: [uuid(7)] })).toBe(
      'polylog contents 3\n00000000-0000-4000-8000-000000000001 "polylog"\n' +
        'dropped 00000000-0000-4000-8000-000000000007\ncrc32 d76ecfbe\n',
    )
  })

  test('comes back as it was written', () => {
    const names = fc.uniqueArray(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 15 }), { maxLength: 5 })
    const property = fc.property(names, (each) => {
      const databases = each.filter((name) => faultOfName(name) === undefined)
      const entries = databases.map((name, serial) => ({ uuid: uuid(serial), name }))
      const contents = { databases: entries, dropped: databases.map((_, serial) => uuid(100 + serial)) }
      expect(decodeContents(Buffer.from(encodeContents(contents)), 'C')).toEqual({ ...contents, format: 3 })
      const older = { databases: entries, dropped: [] }
      expect(decodeContents(Buffer.from(encodeContents(older, 2)), 'C')).toEqual({ ...older, format: 2 })
    })
    fc.assert(property, { numRuns: 50 })
  })

  test('shows every flipped bit, every cut and every added byte', () => {
    const whole = Buffer.from(encodeContents({ databases: listed, dropped: [uuid(9)] }))
    const refused = (bytes: Uint8Array): void =>
      expect(() => decodeContents(bytes, 'dir/CONTENTS')).toThrow('dir/CONTENTS is damaged')
    for (let at = 0; at < whole.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const bytes = Buffer.from(whole)
        bytes[at]! ^= 1 << bit
        refused(bytes)
      }
      refused(whole.subarray(0, at))
    }
    refused(Buffer.concat([whole, Buffer.from('\n')]))
    refused(Buffer.from(encodeContents({ databases: [], dropped: [uuid(1)] }, 2)))
    const encode = (database: ListedDatabase): string => encodeContents({ databases: [database], dropped: [] })
    refused(Buffer.from(encode({ uuid: 'elsewhere/../x', name: 'x' })))
    refused(Buffer.from(encode({ uuid: uuid(1), name: 'a\0b' })))
  })

  test('has no two databases of one name', () => {
    const twice = listed.map((database) => ({ ...database, name: 'same' }))
    expect(() => decodeContents(Buffer.from(encodeContents({ databases: twice, dropped: [] })), 'C')).toThrow(
      /two databases named "same"/,
    )
  })
})
