/** Random commands against a plain model, and the model's invariants over every stored entry. */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MutableSlice, sliceOf, sliceToLatin1, type Slice } from '../../base/slice.ts'
import { KeyWriter, keyspaceRange } from '../../base/tuple.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import type { Database } from '../../database/database.ts'
import type { KernelTransaction } from '../../database/transaction/transaction.ts'
import { openTestDatabase, runNow } from '../../database/testing.ts'
import type { Host } from '../../host/host.ts'
import { createRealHost } from '../../host/real/real-host.ts'
import { decodeHeader, decodeScore, Header, kind, never } from './codec.ts'
import { getField, getScore, isMember, scanHashes, scanKeys, scanSets, scanSortedSets, scanStrings } from './entries.ts'
import { reclaimExpired, setExpiry } from './expiry.ts'
import {
  decodeLastElement,
  headerOffset,
  index,
  writeElementPrefix,
  writeExpiryKey,
  writeScoreKey,
  type Keyspace,
} from './keys.ts'
import { copyKey, countKeys, keysWithPrefix, renameKey, walkKeys } from './keyspace.ts'
import { deleteKey, findHeader } from './keyvalue.ts'
import { setString } from './strings.ts'
import { dropField, dropMember, dropScored, putField, putMember, putScore } from './writes.ts'

let nowMs = 1_000_000
let database: Database
let space: Keyspace

