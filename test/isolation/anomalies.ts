/**
 * The anomalies, each as a schedule of steps in the order in which they are asked for: Adya's (PhD thesis, 1999) and, of a transaction that
 * only reads, that of Fekete, O'Neil and O'Neil (SIGMOD Record, 2004). What is found is whether it happened, and if not, why not.
 */
import type { AllDoors } from '../../src/server/testing.ts'
import { type Manner, type Party, resetAccounts } from './parties.ts'

/** Else `waits`: a step had to wait for another party; `fails`: one ended with an error; `no`: neither. */
export type Finding = 'happens' | 'waits' | 'fails' | 'no'

export interface Anomaly {
  readonly name: string
  /** What is meant, in a line. */
  readonly meaning: string
  /** On each of the two accounts at first. */
  readonly amount: number
  run(schedule: Schedule): Promise<boolean>
}

type Name = 'a' | 'b' | 'c'

/** Steps of parties: each party's in order, and none before those that were asked for earlier are answered, or wait. */
export class Schedule {
  readonly #doors: AllDoors
  readonly #parties: Readonly<Record<Name, Party>>
  readonly #tails = new Map<Name, Promise<unknown>>()
  readonly #failed = new Set<Name>()
  hasWaited = false

  constructor(doors: AllDoors, parties: Readonly<Record<Name, Party>>) {
    this.#doors = doors
    this.#parties = parties
  }

  get hasFailed(): boolean {
    return this.#failed.size > 0
  }

  hasCommitted(name: Name): boolean {
    return !this.#failed.has(name)
  }

  /** What it answers, once it does; `undefined` of a party that has failed. */
  async do<T>(name: Name, step: (party: Party) => Promise<T>): Promise<{ readonly answer: Promise<T | undefined> }> {
    const before = this.#tails.get(name) ?? Promise.resolve()
    const state = { isAnswered: false }
    const answer = before.then(async () => {
      try {
        return this.#failed.has(name) ? undefined : await step(this.#parties[name])
      } catch {
        this.#failed.add(name)
        await this.#parties[name].rollback().catch(() => undefined)
        return undefined
      }
    })
    this.#tails.set(
      name,
      answer.then(() => (state.isAnswered = true)),
    )
    while (!state.isAnswered && !this.#isWaiting) await new Promise<void>((resolve) => setImmediate(resolve))
    if (!state.isAnswered) this.hasWaited = true
    return { answer }
  }

  get #isWaiting(): boolean {
    return this.#doors.parts.database.locks.waitRows().length > 0
  }

  /** All steps are answered. */
  async end(): Promise<void> {
    await Promise.all(this.#tails.values())
  }
}

const begin = (party: Party): Promise<void> => party.begin()
const commit = (party: Party): Promise<void> => party.commit()
const get =
  (id: number) =>
  (party: Party): Promise<number> =>
    party.get(id)
const put =
  (id: number, amount: number) =>
  (party: Party): Promise<void> =>
    party.put(id, amount)

async function bothBegin(schedule: Schedule): Promise<void> {
  await schedule.do('a', begin)
  await schedule.do('b', begin)
}

/** What is on both accounts in the end, read in a transaction of its own. */
async function inTheEnd(schedule: Schedule): Promise<[number, number]> {
  await schedule.end()
  await schedule.do('c', begin)
  const [first, second] = [await schedule.do('c', get(1)), await schedule.do('c', get(2))]
  await schedule.do('c', commit)
  return [(await first.answer)!, (await second.answer)!]
}

