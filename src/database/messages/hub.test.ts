import { describe, expect, it } from 'vitest'
import { PolylogError } from '../../base/errors.ts'
import { MemoryAccount } from '../../base/memory-account.ts'
import { charge } from '../../base/work.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Effect, Message } from './effects.ts'
import { Hub, type MessageLog, type Touched } from './hub.ts'

/** Says what is durable when it is told to. */
class SlowLog implements MessageLog {
  durable = 0
  #waiting: { sequence: number; run: (error?: PolylogError) => void }[] = []

  whenDurable(sequence: number, _level: 'synced', run: (error?: PolylogError) => void): void {
    if (sequence <= this.durable) run()
    else this.#waiting.push({ sequence, run })
  }

  reach(sequence: number): void {
    this.durable = sequence
    for (const each of this.#waiting.filter((one) => one.sequence <= sequence)) each.run()
    this.#waiting = this.#waiting.filter((one) => one.sequence > sequence)
  }

  refuse(): void {
    for (const each of this.#waiting.splice(0)) each.run(new PolylogError('disk_full', 'full'))
  }
}

class World {
  readonly turns: (() => void)[] = []
  readonly account = new MemoryAccount('messages')
  readonly hub = new Hub((run) => this.turns.push(run), this.account)
  readonly log = new SlowLog()
  readonly heard: string[] = []
  readonly kernel = { hub: this.hub, pipeline: this.log, catalog: undefined as unknown as Catalog }

  listener(name: string): { deliver(message: Message, pattern: string | undefined): void } {
    return {
      deliver: ({ channel, payload }, pattern) => {
        const text = Buffer.from(payload).toString()
        this.heard.push(`${name}: ${pattern === undefined ? '' : `${pattern} `}${channel} ${text}`)
      },
    }
  }

  message(channel: string, text: string): Effect {
    return { message: { scope: 'a', channel, payload: Buffer.from(text) } }
  }

  publish(channel: string, text: string, sequence = 0): void {
    this.hub.committed([this.message(channel, text)], sequence, this.kernel)
  }
}

describe('patterns that do not fit', () => {
  it('are looked at in as many turns as that takes', () => {
    const world = new World()
    const channels = world.hub.channels('a')
    let looked = 0
    const fit = (units: number) => (): boolean => {
      looked++
      charge(units)
      return false
    }
    for (let i = 0; i < 5000; i++) channels.listenTo(`cheap ${i}`, fit(0), world.listener('ada'))
    world.publish('news', 'x')
    expect(looked).toBe(1000)
    for (let turn = world.turns.shift(); turn !== undefined; turn = world.turns.shift()) turn()
    expect(looked).toBe(5000)
  })

  it('take the longer the more has to be compared', () => {
    const world = new World()
    const channels = world.hub.channels('a')
    let looked = 0
    const fit = (): boolean => {
      looked++
      charge(4_000_000)
      return false
    }
    for (let i = 0; i < 100; i++) channels.listenTo(`dear ${i}`, fit, world.listener('ada'))
    expect(channels.mostLooks('x'.repeat(60_000))).toBeGreaterThan(10_000)
    world.publish('news', 'x')
    expect(looked).toBeLessThan(6)
    for (let turn = world.turns.shift(); turn !== undefined; turn = world.turns.shift()) turn()
    expect(looked).toBe(100)
  })
})

describe('a message', () => {
  it('reaches who listens to its channel, by name and by pattern, at once where nothing is to be waited for', () => {
    const world = new World()
    const channels = world.hub.channels('a')
    channels.listen('news', world.listener('ada'))
    channels.listenTo('n*', (channel) => channel.startsWith('n'), world.listener('bob'))
    world.hub.channels('b').listen('news', world.listener('of another scope'))
    world.publish('news', 'one')
    world.publish('nothing', 'two')
    world.publish('other', 'three')
    expect(world.heard).toEqual(['ada: news one', 'bob: n* news one', 'bob: n* nothing two'])
  })

  it('waits for what its transaction has written, and all behind it wait, too', () => {
    const world = new World()
    world.hub.channels('a').listen('news', world.listener('ada'))
    world.publish('news', 'one', 5)
    world.publish('news', 'two', 0)
    expect(world.heard).toEqual([])
    world.log.reach(4)
    expect(world.heard).toEqual([])
    world.log.reach(5)
    expect(world.heard).toEqual(['ada: news one', 'ada: news two'])
    expect(world.account.usedBytes).toBe(0)
  })

  it('is dropped with what the log has refused, and no other', () => {
    const world = new World()
    world.hub.channels('a').listen('news', world.listener('ada'))
    world.publish('news', 'one', 5)
    world.publish('news', 'two', 0)
    world.log.refuse()
    expect(world.heard).toEqual(['ada: news two'])
  })

  it('reaches nobody who began to listen after it, or listens no more', () => {
    const world = new World()
    const channels = world.hub.channels('a')
    const ada = world.listener('ada')
    channels.listen('news', ada)
    world.publish('news', 'one', 5)
    channels.listen('news', world.listener('late'))
    channels.listenTo('*', () => true, world.listener('late, too'))
    channels.leave('news', ada)
    world.log.reach(5)
    expect(world.heard).toEqual([])
    world.publish('news', 'two')
    expect(world.heard).toEqual(['late: news two', 'late, too: * news two'])
  })

  it('takes turns where very many listen, and the next one waits behind it', () => {
    const world = new World()
    const channels = world.hub.channels('a')
    for (let i = 0; i < 2500; i++) channels.listen('news', world.listener(`${i}`))
    world.publish('news', 'one')
    expect(world.heard.length).toBeGreaterThan(100)
    expect(world.heard.length).toBeLessThanOrEqual(1000)
    world.publish('news', 'two')
    expect(world.heard.length).toBeLessThanOrEqual(1000)
    let turns = 0
    for (; world.turns.length > 0; turns++) world.turns.shift()!()
    expect(turns).toBeGreaterThanOrEqual(4)
    expect(world.heard).toEqual([
      ...Array.from({ length: 2500 }, (_, i) => `${i}: news one`),
      ...Array.from({ length: 2500 }, (_, i) => `${i}: news two`),
    ])
  })

  it('that is published while one is delivered comes behind it', () => {
    const world = new World()
    const channels = world.hub.channels('a')
    const again = { deliver: () => world.publish('other', 'from within') }
    channels.listen('news', again)
    channels.listen('news', world.listener('ada'))
    channels.listen('other', world.listener('bob'))
    world.publish('news', 'one')
    expect(world.heard).toEqual(['ada: news one', 'bob: other from within'])
  })

  it('is charged while it waits, and who publishes more is asked to wait', async () => {
    const world = new World()
    world.hub.channels('a').listen('news', world.listener('ada'))
    world.publish('news', 'x'.repeat(3_000_000), 5)
    expect(world.account.usedBytes).toBeGreaterThan(3_000_000)
    expect(world.hub.room).toBeUndefined()
    world.publish('news', 'x'.repeat(3_000_000), 6)
    let hasRoom = false
    const room = world.hub.room!.then(() => (hasRoom = true))
    await Promise.resolve()
    expect(hasRoom).toBe(false)
    world.log.reach(6)
    while (world.turns.length > 0) world.turns.shift()!()
    await room
    expect(world.account.usedBytes).toBe(0)
  })
})

describe('an observer', () => {
  it('hears of what commits touch, some each turn', () => {
    const world = new World()
    const seen: number[] = []
    const observer = { touched: ({ touches }: Touched) => void seen.push(touches.length) }
    expect(world.hub.observes).toBe(false)
    world.hub.observe(observer)
    expect(world.hub.observes).toBe(true)
    const touch = { keyspace: 16, key: undefined, change: 'written', kind: 1, isNew: false, sessionId: 1 } as const
    const effects = Array.from({ length: 2500 }, () => ({ touch: { ...touch, isNamed: false } }))
    world.hub.committed(effects, 7, world.kernel)
    expect(seen).toEqual([1000])
    while (world.turns.length > 0) world.turns.shift()!()
    expect(seen).toEqual([1000, 1000, 500])
    world.hub.ignore(observer)
    expect(world.hub.observes).toBe(false)
  })
})
