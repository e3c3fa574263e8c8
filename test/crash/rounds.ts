/**
 * Crash rounds: a real server process, real drivers, `kill -9` at a random moment, a restart on the same directory, and a
 * comparison: every acknowledged transfer is whole, every other is whole or absent, every refused one absent, and the
 * balances, the leaderboard and what indexes find follow from the ledger.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { SeededRandom } from '../../src/host/simulated/random.ts'
import { ServerProcess } from '../end-to-end/server-process.ts'
import { accounts, firstBalance, Teller, type Found, type Transfer } from './transfers.ts'

export interface RoundsOptions {
  readonly directory: string
  readonly seed: number
  readonly rounds: number
  readonly tellers?: number
  readonly shortestMs?: number
  readonly longestMs?: number
  /** The ledger, the orders and the Redis data lie in it, and some transfers are handed over at a time. */
  readonly engine?: string
  /** The directory is encrypted. */
  readonly encryptionKeyFile?: string
}

export interface RoundsResult {
  rounds: number
  transfers: number
  acknowledged: number
  /** Without an answer when the server died, and found whole afterwards. */
  survived: number
  /** Crashes that left a base store's next file unfinished. */
  cutShort: number
  readonly failures: string[]
}

/** Tests and tools run in the repository's root, wherever they lie themselves. */
function startServer({ directory, engine, encryptionKeyFile }: RoundsOptions): Promise<ServerProcess> {
  const binary = join(process.cwd(), 'dist', 'cli', 'polylog.js')
  const handOver = engine === undefined ? [] : ['--hand-over-size', '2kb']
  const key = encryptionKeyFile === undefined ? [] : ['--encryption-key-file', encryptionKeyFile]
  return ServerProcess.run([binary, 'serve', '--port', '0', '--data', directory, ...handOver, ...key], process.cwd())
}

export async function runRounds(options: RoundsOptions): Promise<RoundsResult> {
  const random = new SeededRandom(options.seed)
  const result: RoundsResult = { rounds: 0, transfers: 0, acknowledged: 0, survived: 0, cutShort: 0, failures: [] }
  const transfers = new Map<number, Transfer>()
  for (let round = 0; round <= options.rounds && result.failures.length === 0; round++) {
    const server = await startServer(options)
    try {
      if (round === 0) await withTeller(server.port, (teller) => teller.createShop(options.engine))
      else
        result.failures.push(
          ...(await compare(server.port, transfers, result)).map((line) => `round ${round}: ${line}`),
        )
      // On a busy machine a server could else die before anybody has had an answer, round after round.
      const awaitsAnswer = round % 8 !== 7
      if (round < options.rounds && result.failures.length === 0)
        await work(server, transfers, random, { ...options, awaitsAnswer })
    } finally {
      await server.kill()
    }
    if (await hasUnfinishedFile(options)) result.cutShort++
    if (round < options.rounds) result.rounds++
  }
  result.transfers = transfers.size
  for (const { fate } of transfers.values()) if (fate === 'acknowledged') result.acknowledged++
  return result
}

async function hasUnfinishedFile({ directory, engine }: RoundsOptions): Promise<boolean> {
  if (engine === undefined || engine === 'memory') return false
  const databases = join(directory, 'databases')
  for (const uuid of await readdir(databases)) {
    const names = await readdir(join(databases, uuid, engine)).catch((): string[] => [])
    if (names.includes('next.part')) return true
  }
  return false
}

async function withTeller<T>(port: number, use: (teller: Teller) => Promise<T>): Promise<T> {
  const teller = await Teller.open(port)
  try {
    return await use(teller)
  } finally {
    await teller.close()
  }
}

