/**
 * Streams against a model that is a list and some maps: random commands, replies compared as text, then everything that is
 * stored verified. What open transactions do to each other has cases of its own.
 */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { verifyDatabase } from '../../session/verification.ts'
import { openTestServer, type TestClient, type TestServer } from './testing.ts'

let server: TestServer
beforeEach(async () => {
  server = await openTestServer()
})
afterEach(() => server.close())

interface PendingEntry {
  consumer: string
  deliveries: number
}

interface GroupModel {
  last: number
  readonly pending: Map<number, PendingEntry>
}

/** Ids are `n-0`, values long now and then. */
class StreamModel {
  entries: number[] = []
  last = 0
  added = 0
  readonly groups = new Map<string, GroupModel>()

  #shown(ids: readonly number[]): string {
    return `[${ids.map((id) => (this.entries.includes(id) ? `["${id}-0" ["f" "${valueOf(id)}"]]` : `["${id}-0" (null array)]`)).join(' ')}]`
  }

  add(step: number, length: number | undefined): string {
    this.last += step
    this.added++
    this.entries.push(this.last)
    if (length !== undefined) this.entries = this.entries.slice(Math.max(0, this.entries.length - length))
    return `"${this.last}-0"`
  }

  remove(ids: readonly number[]): string {
    const before = this.entries.length
    this.entries = this.entries.filter((id) => !ids.includes(id))
    return `:${before - this.entries.length}`
  }

  trim(least: number): string {
    return this.remove(this.entries.filter((id) => id < least))
  }

  range(from: number, to: number, count: number, reverse: boolean): string {
    const found = this.entries.filter((id) => id >= from && id <= to)
    return this.#shown((reverse ? found.reverse() : found).slice(0, count))
  }

  readNew(name: string, consumer: string, count: number, noAcknowledge: boolean): string {
    const group = this.groups.get(name)!
    const ids = this.entries.filter((id) => id > group.last).slice(0, count)
    if (ids.length === 0) return '(null array)'
    for (const id of noAcknowledge ? [] : ids) group.pending.set(id, { consumer, deliveries: 1 })
    group.last = ids.at(-1)!
    return `[["s" ${this.#shown(ids)}]]`
  }

  readOwn(name: string, consumer: string, after: number): string {
    const { pending } = this.groups.get(name)!
    const own = this.#owned(pending, consumer).filter((id) => id > after)
    for (const id of own) if (this.entries.includes(id)) pending.get(id)!.deliveries++
    return `[["s" ${this.#shown(own)}]]`
  }

  #owned(pending: GroupModel['pending'], consumer: string): number[] {
    return sorted([...pending].filter(([, entry]) => entry.consumer === consumer).map(([id]) => id))
  }

  acknowledge(name: string, ids: readonly number[]): string {
    return `:${ids.filter((id) => this.groups.get(name)!.pending.delete(id)).length}`
  }

  claim(name: string, consumer: string, ids: readonly number[], force: boolean): string {
    const { pending } = this.groups.get(name)!
    const claimed: number[] = []
    for (const id of ids) {
      const before = pending.get(id)
      if (!this.entries.includes(id)) pending.delete(id)
      else if (before !== undefined || force) {
        pending.set(id, { consumer, deliveries: (before?.deliveries ?? 1) + 1 })
        claimed.push(id)
      }
    }
    return this.#shown(claimed)
  }

  dropConsumer(name: string, consumer: string): string {
    const { pending } = this.groups.get(name)!
    const own = this.#owned(pending, consumer)
    for (const id of own) pending.delete(id)
    return `:${own.length}`
  }

  summary(name: string): string {
    const { pending } = this.groups.get(name)!
    if (pending.size === 0) return '[:0 (null) (null) (null array)]'
    const ids = sorted([...pending.keys()])
    const consumers = [...new Set([...pending.values()].map(({ consumer }) => consumer))].sort()
    const counts = consumers.map((consumer) => `["${consumer}" "${this.#owned(pending, consumer).length}"]`)
    return `[:${pending.size} "${ids[0]}-0" "${ids.at(-1)}-0" [${counts.join(' ')}]]`
  }

  deliveries(name: string): string {
    const { pending } = this.groups.get(name)!
    return sorted([...pending.keys()])
      .map((id) => `${id}-0 ${pending.get(id)!.consumer} ${pending.get(id)!.deliveries}`)
      .join(', ')
  }
}

function sorted(ids: number[]): number[] {
  return ids.sort((a, b) => a - b)
}

/** Every seventh lies in pieces. */
function valueOf(id: number): string {
  return id % 7 === 0 ? `long ${id} `.repeat(9_000) : `v${id}`
}