export const anomalies: readonly Anomaly[] = [
  {
    name: 'dirty write',
    meaning: 'two overwrite each other before either has committed',
    amount: 0,
    async run(schedule) {
      await bothBegin(schedule)
      await schedule.do('a', put(1, 1))
      await schedule.do('b', put(1, 2))
      await schedule.do('a', put(2, 1))
      await schedule.do('a', commit)
      await schedule.do('b', put(2, 2))
      await schedule.do('b', commit)
      const [first, second] = await inTheEnd(schedule)
      return first !== second
    },
  },
  {
    name: 'dirty read',
    meaning: 'what one has written is read before it is committed, and then taken back',
    amount: 50,
    async run(schedule) {
      await bothBegin(schedule)
      await schedule.do('a', put(1, 101))
      const { answer } = await schedule.do('b', get(1))
      await schedule.do('a', (party) => party.rollback())
      await schedule.do('b', commit)
      await schedule.end()
      return (await answer) === 101
    },
  },
  {
    name: 'lost update',
    meaning: 'two read the same value, and each writes what it makes of it',
    amount: 50,
    async run(schedule) {
      await bothBegin(schedule)
      const first = await (await schedule.do('a', get(1))).answer
      const second = await (await schedule.do('b', get(1))).answer
      await schedule.do('a', put(1, first! + 10))
      await schedule.do('b', put(1, second! + 20))
      await schedule.do('a', commit)
      await schedule.do('b', commit)
      const [left] = await inTheEnd(schedule)
      return schedule.hasCommitted('a') && schedule.hasCommitted('b') && left !== 80
    },
  },
  {
    name: 'non-repeatable read',
    meaning: 'the same is read twice, and is another the second time',
    amount: 50,
    async run(schedule) {
      await bothBegin(schedule)
      const first = await schedule.do('a', get(1))
      await schedule.do('b', put(1, 60))
      await schedule.do('b', commit)
      const second = await schedule.do('a', get(1))
      await schedule.do('a', commit)
      await schedule.end()
      return schedule.hasCommitted('a') && (await first.answer) !== (await second.answer)
    },
  },
  {
    name: 'read skew',
    meaning: 'of two values that belong together one is read before, the other after a change of both',
    amount: 50,
    async run(schedule) {
      await bothBegin(schedule)
      const first = await schedule.do('a', get(1))
      await schedule.do('b', put(1, 25))
      await schedule.do('b', put(2, 75))
      await schedule.do('b', commit)
      const second = await schedule.do('a', get(2))
      await schedule.do('a', commit)
      await schedule.end()
      return schedule.hasCommitted('a') && (await first.answer)! + (await second.answer)! !== 100
    },
  },
  {
    name: 'write skew',
    meaning: 'two read both values, and each changes the one that the other does not',
    amount: 50,
    async run(schedule) {
      await bothBegin(schedule)
      for (const name of ['a', 'b'] as const) for (const id of [1, 2]) await schedule.do(name, get(id))
      await schedule.do('a', put(1, -40))
      await schedule.do('b', put(2, -40))
      await schedule.do('a', commit)
      await schedule.do('b', commit)
      const [first, second] = await inTheEnd(schedule)
      return first + second < 0
    },
  },
  {
    name: 'phantom',
    meaning: 'the same condition is asked twice, and finds more the second time',
    amount: 50,
    async run(schedule) {
      await bothBegin(schedule)
      const first = await schedule.do('a', (party) => party.count())
      await schedule.do('b', (party) => party.insert(100))
      await schedule.do('b', commit)
      const second = await schedule.do('a', (party) => party.count())
      await schedule.do('a', commit)
      await schedule.end()
      return schedule.hasCommitted('a') && (await first.answer) !== (await second.answer)
    },
  },
  {
    name: 'read-only anomaly',
    meaning: 'one that only reads sees a state that no order of the writers explains',
    amount: 0,
    async run(schedule) {
      await bothBegin(schedule)
      for (const id of [1, 2]) await schedule.do('a', get(id))
      await schedule.do('b', get(2))
      await schedule.do('b', put(2, 20))
      await schedule.do('b', commit)
      await schedule.do('c', begin)
      const seen = [await schedule.do('c', get(1)), await schedule.do('c', get(2))]
      await schedule.do('c', commit)
      // With nothing on both, taking 10 costs one more.
      await schedule.do('a', put(1, -11))
      await schedule.do('a', commit)
      await schedule.end()
      const [first, second] = await Promise.all(seen.map(({ answer }) => answer))
      return schedule.hasCommitted('a') && schedule.hasCommitted('c') && first === 0 && second === 20
    },
  },
]

export async function tryAnomaly(doors: AllDoors, manner: Manner, anomaly: Anomaly): Promise<Finding> {
  await resetAccounts(doors, anomaly.amount)
  const parties = { a: await manner.open(doors), b: await manner.open(doors), c: await manner.open(doors) }
  try {
    const schedule = new Schedule(doors, parties)
    if (await anomaly.run(schedule)) return 'happens'
    if (schedule.hasFailed) return 'fails'
    return schedule.hasWaited ? 'waits' : 'no'
  } finally {
    for (const party of Object.values(parties)) await party.close()
  }
}
