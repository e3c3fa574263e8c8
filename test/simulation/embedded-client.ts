/**
 * A client inside of the server's process, as the embedded API is: sessions, statements, transactions, joined parties.
 * It dies with the server.
 */
import { PolylogError } from '../../src/base/errors.ts'
import type { Isolation, StatementSteps, Transaction } from '../../src/database/contract.ts'
import { inPlace } from '../../src/database/transaction/wait.ts'
import type { Database } from '../../src/database/database.ts'
import type { KernelTransaction } from '../../src/database/transaction/transaction.ts'
import type { Host } from '../../src/host/host.ts'
import type { SeededRandom } from '../../src/host/simulated/random.ts'
import type { Durability } from '../../src/log/commit-log.ts'
import type { Session } from '../../src/session/contract.ts'
import type { Sessions } from '../../src/session/sessions.ts'
import { runSql } from '../../src/library/sql.ts'
import { changeOfTable, schemaChanges } from './clients/churn.ts'
import type { Oracle } from './oracle.ts'
import { recordReads, type Shadow } from './shadow.ts'
import {
  accounts,
  bookTransfer,
  increment,
  moveMoney,
  pairs,
  placeOrder,
  readString,
  scorePoints,
  setWorking,
  transferSteps,
  workingIn,
  writeString,
  type Transfer,
} from './shop.ts'
import { derivedViolations, violationsOf, type Violation } from './verify.ts'

export interface ClientParts {
  readonly name: string
  readonly host: Host
  readonly random: SeededRandom
  readonly oracle: Oracle
}

export interface EmbeddedParts extends ClientParts {
  /** The one that serves now. */
  readonly database: () => Database
  readonly sessions: Sessions
  readonly shadow: Shadow
  readonly report: (violation: Violation) => void
}

const isolations: readonly Isolation[] = ['read committed', 'repeatable read', 'serializable']

export class EmbeddedClient {
  readonly #parts: EmbeddedParts
  readonly #session: Session
  readonly #level: Durability

  constructor(parts: EmbeddedParts) {
    this.#parts = parts
    this.#level = pick(parts.random, ['synced', 'synced', 'synced', 'written', 'memory'] as const)
    this.#session = this.#open()
  }