function hostWithClock(): Host {
  const host = createRealHost()
  return new Proxy(host, {
    get(target, name) {
      if (name === 'now') return () => nowMs
      const value = Reflect.get(target, name) as unknown
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

const run = <T>(statement: (tx: Transaction) => T | StatementSteps<T>): T => runNow(database, statement)

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')
const slice = (text: string): Slice => sliceOf(bytes(text))
const text = (value: Uint8Array): string => Buffer.from(value).toString('latin1')

beforeEach(async () => {
  nowMs = 1_000_000
  database = await openTestDatabase({ host: hostWithClock() })
  space = run((tx) => tx.createCollection(tx.createNamespace('redis'), 'db0', 'keyvalue', {}))
})
afterEach(() => database.close())

/** Every stored key of an index, without the collection's number. */
function stored(tx: Transaction, of: number): Map<string, string> {
  const found = new Map<string, string>()
  const cursor = tx.scan(keyspaceRange(space.id, of))
  while (cursor.next()) found.set(sliceToLatin1(cursor.key), sliceToLatin1(cursor.value))
  return found
}

const elementIndexes = new Map<number, number>([
  [kind.hash, index.field],
  [kind.set, index.member],
  [kind.sortedSet, index.scored],
])

/** Counts are right, derived entries are those that the primary ones give, and no element is left without a header. */
function checkInvariants(tx: Transaction): void {
  const expectedExpiries = new Set<string>()
  const expectedScores = new Map<string, string>()
  const elements = new Map([...elementIndexes.values()].map((of) => [of, stored(tx, of)]))
  for (const [key, value] of stored(tx, index.header)) {
    const header = new Header()
    decodeHeader(slice(value), header)
    const name = decodeLastElement(slice(key), headerOffset(space), new MutableSlice())
    if (header.expiresAtMs !== never) {
      expectedExpiries.add(sliceToLatin1(writeExpiryKey(new KeyWriter(), space, header.expiresAtMs, name)))
    }
    if (header.kind === kind.string) continue
    const of = elementIndexes.get(header.kind)!
    const prefix = sliceToLatin1(writeElementPrefix(new KeyWriter(), space, of, header.generation))
    const own = [...elements.get(of)!].filter(([element]) => element.startsWith(prefix))
    expect(own.length).toBe(header.count)
    expect(own.length).toBeGreaterThan(0)
    for (const [element, score] of own) {
      elements.get(of)!.delete(element)
      if (header.kind !== kind.sortedSet) continue
      const member = decodeLastElement(slice(element), prefix.length, new MutableSlice())
      const value = decodeScore(slice(score))
      const entry = writeScoreKey(new KeyWriter(), space, header.generation, value, member)
      expectedScores.set(sliceToLatin1(entry), '')
    }
  }
  for (const left of elements.values()) expect([...left.keys()]).toEqual([])
  expect(stored(tx, index.byScore)).toEqual(expectedScores)
  expect(new Set(stored(tx, index.expiry).keys())).toEqual(expectedExpiries)
}

type Value = string | Map<string, string | number | true>
interface Entry {
  of: number
  value: Value
  expiresAtMs?: number
}
type Model = Map<string, Entry>

interface Step {
  readonly kind:
    | 'string'
    | 'hash'
    | 'set'
    | 'zset'
    | 'drop'
    | 'delete'
    | 'rename'
    | 'copy'
    | 'expire'
    | 'wait'
    | 'reclaim'
  readonly key: string
  readonly other: string
  readonly number: number
}

const anyKey = fc.constantFrom('a', 'b', 'c\0', '\xff')
const anyStep: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(
    'string',
    'hash',
    'hash',
    'set',
    'zset',
    'zset',
    'drop',
    'delete',
    'rename',
    'copy',
    'expire',
    'wait',
    'reclaim',
  ),
  key: anyKey,
  other: anyKey,
  number: fc.constantFrom(-0, 0, 1, 2, -1.5, Infinity),
})

const puts = {
  hash: { of: kind.hash, put: (tx: Transaction, key: Uint8Array, at: Uint8Array) => putField(tx, space, key, at, at) },
  set: { of: kind.set, put: (tx: Transaction, key: Uint8Array, at: Uint8Array) => putMember(tx, space, key, at) },
  zset: {
    of: kind.sortedSet,
    put: (tx: Transaction, key: Uint8Array, at: Uint8Array, score: number) => putScore(tx, space, key, at, score),
  },
}

function living(model: Model, key: string): Entry | undefined {
  const entry = model.get(key)
  if (entry?.expiresAtMs !== undefined && entry.expiresAtMs < nowMs) return undefined
  return entry
}

function put(tx: Transaction, model: Model, step: Step & { kind: 'hash' | 'set' | 'zset' }): void {
  const { of, put: write } = puts[step.kind]
  const entry = living(model, step.key)
  if (entry !== undefined && entry.of !== of) {
    expect(() => write(tx, bytes(step.key), bytes(step.other), step.number)).toThrow(/wrong kind/)
    return
  }
  const value = (entry?.value ?? new Map()) as Map<string, string | number | true>
  expect(write(tx, bytes(step.key), bytes(step.other), step.number)).toBe(!value.has(step.other))
  const score = step.number === 0 ? 0 : step.number
  value.set(step.other, step.kind === 'hash' ? step.other : step.kind === 'set' ? true : score)
  if (entry === undefined) model.set(step.key, { of, value })
}

function drop(tx: Transaction, model: Model, step: Step): void {
  const entry = living(model, step.key)
  if (entry === undefined || typeof entry.value === 'string') return
  const remove = entry.of === kind.hash ? dropField : entry.of === kind.set ? dropMember : dropScored
  expect(remove(tx, space, bytes(step.key), bytes(step.other))).toBe(entry.value.delete(step.other))
  if (entry.value.size === 0) model.delete(step.key)
}

function* move(tx: Transaction, model: Model, step: Step): StatementSteps<void> {
  const entry = living(model, step.key)
  const header = new Header()
  expect(findHeader(tx, space, slice(step.key), header)).toBe(entry !== undefined)
  if (entry === undefined || step.key === step.other) return
  if (step.kind === 'rename') {
    renameKey(tx, space, slice(step.key), header, slice(step.other))
    model.delete(step.key)
    model.set(step.other, entry)
  } else {
    yield* copyKey(tx, space, header, space, slice(step.other))
    const value = typeof entry.value === 'string' ? entry.value : new Map(entry.value)
    model.set(step.other, { ...entry, value })
  }
}

function expire(tx: Transaction, model: Model, step: Step): void {
  const entry = living(model, step.key)
  const header = new Header()
  if (entry === undefined || !findHeader(tx, space, slice(step.key), header)) return
  const expiresAtMs = nowMs + 100 * (1 + Math.abs(Math.min(step.number, 5)))
  setExpiry(tx, space, slice(step.key), header, BigInt(expiresAtMs))
  entry.expiresAtMs = expiresAtMs
}

function perform(tx: Transaction, model: Model, step: Step): void | StatementSteps<void> {
  switch (step.kind) {
    case 'string':
      setString(tx, space, slice(step.key), slice(step.other))
      model.set(step.key, { of: kind.string, value: step.other })
      return
    case 'hash':
    case 'set':
    case 'zset':
      return put(tx, model, step as Step & { kind: 'hash' })
    case 'drop':
      return drop(tx, model, step)
    case 'delete':
      expect(deleteKey(tx, space, slice(step.key))).toBe(living(model, step.key) !== undefined)
      if (living(model, step.key) !== undefined) model.delete(step.key)
      return
    case 'rename':
    case 'copy':
      return move(tx, model, step)
    case 'expire':
      return expire(tx, model, step)
    case 'wait':
      return
    case 'reclaim':
      reclaimExpired(tx, space, 2)
  }
}

function shown(tx: Transaction): Map<string, Value> {
  const found = new Map<string, Value>()
  const strings = scanStrings(tx, space)
  while (strings.next()) {
    found.set(text(strings.key), text(strings.value))
    strings.pause()
  }
  const scans = [scanHashes(tx, space), scanSets(tx, space), scanSortedSets(tx, space)] as const
  for (const [at, scan] of scans.entries()) {
    while (scan.next()) {
      const entries = (found.get(text(scan.key)) ?? new Map()) as Map<string, string | number | true>
      entries.set(text(scan.element), at === 0 ? text(scan.value) : at === 1 ? true : scan.score)
      found.set(text(scan.key), entries)
      if (entries.size % 2 === 0) scan.pause()
    }
  }
  return found
}

describe('the keyvalue model', () => {
  it('does what a plain map does, and keeps its invariants', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 200, size: 'max' }), (steps) => {
        run((tx) => tx.deleteRange(keyspaceRange(space.id)))
        const model: Model = new Map()
        for (const step of steps) {
          if (step.kind === 'wait') nowMs += 150
          run((tx) => perform(tx, model, step))
        }
        run((tx) => {
          checkInvariants(tx)
          const expected = [...model].filter(([key]) => living(model, key) !== undefined)
          expect(shown(tx)).toEqual(new Map(expected.map(([key, entry]) => [key, entry.value])))
        })
        expect(run((tx) => countKeys(tx, space))).toBe([...model.keys()].filter((key) => living(model, key)).length)
      }),
      { numRuns: 40 },
    )
  })

  it('reclaims what has expired, and nothing else', () => {
    run((tx) => {
      setString(tx, space, slice('old'), slice('x'), BigInt(nowMs + 10))
      setString(tx, space, slice('young'), slice('x'), BigInt(nowMs + 1000))
      putScore(tx, space, bytes('sorted'), bytes('m'), 1)
      const header = new Header()
      findHeader(tx, space, slice('sorted'), header)
      setExpiry(tx, space, slice('sorted'), header, BigInt(nowMs + 10))
    })
    nowMs += 10
    expect(run((tx) => reclaimExpired(tx, space, 10))).toBe(0)
    nowMs += 1
    run((tx) => {
      expect(getScore(tx, space, bytes('sorted'), bytes('m'))).toBeUndefined()
      expect(stored(tx, index.scored).size).toBe(1)
    })
    expect(run((tx) => reclaimExpired(tx, space, 1))).toBe(1)
    expect(run((tx) => reclaimExpired(tx, space, 10))).toBe(1)
    run((tx) => {
      expect(stored(tx, index.header).size).toBe(1)
      expect(stored(tx, index.scored).size + stored(tx, index.byScore).size).toBe(0)
      checkInvariants(tx)
    })
  })

  it('offers rows by bounds of the key', () => {
    run((tx) => {
      for (const key of ['a', 'b', 'b\0', 'c']) putField(tx, space, bytes(key), bytes('f'), bytes(key))
      setString(tx, space, slice('bb'), slice('x'))
    })
    run((tx) => {
      const keys = (from?: string, to?: string): string[] => {
        const bounds = { ...(from !== undefined && { from: bytes(from) }), ...(to !== undefined && { to: bytes(to) }) }
        const scan = scanKeys(tx, space, bounds)
        const found: string[] = []
        while (scan.next()) found.push(text(scan.key))
        return found
      }
      expect(keys()).toEqual(['a', 'b', 'b\0', 'bb', 'c'])
      expect(keys('b', 'b')).toEqual(['b'])
      expect(keys('b', 'bb')).toEqual(['b', 'b\0', 'bb'])
      expect(keys('bc')).toEqual(['c'])
      expect(text(Buffer.from(sliceToLatin1(getField(tx, space, bytes('b'), bytes('f')) as Slice), 'latin1'))).toBe('b')
      expect(getField(tx, space, bytes('bb'), bytes('f'))).toBeUndefined()
      expect(isMember(tx, space, bytes('b'), bytes('f'))).toBe(false)
    })
  })

  it('finds keys by their prefix', () => {
    const keys = ['', 'a', 'a\0', 'a\0b', 'ab', 'a\xff', 'a\xff\xff', 'b', '\xff', '\xff\xff\xff']
    run((tx) => {
      for (const key of keys) setString(tx, space, slice(key), slice('x'))
    })
    for (const prefix of ['', 'a', 'a\0', 'a\xff', '\xff', '\xff\xff', 'c']) {
      const found: string[] = []
      run((tx) =>
        walkKeys(tx, space, (key) => void found.push(sliceToLatin1(key)), keysWithPrefix(space, bytes(prefix))),
      )
      expect(found, JSON.stringify(prefix)).toEqual(keys.filter((key) => key.startsWith(prefix)).sort())
    }
  })
})

