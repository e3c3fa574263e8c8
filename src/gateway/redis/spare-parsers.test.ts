import { expect, it } from 'vitest'
import { MemoryAccount } from '../../base/memory-account.ts'
import { SpareParsers } from './spare-parsers.ts'
import { encodeCommand } from './testing.ts'
import { parsed, type Sender } from './wire.ts'

const sender: Sender = { isIdentified: true, meet: () => undefined }
const many = encodeCommand(['DEL', ...Array.from({ length: 3000 }, (_, i) => `${i}`)])

it('a parser is given away without what was charged for its last request', () => {
  const parsers = new SpareParsers(1024 * 1024)
  const [one, other] = ['one', 'other'].map((name) => new MemoryAccount(name)) as [MemoryAccount, MemoryAccount]
  const first = parsers.take(sender, { account: one })
  first.push(many)
  expect(first.next()).toBe(parsed.request)
  expect(one.usedBytes).toBeGreaterThan(0)
  // It is answered, and nobody has asked whether more has come.
  expect(parsers.give(first)).toBe(true)
  expect(one.usedBytes).toBe(0)
  const second = parsers.take(sender, { account: other })
  expect(second).toBe(first)
  second.push(many)
  for (const found of [parsed.request, parsed.more]) expect(second.next()).toBe(found)
  expect([one.usedBytes, other.usedBytes]).toEqual([0, 0])
})

it('a parser that has part of a request is not given away', () => {
  const parsers = new SpareParsers(1024 * 1024)
  const account = new MemoryAccount('one')
  const parser = parsers.take(sender, { account })
  for (const part of [many.subarray(0, 3), many.subarray(3, 20_000)]) {
    parser.push(part)
    expect(parser.next()).toBe(parsed.more)
    expect(parsers.give(parser)).toBe(false)
  }
  parser.push(many.subarray(20_000))
  expect(parser.next()).toBe(parsed.request)
  expect(parser.arguments.count).toBe(3001)
})