type Step = (model: StreamModel) => { readonly command: readonly string[]; readonly expected: string }

const id = fc.integer({ min: 0, max: 14 })
const ids = fc.array(id, { minLength: 1, maxLength: 4 })
const group = fc.constantFrom('g', 'h')
const consumer = fc.constantFrom('ann', 'bob', 'eve')
const count = fc.integer({ min: 1, max: 5 })
const texts = (some: readonly number[]): string[] => some.map((one) => `${one}-0`)

const makesAnew =
  "redis.call('xgroup', 'destroy', KEYS[1], ARGV[1]) return redis.call('xgroup', 'create', KEYS[1], ARGV[1], '0')"

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.integer({ min: 1, max: 3 }), fc.option(fc.integer({ min: 0, max: 30 })))
      .map(([by, length]): Step => (model) => {
        const trim = length === null ? [] : ['MAXLEN', `${length}`]
        const next = model.last + by
        return {
          command: ['XADD', 's', ...trim, `${next}-0`, 'f', valueOf(next)],
          expected: model.add(by, length ?? undefined),
        }
      }),
  },
  ids.map((some): Step => (model) => ({ command: ['XDEL', 's', ...texts(some)], expected: model.remove(some) })),
  id.map((least): Step => (model) => ({ command: ['XTRIM', 's', 'MINID', `${least}`], expected: model.trim(least) })),
  fc.tuple(id, id, count, fc.boolean()).map(([from, to, most, reverse]): Step => (model) => ({
    command: reverse
      ? ['XREVRANGE', 's', `${to}`, `${from}`, 'COUNT', `${most}`]
      : ['XRANGE', 's', `${from}`, `${to}`, 'COUNT', `${most}`],
    expected: model.range(from, to, most, reverse),
  })),
  {
    weight: 5,
    arbitrary: fc.tuple(group, consumer, count, fc.nat(3)).map(([name, who, most, chance]): Step => (model) => {
      const options = chance === 0 ? ['COUNT', `${most}`, 'NOACK'] : ['COUNT', `${most}`]
      return {
        command: ['XREADGROUP', 'GROUP', name, who, ...options, 'STREAMS', 's', '>'],
        expected: model.readNew(name, who, most, chance === 0),
      }
    }),
  },
  fc.tuple(group, consumer, id).map(([name, who, after]): Step => (model) => ({
    command: ['XREADGROUP', 'GROUP', name, who, 'STREAMS', 's', `${after}`],
    expected: model.readOwn(name, who, after),
  })),
  fc.tuple(group, ids).map(([name, some]): Step => (model) => ({
    command: ['XACK', 's', name, ...texts(some)],
    expected: model.acknowledge(name, some),
  })),
  {
    weight: 3,
    arbitrary: fc.tuple(group, consumer, ids, fc.boolean()).map(([name, who, some, force]): Step => (model) => ({
      command: ['XCLAIM', 's', name, who, '0', ...texts(some), ...(force ? ['FORCE'] : [])],
      expected: model.claim(name, who, some, force),
    })),
  },
  fc.tuple(group, consumer).map(([name, who]): Step => (model) => ({
    command: ['XGROUP', 'DELCONSUMER', 's', name, who],
    expected: model.dropConsumer(name, who),
  })),
  fc.tuple(group, id).map(([name, last]): Step => (model) => {
    model.groups.get(name)!.last = last
    return { command: ['XGROUP', 'SETID', 's', name, `${last}`], expected: '+OK' }
  }),
  group.map((name): Step => (model) => {
    model.groups.set(name, { last: 0, pending: new Map() })
    return { command: ['EVAL', makesAnew, '1', 's', name], expected: '+OK' }
  }),
  group.map((name): Step => (model) => ({ command: ['XPENDING', 's', name], expected: model.summary(name) })),
)

async function deliveries(client: TestClient, name: string): Promise<string> {
  const reply = await client.send('XPENDING', 's', name, '-', '+', '100')
  return [...reply.matchAll(/\["(\d+-0)" "(\w+)" :\d+ :(\d+)\]/g)].map(([, ...parts]) => parts.join(' ')).join(', ')
}

