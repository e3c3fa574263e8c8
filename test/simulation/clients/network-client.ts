/**
 * A client on a machine of its own, which speaks the real bytes of all three doors, alone and in one transaction. It
 * outlives the server, connects again, and tells the oracle what it was told.
 */
import { Binary, Long, type Document } from 'bson'
import type { SimulatedProcess } from '../../../src/host/simulated/simulated-process.ts'
import type { SeededRandom } from '../../../src/host/simulated/random.ts'
import { NetworkError } from '../../../src/host/host.ts'
import type { Oracle } from '../oracle.ts'
import { accounts, noteOf } from '../shop.ts'
import { churn, type Doors } from './churn.ts'
import { Connection, Lost } from './connection.ts'
import { decodeMessage, encodeMessage } from './op-msg.ts'
import { decodePgReply, encodePages, encodeQuery, encodeStartup, type PgReply } from './pg-protocol.ts'
import { decodeReply, encodeCommand, RedisError, type RespReply } from './resp.ts'

export const serverAddress = { host: 'server', port: 7654 }

/** An error reply whose statement has certainly not happened. */
class Refused extends Error {
  override readonly name = 'Refused'
}

export class NetworkClient {
  readonly #process: SimulatedProcess
  readonly #random: SeededRandom
  readonly #oracle: Oracle
  readonly #name: string
  readonly #lsid: Document
  #redis: Connection<RespReply> | undefined
  #mongo: Connection<Document> | undefined
  #pg: Connection<PgReply> | undefined
  #lastNumber = 0
  #lastTransaction = 0

  constructor(process: SimulatedProcess, random: SeededRandom, oracle: Oracle) {
    this.#process = process
    this.#random = random
    this.#oracle = oracle
    this.#name = process.name
    const id = Buffer.alloc(16)
    random.fill(id)
    this.#lsid = { id: new Binary(id, Binary.SUBTYPE_UUID) }
  }

  async work(): Promise<never> {
    for (;;) {
      try {
        await this.#connect()
        await this.#act(this.#random.below(14))
      } catch (error) {
        if (!(error instanceof Lost || error instanceof NetworkError || error instanceof Refused)) throw error
        await this.#pause(8)
      }
      await this.#pause(4)
    }
  }

