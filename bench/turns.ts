/** A server with `turn-meter.ts`: the longest round of its event loop between two moments. */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { spreadOf, type Row } from './measure.ts'
import { startPolylog, threadSeconds, type Running } from './processes.ts'

/** No turn takes longer, whatever the input (decision 081). */
const boundMs = 10

export interface TurnCase {
  readonly name: string
  /** Not measured. */
  readonly before?: () => Promise<unknown>
  /** What it throws is in the row's notes. */
  readonly run: () => Promise<unknown>
}

interface LongestTurn {
  readonly ms: number
  /** How much of it was a collection of garbage, at most: this is told on the wall. */
  readonly collectedMs: number
}

export class MeteredServer {
  readonly running: Running
  readonly #file: string

  private constructor(running: Running, file: string) {
    this.running = running
    this.#file = file
  }

  static async start(folder: string): Promise<MeteredServer> {
    const file = join(folder, 'turns')
    const running = await startPolylog({
      directory: join(folder, 'data'),
      imports: fileURLToPath(new URL('./turn-meter.js', import.meta.url)),
      env: { POLYLOG_TURN_METER: file },
    })
    return new MeteredServer(running, file)
  }

  /** Milliseconds of processor time. The meter works only meanwhile, so nothing else is measured in this time. */
  async longestTurnMs(work: () => Promise<unknown>): Promise<number> {
    return (await this.longestTurn(work)).ms
  }

  async longestTurn(work: () => Promise<unknown>): Promise<LongestTurn> {
    await this.#signal()
    await work()
    const [ms = 0, collectedMs = 0] = (await this.#signal()).split(' ').map(Number)
    return { ms, collectedMs }
  }

  async #signal(): Promise<string> {
    rmSync(this.#file, { force: true })
    process.kill(this.running.pid, 'SIGUSR2')
    for (let i = 0; i < 500; i++) {
      await sleep(20)
      try {
        const text = readFileSync(this.#file, 'utf8')
        if (text !== '') return text
      } catch {
        // Not written yet.
      }
    }
    throw new Error('the server does not answer the turn meter')
  }
}

/**
 * The longest turn of a case. Of several rounds the least counts: a machine that does other things only ever adds to them,
 * and collections of garbage fall where they like.
 */
export async function measureTurn(
  server: MeteredServer,
  area: string,
  { name, before, run }: TurnCase,
  rounds: number,
): Promise<Row> {
  const found: LongestTurn[] = []
  let failure = ''
  for (let round = 0; round < rounds; round++) {
    await before?.()
    await atRest(server.running)
    const work = (): Promise<unknown> => run().catch((error: unknown) => (failure = (error as Error).message))
    found.push(await server.longestTurn(work))
  }
  const { ms, collectedMs } = found.toSorted((a, b) => a.ms - b.ms)[0]!
  const notes = [
    failure.replaceAll(/\s+/g, ' ').slice(0, 100),
    ms > boundMs ? `over the bound, of it ${collectedMs.toFixed(1)} garbage` : '',
  ]
  return {
    area,
    name: `${area}/${name}`,
    unit: 'ms',
    ours: { ...spreadOf(found.map((one) => one.ms)), median: ms },
    peer: { name: 'none', missing: 'the bound is 10 ms' },
    ratio: null,
    pairSpread: null,
    durability: 'synced',
    clients: 1,
    notes: notes.filter((note) => note !== '').join(', '),
  }
}

/** What a server does behind its replies is nobody's: waits until it rests. */
export async function atRest(server: Running): Promise<void> {
  for (let before = threadSeconds(server.pid), i = 0; i < 600; i++) {
    await sleep(50)
    const now = threadSeconds(server.pid)
    if (now - before < 0.005) return
    before = now
  }
}

/** p99 in milliseconds of point reads, one every millisecond or so, as long as the work goes on. */
export async function readsWhile(read: (n: number) => Promise<unknown>, work: Promise<unknown>): Promise<number> {
  const state = { isOver: false }
  const over = work.finally(() => (state.isOver = true))
  const delays: number[] = []
  while (!state.isOver) {
    const started = performance.now()
    await read(delays.length)
    delays.push(performance.now() - started)
    await sleep(1)
  }
  await over
  delays.sort((a, b) => a - b)
  return delays[Math.floor(delays.length * 0.99)] ?? 0
}