describe('a stream', () => {
  it('answers as the model does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), async (steps) => {
        const client = server.connect()
        await client.send('FLUSHALL')
        const model = new StreamModel()
        for (const name of ['g', 'h']) {
          await client.send('XGROUP', 'CREATE', 's', name, '0', 'MKSTREAM')
          model.groups.set(name, { last: 0, pending: new Map() })
        }
        for (const next of steps) {
          const { command, expected } = next(model)
          expect(await client.send(...command), command.join(' ').slice(0, 100)).toBe(expected)
        }
        expect(await client.send('XLEN', 's')).toBe(`:${model.entries.length}`)
        expect(await client.send('XRANGE', 's', '-', '+')).toBe(model.range(0, 1000, 1000, false))
        for (const name of ['g', 'h']) expect(await deliveries(client, name)).toBe(model.deliveries(name))
        await client.send('COPY', 's', 't')
        expect((await verifyDatabase(server.sessions, server.database)).differences).toEqual([])
        client.close()
      }),
      { numRuns: 50 },
    )
  })
})

describe('open transactions', () => {
  let ada: TestClient
  let bob: TestClient

  async function say(client: TestClient, ...lines: readonly string[]): Promise<string[]> {
    const replies: string[] = []
    for (const line of lines) replies.push(await client.sendLine(line))
    return replies
  }

  /** It waits for the other's transaction, and is answered when that has ended. */
  async function waits(client: TestClient, line: string, until: () => Promise<unknown>): Promise<string> {
    client.sendBytes(`${line}\r\n`)
    expect(await client.isWaiting(), line).toBe(true)
    await until()
    return client.next()
  }

  beforeEach(async () => {
    ada = server.connect()
    bob = server.connect()
    await say(ada, 'XGROUP CREATE s g 0 MKSTREAM', 'XADD s 1-0 f v', 'XADD s 2-0 f v', 'XADD s 3-0 f v')
  })

  it('append one after the other, in the order of their ids', async () => {
    await say(ada, 'POLYLOG.BEGIN', 'XADD s 5-* f v')
    expect(await waits(bob, 'XADD s 5-* f v', () => ada.sendLine('POLYLOG.COMMIT'))).toBe('"5-1"')
    await say(ada, 'POLYLOG.BEGIN', 'XADD s 7-* f v')
    expect(await waits(bob, 'XADD s 6-0 f v', () => ada.sendLine('POLYLOG.ROLLBACK'))).toBe('"6-0"')
  })

  it('read new entries of a group one after the other, and are given others', async () => {
    const read = (name: string): string => `XREADGROUP GROUP g ${name} COUNT 1 STREAMS s >`
    await say(ada, 'POLYLOG.BEGIN', read('ada'))
    expect(await waits(bob, read('bob'), () => ada.sendLine('POLYLOG.COMMIT'))).toMatch('2-0')
    await say(ada, 'POLYLOG.BEGIN', read('ada'))
    expect(await waits(bob, read('bob'), () => ada.sendLine('POLYLOG.ROLLBACK'))).toMatch('3-0')
    expect(await ada.sendLine('XPENDING s g')).toBe('[:3 "1-0" "3-0" [["ada" "1"] ["bob" "2"]]]')
  })

  it('append and acknowledge beside each other without waiting', async () => {
    await say(ada, 'XREADGROUP GROUP g ada STREAMS s >', 'POLYLOG.BEGIN')
    expect(await say(ada, 'XACK s g 1-0')).toEqual([':1'])
    expect(await say(bob, 'XACK s g 2-0', 'XADD s 9-0 f v', 'XREADGROUP GROUP g bob STREAMS s >')).toEqual([
      ':1',
      '"9-0"',
      '[["s" [["9-0" ["f" "v"]]]]]',
    ])
    await say(ada, 'POLYLOG.COMMIT')
    expect(await ada.sendLine('XPENDING s g')).toBe('[:2 "3-0" "9-0" [["ada" "1"] ["bob" "1"]]]')
  })

  it('wait where a group or a stream goes away under them', async () => {
    await say(ada, 'POLYLOG.BEGIN', 'XREADGROUP GROUP g ada COUNT 1 STREAMS s >')
    expect(await waits(bob, 'XGROUP DESTROY s g', () => ada.sendLine('POLYLOG.COMMIT'))).toBe(':1')
    await say(ada, 'XGROUP CREATE s g 0', 'XREADGROUP GROUP g ada COUNT 2 STREAMS s >', 'POLYLOG.BEGIN', 'XACK s g 1-0')
    expect(await waits(bob, 'XGROUP DESTROY s g', () => ada.sendLine('POLYLOG.ROLLBACK'))).toBe(':1')
    await say(ada, 'XGROUP CREATE s g 0', 'XREADGROUP GROUP g ada COUNT 2 STREAMS s >', 'POLYLOG.BEGIN', 'XACK s g 1-0')
    expect(await waits(bob, 'DEL s', () => ada.sendLine('POLYLOG.COMMIT'))).toBe(':1')
    expect((await verifyDatabase(server.sessions, server.database)).differences).toEqual([])
  })
})
