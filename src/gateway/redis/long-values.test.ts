/** Fields of hashes and items of lists that lie in pieces: every command that meets one, against the same bytes in memory. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { differencesOf, openTestServer, TestChance, type TestClient, type TestServer } from './testing.ts'

let server: TestServer
let client: TestClient

beforeEach(async () => {
  server = await openTestServer()
  client = server.connect()
})

afterEach(async () => {
  expect(await problems()).toEqual([])
  await server.close()
})

const problems = (): Promise<readonly unknown[]> => differencesOf(server)

const chance = new TestChance()
const below = (limit: number): number => chance.below(limit)
const text = (length: number): string => chance.text(length).toString('latin1')

/** Around the length at which a value becomes long, and those at which pieces end. */
const lengths = [0, 1, 20, 65_535, 65_536, 65_537, 95_999, 96_000, 96_001, 200_000]
const anyText = (): string => text(lengths[below(lengths.length)]!)

function bulk(value: string | undefined): string {
  return value === undefined ? '(null)' : JSON.stringify(value)
}

const bulks = (values: readonly string[]): string => `[${values.map(bulk).join(' ')}]`

describe('a field', () => {
  it.each([65_536, 65_537, 96_001, 3_000_000])('of %i bytes is stored and read', async (length) => {
    const value = text(length)
    expect(await client.send('HSET', 'h', 'a', '1', 'f', value, 'z', '')).toBe(':3')
    expect(await client.send('HSET', 'h', 'f', value, 'z', '', 'g', 'x')).toBe(':1')
    expect(await client.send('HGET', 'h', 'f')).toBe(bulk(value))
    expect(await client.send('HGET', 'h', 'z')).toBe('""')
    expect(await client.send('HMGET', 'h', 'z', 'f', 'none', 'f')).toBe(`["" ${bulk(value)} (null) ${bulk(value)}]`)
    expect(await client.send('HSTRLEN', 'h', 'f')).toBe(`:${length}`)
    expect(await client.send('HGETALL', 'h')).toBe(bulks(['a', '1', 'f', value, 'g', 'x', 'z', '']))
    expect(await client.send('HKEYS', 'h')).toBe(bulks(['a', 'f', 'g', 'z']))
    expect(await client.send('HVALS', 'h')).toBe(bulks(['1', value, 'x', '']))
    expect(await client.send('HSCAN', 'h', '0')).toBe(`["0" ${bulks(['a', '1', 'f', value, 'g', 'x', 'z', ''])}]`)
    expect(await client.send('HSETNX', 'h', 'f', 'x')).toBe(':0')
    expect(await client.send('HSETNX', 'h', 'n', value)).toBe(':1')
    expect(await client.send('HINCRBY', 'h', 'f', '1')).toBe('-ERR hash value is not an integer')
    expect(await client.send('HINCRBYFLOAT', 'h', 'f', '1')).toBe('-ERR hash value is not a float')
    expect(await client.send('HDEL', 'h', 'f', 'none', 'n')).toBe(':2')
    expect(await client.send('HEXISTS', 'h', 'f')).toBe(':0')
    await client.send('HSET', 'one', 'f', value)
    expect(await client.send('HRANDFIELD', 'one', '1', 'WITHVALUES')).toBe(bulks(['f', value]))
    expect(await client.send('HRANDFIELD', 'one', '-2', 'WITHVALUES')).toBe(bulks(['f', value, 'f', value]))
    expect(await client.send('HDEL', 'one', 'f')).toBe(':1')
    expect(await client.send('EXISTS', 'one')).toBe(':0')
  })

  it('is what the same changes make of bytes in memory', async () => {
    const model = new Map<string, Map<string, string>>()
    const keys = ['a', 'b']
    const fields = ['f', 'g', 'h', '']
    for (let step = 0; step < 250; step++) {
      const key = keys[below(2)]!
      const other = keys[below(2)]!
      const field = fields[below(4)]!
      const hash = model.get(key)
      const choice = below(8)
      if (choice < 3) {
        const value = anyText()
        expect(await client.send('HSET', key, field, value)).toBe(hash?.has(field) === true ? ':0' : ':1')
        model.set(key, new Map([...(hash ?? []), [field, value]]))
      } else if (choice === 3) {
        expect(await client.send('HDEL', key, field)).toBe(hash?.delete(field) === true ? ':1' : ':0')
        if (hash?.size === 0) model.delete(key)
      } else if (choice === 4 && key !== other) {
        expect(await client.send('COPY', key, other, 'REPLACE')).toBe(hash === undefined ? ':0' : ':1')
        if (hash !== undefined) model.set(other, new Map(hash))
      } else if (choice === 5 && key !== other && hash !== undefined) {
        expect(await client.send('RENAME', key, other)).toBe('+OK')
        model.delete(key)
        model.set(other, hash)
      } else if (choice === 6 && below(4) === 0) {
        expect(await client.send('DEL', key)).toBe(model.delete(key) ? ':1' : ':0')
      } else expect(await client.send('HGET', key, field)).toBe(bulk(hash?.get(field)))
    }
    for (const key of keys) {
      const sorted = [...(model.get(key) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))
      expect(await client.send('HGETALL', key)).toBe(bulks(sorted.flat()))
    }
  })

  it('that is watched, is seen to change from one long value to another', async () => {
    await client.send('HSET', 'h', 'f', text(100_000))
    await client.send('WATCH', 'h')
    const other = server.connect()
    expect(await other.send('HSET', 'h', 'f', text(100_000))).toBe(':0')
    await client.send('MULTI')
    await client.send('HGET', 'h', 'f')
    expect(await client.send('EXEC')).toBe('(null array)')
  })

  it('goes back with the block that it was written in', async () => {
    const value = text(100_000)
    await client.send('HSET', 'h', 'f', value)
    expect(await client.send('POLYLOG.BEGIN')).toBe('+OK')
    await client.send('HSET', 'h', 'f', 'short')
    await client.send('HSET', 'h', 'g', value)
    await client.send('POLYLOG.ROLLBACK')
    expect(await client.send('HGETALL', 'h')).toBe(bulks(['f', value]))
  })

  it('is gone with its key, whatever takes that away', async () => {
    const value = text(100_000)
    for (const away of [['SET', 'h', 'x'], ['PEXPIRE', 'h', '0'], ['MOVE', 'h', '3'], ['FLUSHDB'], ['UNLINK', 'h']]) {
      await client.send('HSET', 'h', 'f', value)
      await client.send(...away)
      expect(await client.send('TYPE', 'h')).toBe(away[0] === 'SET' ? '+string' : '+none')
      await client.send('DEL', 'h')
      expect(await problems()).toEqual([])
    }
    await client.send('SELECT', '3')
    expect(await client.send('HGET', 'h', 'f')).toBe(bulk(value))
  })
})

