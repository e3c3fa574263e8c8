/** A table as a queue of jobs, by FOR UPDATE SKIP LOCKED: many workers, each with a block of its own, and each job is given to one of them. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { query, type TestClient, TestDoor } from './testing.ts'

const workers = 64
const jobs = 300

let door: TestDoor

beforeEach(async () => {
  door = await TestDoor.open()
})
afterEach(() => door.close())

const connect = (): Promise<TestClient> => door.connect()

/** The values of its rows; throws what it answers as an error. */
async function ask(client: TestClient, text: string): Promise<string[]> {
  client.send(query(text))
  const lines = await client.awaitAnswers()
  const error = lines.find((line) => line.startsWith('E '))
  if (error !== undefined) throw new Error(error)
  return lines.filter((line) => line.startsWith('D ')).map((line) => line.slice(2))
}

class Queue {
  readonly done: number[] = []
  readonly givenUp: number[] = []
  /** Blocks that hold a job. */
  #holding = 0
  mostHolding = 0

  /** Takes jobs until there are none that nobody has. */
  async work(client: TestClient, number: number): Promise<void> {
    for (let round = 0; ; round++) {
      await ask(client, 'BEGIN')
      const [job] = await ask(client, 'SELECT id FROM job ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED')
      if (job === undefined) {
        await ask(client, 'COMMIT')
        return
      }
      this.mostHolding = Math.max(this.mostHolding, ++this.#holding)
      // Some give a job back: somebody else gets it.
      const givesUp = number % 8 === 0 && round === 1
      if (!givesUp) await ask(client, `DELETE FROM job WHERE id = ${job}`)
      await ask(client, givesUp ? 'ROLLBACK' : 'COMMIT')
      this.#holding--
      if (givesUp) this.givenUp.push(Number(job))
      else this.done.push(Number(job))
    }
  }
}

test(`of ${workers} workers each job is done by one, and none is left`, { timeout: 120_000 }, async () => {
  const first = await connect()
  await ask(first, 'CREATE TABLE job (id int PRIMARY KEY)')
  await ask(first, `INSERT INTO job SELECT generate_series(1, ${jobs})`)
  const queue = new Queue()
  const clients = await Promise.all(Array.from({ length: workers }, connect))
  await Promise.all(clients.map((client, number) => queue.work(client, number)))
  // Who had given one back may have been the last to look.
  await queue.work(first, 1)
  expect(queue.done.toSorted((a, b) => a - b)).toEqual(Array.from({ length: jobs }, (_, i) => i + 1))
  expect(queue.givenUp.length).toBeGreaterThan(4)
  expect(queue.mostHolding).toBeGreaterThan(workers / 4)
  expect(door.opened.database.locks.isEmpty).toBe(true)
  expect(door.opened.database.locks.waits).toBe(0)
})

test('who waits for a row gets it in the order in which he came', async () => {
  const holder = await connect()
  await ask(holder, 'CREATE TABLE counter (n int)')
  await ask(holder, 'INSERT INTO counter VALUES (0)')
  await ask(holder, 'BEGIN; UPDATE counter SET n = n + 1')
  /** By who came as which: what it has made of the counter. */
  const counted: number[] = []
  const waiting: Promise<void>[] = []
  for (let number = 0; number < 20; number++) {
    const client = await connect()
    const before = door.opened.database.locks.waits
    const counting = ask(client, 'UPDATE counter SET n = n + 1 RETURNING n')
    waiting.push(counting.then(([n]) => void (counted[number] = Number(n))))
    while (door.opened.database.locks.waits === before) await new Promise<void>((resolve) => setImmediate(resolve))
  }
  await ask(holder, 'COMMIT')
  await Promise.all(waiting)
  expect(await ask(holder, 'SELECT n FROM counter')).toEqual(['21'])
  expect(counted).toEqual(Array.from({ length: 20 }, (_, i) => i + 2))
})
