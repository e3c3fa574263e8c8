import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeName } from './names.ts'

test('a name is that of its bytes, whatever was decoded before', () => {
  const name = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ maxLength: 40, unit: 'binary' }))
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 20 }), fc.nat(3), (names, before) => {
      for (const text of [...names, ...names]) {
        const bytes = Buffer.from(`${'x'.repeat(before)}${text}y`)
        const decoded = decodeName(bytes, before, bytes.length - 1)
        expect(decoded).toBe(bytes.toString('utf8', before, bytes.length - 1))
      }
    }),
  )
})

test('names that share a slot take it from each other and stay right', () => {
  for (let i = 0; i < 10_000; i++) {
    const bytes = Buffer.from(`field${i}`)
    expect(decodeName(bytes, 0, bytes.length)).toBe(`field${i}`)
  }
})