  #open(): Session {
    const session = this.#parts.sessions.openSession({ user: 'simulation', door: 'embedded', durability: this.#level })
    session.durability = this.#level
    return session
  }

  /** Works until it is told to stop; what it does is decided by its own random numbers. */
  async work(goesOn: () => boolean): Promise<void> {
    const { random } = this.#parts
    while (goesOn()) {
      await this.#act(random.below(22))
      if (random.chance(0.7)) await this.#pause()
    }
  }

  #act(dice: number): Promise<void> {
    if (dice < 3) return this.#transferAtOnce()
    if (dice < 7) return this.#transferByStatements()
    if (dice < 8) return this.#transferJoined()
    if (dice < 10) return this.#increment()
    if (dice < 11) return this.#writeRegister()
    if (dice < 12) return this.#readSome()
    if (dice < 15) return this.#changeShift()
    if (dice < 16) return this.#inspect()
    if (dice < 18) return this.#lease()
    return this.#churn()
  }

  #pause(): Promise<void> {
    const { host, random } = this.#parts
    return new Promise((resolve) => void host.at(random.below(4), resolve))
  }

  /** The barrier of replies: resolves when what the session has seen is durable at its level. */
  #durable(session: Session): Promise<void> {
    return new Promise((resolve, reject) => {
      session.durabilityWatch.whenDurable(session.seen, this.#level, (error) =>
        error === undefined ? resolve() : reject(this.#heard(session, error)),
      )
    })
  }

  /** As a door that has told its client. */
  #heard(session: Session, error: PolylogError): PolylogError {
    session.forgetRefused()
    return error
  }

  #newTransfer(dice: string): Transfer {
    const { random, oracle, name } = this.#parts
    const source = random.below(accounts)
    const target = (source + 1 + random.below(accounts - 1)) % accounts
    const slot = random.chance(0.3) ? `slot ${random.below(12)}` : undefined
    oracle.note(`${name}: asks for ${oracle.transfers.size + 1} ${dice}`)
    return oracle.newTransfer(name, { source, target, amount: random.between(1, 50), slot }, this.#level)
  }

  /** What is certain of a failure, as a client may conclude from its code. */
  #failed(transfer: Transfer, error: unknown): void {
    if (!isAnswer(error)) throw error
    if (error.code === 'outcome_unknown')
      this.#parts.oracle.note(`${this.#parts.name}: transfer ${transfer.id} unknown`)
    else this.#parts.oracle.refused(transfer.id, error.code)
  }

  async #transferAtOnce(): Promise<void> {
    const { random, oracle } = this.#parts
    const transfer = this.#newTransfer('AtOnce')
    const isSlow = random.chance(0.4)
    const steps = shuffled(random, transferSteps)
    const statement = function* (tx: Transaction): StatementSteps<void> {
      for (const step of steps) {
        yield* inPlace(tx, () => step(tx, transfer))
        if (isSlow) yield undefined
      }
    }
    try {
      await this.#session.run(statement)
      await this.#durable(this.#session)
      oracle.acknowledged(transfer.id, this.#level)
    } catch (error) {
      this.#failed(transfer, error)
    }
  }

  async #transferByStatements(): Promise<void> {
    const { random } = this.#parts
    const transfer = this.#newTransfer('ByStatements')
    const session = this.#session
    try {
      session.begin({ isolation: pick(random, isolations) })
      for (const step of shuffled(random, transferSteps)) {
        if (random.chance(0.15)) {
          await session.savepoint('s')
          await session.run((tx) => step(tx, transfer))
          await session.rollbackTo('s')
        }
        await session.run((tx) => step(tx, transfer))
        if (random.chance(0.5)) await this.#pause()
      }
      await this.#decide(session, transfer)
    } catch (error) {
      await this.#giveUp(session)
      this.#failed(transfer, error)
    }
  }

  async #decide(session: Session, transfer: Transfer): Promise<void> {
    const { random, oracle } = this.#parts
    if (random.chance(0.1)) {
      await session.rollback()
      oracle.refused(transfer.id, 'rolled back')
      return
    }
    const outcome = await session.commit()
    if (outcome === 'aborted') {
      oracle.refused(transfer.id, 'aborted')
      return
    }
    await this.#durable(session)
    oracle.acknowledged(transfer.id, this.#level)
  }

  async #giveUp(session: Session): Promise<void> {
    if (session.status === 'none') return
    try {
      if (session.joined) await session.leave()
      else await session.rollback()
    } catch (error) {
      if (!isAnswer(error)) throw error
    }
  }

  /** Two sessions in one transaction, as two doors are. */
  async #transferJoined(): Promise<void> {
    const { random } = this.#parts
    const transfer = this.#newTransfer('Joined')
    const session = this.#session
    let other: Session | undefined
    try {
      other = this.#open()
      const joined = other
      session.begin()
      joined.join(session.token())
      const work = shuffled(random, [moveMoney, bookTransfer, placeOrder, scorePoints])
      await Promise.all(work.map(async (step) => pick(random, [session, joined]).run((tx) => step(tx, transfer))))
      if (random.chance(0.2)) joined.close()
      await this.#decide(session, transfer)
    } catch (error) {
      await this.#giveUp(session)
      this.#failed(transfer, error)
    } finally {
      other?.close()
    }
  }

  async #increment(): Promise<void> {
    const { oracle } = this.#parts
    oracle.incrementAsked()
    try {
      const value = await this.#session.run(increment)
      await this.#durable(this.#session)
      oracle.incrementAcknowledged(this.#level)
      if (this.#level === 'synced') oracle.counterSeen(value)
    } catch (error) {
      if (!isAnswer(error)) throw error
      if (error.code !== 'outcome_unknown') oracle.incrementRefused()
    }
  }

  async #writeRegister(): Promise<void> {
    const { oracle, name } = this.#parts
    const register = oracle.register(`register:${name}`)
    const value = ++register.sent
    try {
      await this.#session.run((tx) => writeString(tx, `register:${name}`, String(value)))
      await this.#durable(this.#session)
      register.acknowledged[this.#level] = value
    } catch (error) {
      if (!isAnswer(error)) throw error
    }
  }

  async #readSome(): Promise<void> {
    const { oracle, random } = this.#parts
    const names = ['counter', ...oracle.registers.keys()]
    const name = pick(random, names)
    try {
      const value = Number((await this.#session.run((tx) => readString(tx, name), { readOnly: true })) ?? 0)
      await this.#durable(this.#session)
      if (this.#level !== 'synced') return
      if (name === 'counter') oracle.counterSeen(value)
      else oracle.register(name).observed = Math.max(oracle.register(name).observed, value)
    } catch (error) {
      if (!isAnswer(error)) throw error
    }
  }

  /** Who works asks whether another does before stopping: only serializable transactions may decide that. */
  async #changeShift(): Promise<void> {
    const { random, shadow, name } = this.#parts
    const session = this.#session
    const id = random.below(pairs * 2)
    let observations: ReturnType<typeof recordReads> = []
    try {
      session.begin({ isolation: 'serializable' })
      const working = await session.run((tx) => {
        observations = recordReads(tx as KernelTransaction)
        return workingIn(tx, id >> 1)
      })
      if (random.chance(0.6)) await this.#pause()
      await session.run((tx) => setWorking(tx, id, working < 2))
      if ((await session.commit()) !== 'committed') return
      const sequence = session.seen
      // What a database that steps down takes back was nothing, and another transaction gets its sequence.
      session.durabilityWatch.whenDurable(sequence, 'synced', (error) => {
        if (error === undefined) shadow.committed(sequence, name, observations)
      })
    } catch (error) {
      await this.#giveUp(session)
      if (!isAnswer(error)) throw error
    }
  }

  /** The same as clients on other machines do, faster than they can: nobody keeps count of it either. */
  async #churn(): Promise<void> {
    const { random } = this.#parts
    const session = this.#session
    const query = (text: string): Promise<unknown> => runSql(this.#parts.host, session, text, [])
    try {
      session.begin({ isolation: pick(random, isolations) })
      await query(changeOfTable(random))
      for (let steps = random.below(3); steps > 0; steps--) {
        await session.savepoint('s')
        await query(random.chance(0.2) ? pick(random, schemaChanges) : changeOfTable(random))
        if (random.chance(0.5)) await session.rollbackTo('s')
        await query(changeOfTable(random))
        if (random.chance(0.3)) await this.#pause()
      }
      if (random.chance(0.1)) await session.rollback()
      else await session.commit()
    } catch (error) {
      await this.#giveUp(session)
      if (!isAnswer(error)) throw error
    }
  }

  /**
   * A key of its own that lives for a few milliseconds, up to and with the last of them: it is there for as long as it
   * must be, and for no longer, whether somebody reclaims it meanwhile or not.
   */
  async #lease(): Promise<void> {
    const { report, name, random } = this.#parts
    const { returns } = this.#parts.database()
    const key = `lease:${name}`
    try {
      const lastMs = await this.#session.run((tx) => {
        const until = Math.ceil(tx.timeMs) + random.below(6)
        writeString(tx, key, String(until), BigInt(until))
        return until
      })
      for (let looks = 0; looks < 6; looks++) {
        const [found, timeMs] = await this.#session.run((tx) => [readString(tx, key), tx.timeMs])
        const isThere = found === String(lastMs)
        const database = this.#parts.database()
        if (database.returns !== returns || database.pipeline.failure !== undefined) return
        if (isThere !== timeMs <= lastMs) {
          report({ invariant: 'expiry', message: `${key} lives until ${lastMs}, and is ${found} at ${timeMs}` })
        }
        await this.#pause()
      }
    } catch (error) {
      if (!isAnswer(error)) throw error
    }
  }

  /** One snapshot, looked at while others write: everything in it must fit together. */
  async #inspect(): Promise<void> {
    const { report, random } = this.#parts
    const session = this.#session
    try {
      session.begin({ isolation: pick(random, ['repeatable read', 'serializable'] as const), readOnly: true })
      await session.run((tx) => readString(tx, 'counter'))
      await this.#pause()
      for (const violation of await session.run(violationsOf)) report(violation)
      for (const violation of await session.run(derivedViolations)) report(violation)
      await session.commit()
    } catch (error) {
      await this.#giveUp(session)
      if (!isAnswer(error)) throw error
    }
  }
}

/** What a client may be told; an internal error is never one. */
function isAnswer(error: unknown): error is PolylogError {
  return error instanceof PolylogError && error.code !== 'internal'
}

function pick<T>(random: SeededRandom, from: readonly T[]): T {
  return from[random.below(from.length)]!
}

function shuffled<T>(random: SeededRandom, list: readonly T[]): T[] {
  const result = [...list]
  for (let i = result.length - 1; i > 0; i--) {
    const j = random.below(i + 1)
    const moved = result[i]!
    result[i] = result[j]!
    result[j] = moved
  }
  return result
}