  /** Before anything is asked for, and never in the middle: a half of a transaction must not go on elsewhere. */
  async #connect(): Promise<void> {
    const host = this.#process
    if (this.#redis?.isOpen !== true) this.#redis = await Connection.open(host, serverAddress, decodeReply)
    if (this.#mongo?.isOpen !== true) this.#mongo = await Connection.open(host, serverAddress, decodeMessage)
    if (this.#pg?.isOpen === true) return
    this.#pg = await Connection.open(host, serverAddress, decodePgReply)
    await this.#pg.request(encodeStartup('simulation', 'polylog'))
  }

  #act(dice: number): Promise<void> {
    if (dice < 2) return this.#increment()
    if (dice < 4) return this.#writeRegister()
    if (dice < 5) return this.#readRegister()
    if (dice < 6) return this.#buyTicket()
    if (dice < 7) return this.#visit()
    if (dice < 11) return this.#churn()
    return this.#transfer()
  }

  #pause(longestMs: number): Promise<void> {
    return new Promise((resolve) => void this.#process.at(this.#random.below(longestMs), resolve))
  }

  /** Where something of a transaction fails, the rest must not go on alone. */
  async #churn(): Promise<void> {
    const doors: Doors = {
      query: (sql) => this.#query(sql),
      page: (sql, limit, times) => this.#pg!.request(encodePages(sql, limit, times)),
      command: (...words) => this.#command(...words),
      send: (command) => this.#send(command),
    }
    try {
      await churn(doors, this.#random)
    } catch (error) {
      this.#pg?.close()
      this.#redis?.close()
      throw error
    }
  }

  // ---- Redis

  async #command(...words: readonly (string | number)[]): Promise<RespReply> {
    return certain(await this.#redis!.request(encodeCommand(...words)))
  }

  async #increment(): Promise<void> {
    const { epoch } = this.#oracle
    this.#oracle.incrementAsked()
    try {
      const value = (await this.#command('INCR', 'counter')) as number
      if (epoch === this.#oracle.epoch) this.#oracle.incrementAcknowledged('synced')
      this.#oracle.counterSeen(value)
    } catch (error) {
      if (isCertain(error) && epoch === this.#oracle.epoch) this.#oracle.incrementRefused()
      throw error
    }
  }

  async #writeRegister(): Promise<void> {
    const name = `register:${this.#name}`
    const register = this.#oracle.register(name)
    const value = ++register.sent
    await this.#command('SET', name, value)
    register.acknowledged.synced = Math.max(register.acknowledged.synced, value)
  }

  async #readRegister(): Promise<void> {
    const names = [...this.#oracle.registers.keys()]
    if (names.length === 0) return
    const name = names[this.#random.below(names.length)]!
    const value = Number((await this.#command('GET', name)) ?? 0)
    const register = this.#oracle.register(name)
    register.observed = Math.max(register.observed, value)
  }

  /** MULTI: a member of a set and the count of its members. */
  async #buyTicket(): Promise<void> {
    const mark = `ticket:${this.#name}:${++this.#lastNumber}`
    this.#oracle.markAsked(mark, this.#name)
    try {
      await this.#command('MULTI')
      await this.#command('SADD', 'tickets', mark)
      await this.#command('INCR', 'ticket-count')
      const replies = await this.#command('EXEC')
      if (!Array.isArray(replies) || replies.length !== 2) throw new Error(`EXEC answers ${JSON.stringify(replies)}`)
      this.#oracle.markAcknowledged(mark)
    } catch (error) {
      this.#failed(mark, error)
    }
  }

  #failed(mark: string, error: unknown): void {
    if (isCertain(error)) this.#oracle.markRefused(mark, String(error))
    // A half of a transaction may still be open there.
    this.#redis?.close()
    throw error
  }

  // ---- Redis and MongoDB in one transaction

  async #send(command: Document): Promise<Document> {
    const reply = await this.#mongo!.request(encodeMessage(++this.#lastNumber, command))
    if (reply['ok'] === 1) return reply
    const labels = (reply['errorLabels'] ?? []) as string[]
    const message = `${reply['code']} ${reply['errmsg']}`
    if (labels.includes('UnknownTransactionCommitResult')) throw new Lost(message)
    throw new Refused(message)
  }

  async #visit(): Promise<void> {
    const number = ++this.#lastNumber
    const mark = `visit:${this.#name}:${number}`
    const txnNumber = Long.fromNumber(++this.#lastTransaction)
    const inTransaction = { lsid: this.#lsid, txnNumber, autocommit: false, $db: 'shop' }
    this.#oracle.markAsked(mark, this.#name)
    try {
      await this.#command('POLYLOG.BEGIN')
      const token = await this.#command('POLYLOG.TOKEN')
      await this.#send({ polylogJoin: token, ...inTransaction, startTransaction: true })
      await this.#send({ insert: 'visits', documents: [{ _id: mark }], ...inTransaction })
      await this.#command('SADD', 'visits', mark)
      if (this.#random.chance(0.2)) return await this.#leave(mark, inTransaction)
      await this.#command('POLYLOG.COMMIT')
      this.#oracle.markAcknowledged(mark)
      await this.#send({ commitTransaction: 1, ...inTransaction, $db: 'admin' })
    } catch (error) {
      this.#failed(mark, error)
    }
  }

  // ---- a transfer through three doors

  async #query(sql: string): Promise<PgReply> {
    const reply = await this.#pg!.request(encodeQuery(sql))
    if (reply.error === undefined) return reply
    const message = `${reply.error.code} ${reply.error.message}`
    throw reply.error.code === '08007' ? new Lost(message) : new Refused(message)
  }

  async #transfer(): Promise<void> {
    const random = this.#random
    const source = random.below(accounts)
    const target = (source + 1 + random.below(accounts - 1)) % accounts
    const amount = random.between(1, 50)
    const { id } = this.#oracle.newTransfer(this.#name, { source, target, amount }, 'synced')
    const txnNumber = Long.fromNumber(++this.#lastTransaction)
    const inTransaction = { lsid: this.#lsid, txnNumber, autocommit: false, $db: 'shop' }
    const isolation = ['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'][random.below(3)]!
    try {
      await this.#query(`BEGIN ISOLATION LEVEL ${isolation}`)
      await this.#query(`UPDATE account SET balance = balance - ${amount} WHERE id = ${source}`)
      const { rows } = await this.#query('SELECT polylog_transaction_token()')
      const token = rows[0]![0]!
      await this.#command('POLYLOG.IN', token, 'ZINCRBY', 'leaderboard', amount, `customer:${source}`)
      await this.#command('POLYLOG.IN', token, 'ZINCRBY', 'audit', amount, id)
      await this.#send({ polylogJoin: token, ...inTransaction, startTransaction: true })
      const order = { _id: id, customer: source, amount, note: noteOf(id) }
      await this.#send({ insert: 'orders', documents: [order], ...inTransaction })
      await this.#query(`UPDATE account SET balance = balance + ${amount} WHERE id = ${target}`)
      await this.#query(`INSERT INTO ledger VALUES (${id}, ${source}, ${target}, ${amount})`)
      const { tag } = await this.#query(random.chance(0.1) ? 'ROLLBACK' : 'COMMIT')
      if (tag !== 'COMMIT') throw new Refused(tag)
      this.#oracle.acknowledged(id, 'synced')
      await this.#send({ commitTransaction: 1, ...inTransaction, $db: 'admin' })
    } catch (error) {
      if (isCertain(error) && this.#oracle.transfers.get(id)!.fate === 'asked') {
        this.#oracle.refused(id, (error as Error).message)
      }
      this.#pg?.close()
      throw error
    }
  }

  /** A party that does not begin may abort the whole, or simply go away. */
  async #leave(mark: string, inTransaction: Document): Promise<void> {
    if (this.#random.chance(0.5)) {
      await this.#send({ abortTransaction: 1, ...inTransaction, $db: 'admin' })
      this.#oracle.markRefused(mark, 'aborted by a party')
    } else {
      this.#oracle.markRefused(mark, 'left by its beginner')
    }
    this.#redis?.close()
  }
}

function certain(reply: RespReply): RespReply {
  if (!(reply instanceof RedisError)) return reply
  if (reply.message.startsWith('POLYLOGUNKNOWN')) throw new Lost(reply.message)
  throw new Refused(reply.message)
}

function isCertain(error: unknown): boolean {
  return error instanceof Refused
}