describe('an item', () => {
  it('is what the same changes make of bytes in memory', async () => {
    const model = new Map<string, string[]>()
    const keys = ['a', 'b']
    const of = (key: string): string[] => model.get(key) ?? []
    const long = [text(96_000), text(96_000), text(70_000)]
    const anyItem = (): string => ['', 'x', 'y', ...long][below(6)]!
    for (let step = 0; step < 240; step++) {
      const key = keys[below(2)]!
      const other = keys[below(2)]!
      const list = of(key)
      const item = anyItem()
      const pivot = anyItem()
      const at = below(Math.max(1, list.length))
      const choice = below(10)
      if (choice < 3) {
        const atHead = below(2) === 0
        expect(await client.send(atHead ? 'LPUSH' : 'RPUSH', key, item, pivot)).toBe(`:${list.length + 2}`)
        model.set(key, atHead ? [pivot, item, ...list] : [...list, item, pivot])
      } else if (choice === 3) {
        const atHead = below(2) === 0
        expect(await client.send(atHead ? 'LPOP' : 'RPOP', key)).toBe(bulk(atHead ? list.shift() : list.pop()))
      } else if (choice === 4 && list.length > 0) {
        expect(await client.send('LSET', key, `${at}`, item)).toBe('+OK')
        list[at] = item
      } else if (choice === 5) {
        const found = list.indexOf(pivot)
        if (found >= 0) list.splice(found + 1, 0, item)
        const expected = list.length === 0 ? 0 : found < 0 ? -1 : list.length
        expect(await client.send('LINSERT', key, 'AFTER', pivot, item)).toBe(`:${expected}`)
      } else if (choice === 6) {
        const left = list.filter((each, i) => each !== item || i !== list.lastIndexOf(item))
        expect(await client.send('LREM', key, '-1', item)).toBe(`:${list.length - left.length}`)
        model.set(key, left)
      } else if (choice === 7) {
        const ranks = list.flatMap((each, i) => (each === item ? [i] : []))
        expect(await client.send('LPOS', key, item, 'COUNT', '0')).toBe(
          `[${ranks.map((rank) => `:${rank}`).join(' ')}]`,
        )
      } else if (choice === 8) {
        const [fromHead, toHead] = [below(2) === 0, below(2) === 0]
        const sides = [fromHead ? 'LEFT' : 'RIGHT', toHead ? 'LEFT' : 'RIGHT']
        const moved = fromHead ? list.shift() : list.pop()
        expect(await client.send('LMOVE', key, other, ...sides)).toBe(bulk(moved))
        if (moved !== undefined) model.set(other, toHead ? [moved, ...of(other)] : [...of(other), moved])
      } else if (below(4) === 0) {
        expect(await client.send('LTRIM', key, '1', '-2')).toBe('+OK')
        model.set(key, list.slice(1, -1))
      } else expect(await client.send('LINDEX', key, `${at}`)).toBe(bulk(list[at]))
      if (step % 20 !== 0) continue
      for (const each of keys) expect(await client.send('LRANGE', each, '0', '-1')).toBe(bulks(of(each)))
      expect(await problems()).toEqual([])
    }
    expect(await client.send('LPOP', 'a', '100')).toBe(of('a').length === 0 ? '(null array)' : bulks(of('a')))
  })

  it('keeps its pieces where the items around it are spread out', async () => {
    const [first, last] = [text(100_000), text(70_000)]
    await client.send('RPUSH', 'l', first, '', last)
    const inserted: string[] = []
    for (let i = 0; i < 60; i++) {
      await client.send('LINSERT', 'l', 'BEFORE', last, `${i}`)
      inserted.push(`${i}`)
    }
    expect(await client.send('LRANGE', 'l', '0', '-1')).toBe(bulks([first, '', ...inserted, last]))
    expect(await client.send('LRANGE', 'l', '61', '-1')).toBe(bulks(['59', last]))
  })
})