describe('a key that expires', () => {
  const header = new Header()
  const lives = (name: string): boolean => run((tx) => findHeader(tx, space, slice(name), header))
  const expiries = (): number => run((tx) => stored(tx, index.expiry).size)

  it('lives up to and with its last millisecond', () => {
    run((tx) => setString(tx, space, slice('k'), slice('v'), BigInt(nowMs + 5)))
    for (const [after, expected] of [
      [4, true],
      [5, true],
      [6, false],
    ] as const) {
      nowMs = 1_000_000 + after
      expect(lives('k'), `after ${after} ms`).toBe(expected)
      if (expected) expect(run((tx) => reclaimExpired(tx, space, 10))).toBe(0)
    }
    const reclaim = (tx: Transaction): string =>
      `${reclaimExpired(tx, space, 10)} by ${(tx as KernelTransaction).origin}`
    expect([run(reclaim), run(reclaim)]).toEqual(['1 by expiry', '0 by client'])
    expect(expiries()).toBe(0)
  })

  it('leaves nothing to what comes after it under its name', () => {
    run((tx) => putField(tx, space, bytes('h'), bytes('old'), bytes('1')))
    run((tx) => {
      findHeader(tx, space, slice('h'), header)
      setExpiry(tx, space, slice('h'), header, BigInt(nowMs + 1))
    })
    nowMs += 2
    run((tx) => putField(tx, space, bytes('h'), bytes('new'), bytes('2')))
    expect(run((tx) => getField(tx, space, bytes('h'), bytes('old')))).toBeUndefined()
    expect([lives('h'), header.count, header.expiresAtMs]).toEqual([true, 1, never])
    expect(expiries()).toBe(0)
    expect(run((tx) => stored(tx, index.field).size)).toBe(1)
  })

  it('lives for ever once it is set without an expiry', () => {
    for (const name of ['a', 'b']) run((tx) => setString(tx, space, slice(name), slice('v'), BigInt(nowMs + 5)))
    run((tx) => setString(tx, space, slice('a'), slice('w')))
    expect(expiries()).toBe(1)
    nowMs += 6
    expect([lives('a'), lives('b')]).toEqual([true, false])
    expect(run((tx) => reclaimExpired(tx, space, 10))).toBe(1)
    expect(lives('a')).toBe(true)
  })

  it('takes its expiry along where it is renamed, and only there', () => {
    run((tx) => putScore(tx, space, bytes('z'), bytes('m'), -1))
    run((tx) => {
      findHeader(tx, space, slice('z'), header)
      setExpiry(tx, space, slice('z'), header, BigInt(nowMs + 9))
    })
    run((tx) => {
      findHeader(tx, space, slice('z'), header)
      renameKey(tx, space, slice('z'), header, slice('moved'))
    })
    const at = sliceToLatin1(writeExpiryKey(new KeyWriter(64), space, BigInt(nowMs + 9), slice('moved')))
    expect(run((tx) => [...stored(tx, index.expiry).keys()])).toEqual([at])
    expect([lives('z'), lives('moved'), header.expiresAtMs]).toEqual([false, true, BigInt(nowMs + 9)])
  })
})
