/** A server with `turn-meter.ts`: the longest round of its event loop between two moments. */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startPolylog, threadSeconds, type Running } from './processes.ts'

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
    await this.#signal()
    await work()
    return Number(await this.#signal())
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
