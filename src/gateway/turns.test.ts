/** Who asks for little waits for those who ask for much by turns that are counted, never by a clock. */
import { expect, test } from 'vitest'
import { mostShortTurns, type Place, Turns } from './turns.ts'

/** A clock that only work moves, and turns that a test runs. */
class CountedHost {
  us = 0
  turns = 0
  #next: (() => void)[] = []

  monotonic(): number {
    return this.us
  }

  turn(run: () => void): void {
    this.#next.push(run)
  }

  runTurn(): void {
    this.turns++
    const due = this.#next
    this.#next = []
    for (const run of due) run()
  }
}

/** A client with so many requests of so many microseconds; it serves itself as a connection does. */
class Client {
  left: number
  readonly place: Place
  readonly #host: CountedHost
  readonly #requestUs: number
  /** Turns that had passed when its last request was carried out. */
  doneIn = -1

  constructor(host: CountedHost, turns: Turns, count: number, requestUs: number) {
    this.left = count
    this.#host = host
    this.#requestUs = requestUs
    this.place = turns.place(this)
  }

  arrive(): void {
    this.place.received(100)
    this.proceed()
  }

  proceed(): void {
    if (this.place.isWaiting) return
    if (!this.place.mayBegin) return this.place.wait()
    this.place.begin()
    while (this.left > 0) {
      this.#host.us += this.#requestUs
      if (--this.left === 0) this.doneIn = this.#host.turns
      if (this.place.isOver && this.left > 0) {
        this.place.wait()
        break
      }
    }
    this.place.end()
  }
}

function flooded(count: number): { host: CountedHost; turns: Turns; hostile: Client[] } {
  const host = new CountedHost()
  const turns = new Turns(host)
  const hostile = Array.from({ length: count }, () => new Client(host, turns, 10_000, 100))
  for (const client of hostile) client.arrive()
  return { host, turns, hostile }
}

test('one request is carried out in the turn after it came, however many others have much to do', () => {
  const { host, turns, hostile } = flooded(1000)
  for (let i = 0; i < 20; i++) host.runTurn()
  for (let i = 0; i < 50; i++) {
    const client = new Client(host, turns, 1, 30)
    client.arrive()
    const came = host.turns
    host.runTurn()
    expect(client.doneIn).toBeGreaterThanOrEqual(came)
    expect(client.doneIn).toBeLessThanOrEqual(came + 1)
  }
  expect(hostile.filter(({ left }) => left < 10_000).length).toBeGreaterThan(40)
})

test('who comes again and again stays ahead, also after it has met a collection of garbage', () => {
  const { host, turns } = flooded(50)
  for (let i = 0; i < 3000; i++) host.runTurn()
  const client = new Client(host, turns, 0, 50_000)
  for (let i = 0; i < 30; i++) {
    for (let turn = 0; turn < 5; turn++) host.runTurn()
    client.left = 1
    client.arrive()
    const came = host.turns
    host.runTurn()
    expect(client.left).toBe(0)
    expect(client.doneIn - came).toBeLessThanOrEqual(1)
  }
})

test('those who have much to do get it in equal shares', () => {
  const { host, hostile } = flooded(10)
  for (let i = 0; i < 400; i++) host.runTurn()
  // The first was served while nobody waited, and is ahead for that.
  const done = hostile.slice(1).map(({ left }) => 10_000 - left)
  expect(Math.max(...done) - Math.min(...done)).toBeLessThanOrEqual(2 * 16)
  expect(Math.min(...done)).toBeGreaterThan(200)
})

test('a turn has a budget, and at least one is served in it', () => {
  const host = new CountedHost()
  const turns = new Turns(host)
  const dear = Array.from({ length: 5 }, () => new Client(host, turns, 1, 1_000_000))
  for (const client of dear) client.arrive()
  expect(dear.map(({ left }) => left)).toEqual([0, 1, 1, 1, 1])
  host.runTurn()
  expect(dear.map(({ left }) => left)).toEqual([0, 0, 1, 1, 1])
})

test('while connections come, turns are short, and the queue is served all the same', () => {
  const { host, turns, hostile } = flooded(100)
  const before = hostile.reduce((sum, { left }) => sum + left, 0)
  for (let i = 0; i < mostShortTurns; i++) {
    turns.accepted()
    host.runTurn()
  }
  expect(hostile.reduce((sum, { left }) => sum + left, 0)).toBe(before)
  turns.accepted()
  host.runTurn()
  expect(hostile.reduce((sum, { left }) => sum + left, 0)).toBeLessThan(before)
})

test('nothing is counted where nobody waits', () => {
  const host = new CountedHost()
  const turns = new Turns(host, Infinity)
  const client = new Client(host, turns, 1_000_000, 10)
  client.arrive()
  expect(client.left).toBe(0)
  expect(client.place.hadUs).toBe(0)
  expect(turns.waiting).toBe(0)
})
