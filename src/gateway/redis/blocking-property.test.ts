/**
 * Random pushes, pops and waits of several clients, against a model of a few lines: every reply of everybody, at every step.
 * So no item is lost, doubled, or given to one who has waited less long.
 */
import { expect, it } from 'vitest'
import { SeededRandom } from '../../host/simulated/random.ts'
import { encodeCommand, openTestServer, renderReply, type TestClient } from './testing.ts'

const keys = ['a', 'b', 'c'] as const
type Key = (typeof keys)[number]

interface Waiting {
  readonly client: number
  readonly keys: readonly Key[]
  readonly fromHead: boolean
  /** Of BLMOVE. */
  readonly to?: Key
}

/** Redis as its documentation tells it. */
class Model {
  readonly lists = new Map<Key, string[]>()
  readonly waiting: Waiting[] = []
  readonly replies: string[][]
  #ready: Key[] = []

  constructor(clients: number) {
    this.replies = Array.from({ length: clients }, () => [])
  }

  push(client: number, key: Key, items: readonly string[]): void {
    this.#add(key, items)
    this.replies[client]!.push(`:${this.lists.get(key)!.length}`)
  }

  #add(key: Key, items: readonly string[]): void {
    const list = this.lists.get(key)
    if (list === undefined) {
      this.lists.set(key, [...items])
      if (!this.#ready.includes(key)) this.#ready.push(key)
    } else list.push(...items)
  }

  /** MULTI, pushes to several, EXEC. */
  pushAll(client: number, pushes: readonly (readonly [Key, string])[]): void {
    this.replies[client]!.push('+OK', ...pushes.map(() => '+QUEUED'))
    const counts = pushes.map(([key, item]) => {
      this.#add(key, [item])
      return `:${this.lists.get(key)!.length}`
    })
    this.replies[client]!.push(`[${counts.join(' ')}]`)
    this.settle()
  }

  remove(client: number, key: Key): void {
    this.replies[client]!.push(this.lists.delete(key) ? ':1' : ':0')
  }

  ask(waiting: Waiting): void {
    const key = waiting.keys.find((each) => this.lists.has(each))
    if (key === undefined) this.waiting.push(waiting)
    else this.#serve(waiting, key)
  }

  #serve({ client, fromHead, to }: Waiting, key: Key): void {
    const list = this.lists.get(key)!
    const item = fromHead ? list.shift()! : list.pop()!
    if (list.length === 0) this.lists.delete(key)
    if (to !== undefined) this.#add(to, [item])
    const text = JSON.stringify(item)
    this.replies[client]!.push(to === undefined ? `["${key}" ${text}]` : text)
  }

  leave(client: number): boolean {
    const at = this.waiting.findIndex((each) => each.client === client)
    if (at >= 0) this.waiting.splice(at, 1)
    return at >= 0
  }

  /** Behind each command. */
  settle(): void {
    for (let key = this.#ready.shift(); key !== undefined; key = this.#ready.shift()) this.#serveAll(key)
  }

  #serveAll(key: Key): void {
    for (const one of this.waiting.filter((each) => each.keys.includes(key))) {
      if (!this.lists.has(key)) return
      this.leave(one.client)
      this.#serve(one, key)
    }
  }
}

class Program {
  readonly model: Model
  readonly clients: TestClient[]
  readonly #random: SeededRandom
  #items = 0

  constructor(clients: TestClient[], seed: number) {
    this.clients = clients
    this.model = new Model(clients.length)
    this.#random = new SeededRandom(seed)
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#random.between(0, from.length - 1)]!
  }

  #item(): string {
    return `i${this.#items++}`
  }

  /** Of one that does not wait. */
  step(): void {
    const { model } = this
    const free = this.clients.map((_, at) => at).filter((at) => !model.waiting.some(({ client }) => client === at))
    const client = this.#pick(free)
    const what =
      free.length === 1 ? 'push' : this.#pick(['push', 'push', 'pop', 'pop', 'move', 'multi', 'del', 'unblock'])
    const key = this.#pick(keys)
    if (what === 'push') {
      const items = Array.from({ length: this.#random.between(1, 3) }, () => this.#item())
      model.push(client, key, items)
      this.#send(client, 'RPUSH', key, ...items)
    } else if (what === 'pop') {
      const asked = Array.from({ length: this.#random.between(1, 3) }, () => this.#pick(keys))
      const fromHead = this.#random.chance(0.5)
      model.ask({ client, keys: asked, fromHead })
      this.#send(client, fromHead ? 'BLPOP' : 'BRPOP', ...asked, '0')
    } else if (what === 'move') {
      const to = this.#pick(keys)
      model.ask({ client, keys: [key], fromHead: true, to })
      this.#send(client, 'BLMOVE', key, to, 'LEFT', 'RIGHT', '0')
    } else if (what === 'multi') {
      const pushes = Array.from({ length: 3 }, () => [this.#pick(keys), this.#item()] as const)
      model.pushAll(client, pushes)
      this.#send(client, 'MULTI')
      for (const [each, item] of pushes) this.#send(client, 'RPUSH', each, item)
      this.#send(client, 'EXEC')
    } else if (what === 'del') {
      model.remove(client, key)
      this.#send(client, 'DEL', key)
    } else this.#unblock(client)
    model.settle()
  }

  #unblock(client: number): void {
    const other = this.#random.between(0, this.clients.length - 1)
    const isWaiting = other !== client && this.model.leave(other)
    if (isWaiting) this.model.replies[other]!.push('(null array)')
    this.model.replies[client]!.push(isWaiting ? ':1' : ':0')
    this.#send(client, 'CLIENT', 'UNBLOCK', `${other + 1}`)
  }

  #send(client: number, ...args: string[]): void {
    this.clients[client]!.sendBytes(encodeCommand(args))
  }
}

/** All that a client has been answered. */
function repliesOf({ socket }: TestClient): string[] {
  const found: string[] = []
  for (let at = 0; ;) {
    const reply = renderReply(socket.received, at)
    if (reply === undefined) return found
    found.push(reply.text)
    at = reply.end
  }
}

it('everybody is answered as by the model', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const server = await openTestServer()
    const clients = Array.from({ length: 7 }, () => server.connect())
    const program = new Program(clients, seed)
    for (let step = 0; step < 60; step++) {
      program.step()
      // Replies leave when what they tell is durable, in a later turn, and pages may have to come first.
      const isAnswered = (): boolean =>
        clients.every((each, at) => repliesOf(each).length === program.model.replies[at]!.length)
      for (let turns = 0; turns < 4 || (turns < 200 && !isAnswered()); turns++) {
        await new Promise((resolve) => server.database.host.turn(() => resolve(undefined)))
      }
    }
    await clients[0]!.isWaiting()
    expect({ seed, replies: clients.map(repliesOf) }).toEqual({ seed, replies: program.model.replies })
    await server.close()
  }
})