async function work(
  server: ServerProcess,
  transfers: Map<number, Transfer>,
  random: SeededRandom,
  options: RoundsOptions & { awaitsAnswer: boolean },
): Promise<void> {
  const { tellers: count = 3, shortestMs = 0, longestMs = 600 } = options
  const tellers = await Promise.all(Array.from({ length: count }, () => Teller.open(server.port)))
  const isOver = { value: false }
  let answered = (): void => {}
  const firstAnswer = new Promise<void>((resolve) => (answered = resolve))
  const working = tellers.map(async (teller) => {
    const own = new SeededRandom(random.bits())
    while (!isOver.value) {
      const source = own.below(accounts)
      const target = (source + 1 + own.below(accounts - 1)) % accounts
      const transfer: Transfer = { id: transfers.size + 1, source, target, amount: own.between(1, 99), fate: 'unknown' }
      transfers.set(transfer.id, transfer)
      await teller.transfer(transfer, own)
      if (transfer.fate === 'acknowledged') answered()
    }
  })
  if (options.awaitsAnswer) await Promise.race([firstAnswer, Promise.all(working)])
  await new Promise((resolve) => setTimeout(resolve, random.between(shortestMs, longestMs)))
  const killed = server.kill()
  isOver.value = true
  await killed
  // A driver may go on waiting for a server that is no more; what it was asked for stays without an answer.
  const ended = Promise.allSettled([...tellers.map((teller) => teller.close()), ...working])
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, patienceMs))])
}

const patienceMs = 1_500

async function compare(port: number, transfers: Map<number, Transfer>, result: RoundsResult): Promise<string[]> {
  const found = await withTeller(port, (teller) => teller.read())
  const failures = [...fateFailures(found, transfers), ...consistencyFailures(found), ...found.differences]
  // What was found is durable from now on, and what was not will never come.
  for (const transfer of transfers.values()) {
    if (transfer.fate !== 'unknown') continue
    transfer.fate = found.ledger.has(transfer.id) ? 'acknowledged' : 'refused'
    if (transfer.fate === 'acknowledged') result.survived++
  }
  return failures
}

function fateFailures({ ledger }: Found, transfers: ReadonlyMap<number, Transfer>): string[] {
  const failures: string[] = []
  for (const { id, fate } of transfers.values()) {
    if (fate === 'acknowledged' && !ledger.has(id)) failures.push(`transfer ${id} was acknowledged and is gone`)
    if (fate === 'refused' && ledger.has(id)) failures.push(`transfer ${id} was refused and is there`)
  }
  for (const id of ledger.keys()) if (!transfers.has(id)) failures.push(`nobody asked for transfer ${id}`)
  return failures
}

function consistencyFailures({ balances, ledger, orders, audit, leaderboard, indexed }: Found): string[] {
  const money = new Map(Array.from({ length: accounts }, (_, id) => [id, firstBalance]))
  const points = new Map<string, number>()
  const counts = new Map(Array.from({ length: accounts }, (_, id) => [id, 0]))
  for (const { source, target, amount } of ledger.values()) {
    money.set(source, money.get(source)! - amount)
    money.set(target, money.get(target)! + amount)
    points.set(`customer:${source}`, (points.get(`customer:${source}`) ?? 0) + amount)
    counts.set(source, counts.get(source)! + 1)
  }
  const amounts = new Map(Array.from(ledger, ([id, { amount }]) => [id, amount]))
  const audited = new Map(Array.from(audit, ([id, amount]) => [Number(id), amount]))
  return [
    ...differences('balance of account', money, balances),
    ...differences('order', amounts, orders),
    ...differences('audit of transfer', amounts, audited),
    ...differences('points of', points, leaderboard),
    ...differences('indexed orders of customer', counts, indexed),
  ]
}

function differences<K>(what: string, expected: ReadonlyMap<K, number>, found: ReadonlyMap<K, number>): string[] {
  const failures: string[] = []
  for (const key of new Set([...expected.keys(), ...found.keys()])) {
    const [a, b] = [expected.get(key), found.get(key)]
    if (a !== b) failures.push(`${what} ${String(key)}: ${a} expected, ${b} found`)
  }
  return failures
}
