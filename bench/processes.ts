/** Starting what is measured: Polylog, its peers, and the tools that drive them; and the processor time they use. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { serverCommand } from './cores.ts'
import type { Measured } from './measure.ts'

export interface Running {
  readonly port: number
  readonly pid: number
  /** Seconds of processor time so far, all threads. */
  cpuSeconds(): number
  stop(): Promise<void>
}

export function scratchFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `polylog-bench-${name}-`))
}

export function removeFolder(path: string): void {
  rmSync(path, { recursive: true, force: true })
}

const clockTicksPerSecond = 100

/** Fields of /proc/PID/stat from the 14th on: user, system, and both of children that ended. */
function timesOf(pid: number): readonly number[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields.slice(11, 15).map((ticks) => Number(ticks) / clockTicksPerSecond)
}

export function cpuSeconds(pid: number): number {
  const [user = 0, system = 0] = timesOf(pid)
  return user + system
}

/** The same of the threads that it has now, to the nanosecond. */
export function threadSeconds(pid: number): number {
  const spentOf = (thread: string): number => {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e9
  }
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + spentOf(thread), 0)
}

/** What some work gives, and what the server takes for each operation of it. */
export async function measured(
  server: Running,
  run: () => Promise<number>,
  operationsOf: (rate: number) => number,
): Promise<Measured> {
  const before = server.cpuSeconds()
  const value = await run()
  return { value, cpuMicros: ((server.cpuSeconds() - before) * 1e6) / operationsOf(value) }
}

/** The same of work that this process does itself. */
export async function measuredHere(run: () => Promise<number>, operations: number): Promise<Measured> {
  const before = process.cpuUsage()
  const value = await run()
  const { user, system } = process.cpuUsage(before)
  return { value, cpuMicros: (user + system) / operations }
}

export function endedChildrenSeconds(pid: number): number {
  const [, , user = 0, system = 0] = timesOf(pid)
  return user + system
}

export function running(child: ChildProcess, port: number, after: () => void = () => undefined): Running {
  const pid = child.pid!
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  return {
    port,
    pid,
    cpuSeconds: () => cpuSeconds(pid),
    stop: async () => {
      child.kill('SIGTERM')
      await exited
      after()
    },
  }
}

/** Waits for a line that matches on the child's stdout; rejects when it exits first. */
function waitForLine(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout!.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const match = pattern.exec(text)
      if (match !== null) resolve(match)
    })
    child.once('exit', (code) => reject(new Error(`exited with ${code} before it was ready`)))
  })
}

export interface PolylogOptions {
  /** Of the tree whose build it is; left out: this one. */
  readonly root?: string
  /** Left out: in memory. */
  readonly directory?: string
  readonly durability?: string
  /** A module that the server's process loads first. */
  readonly imports?: string
  readonly env?: NodeJS.ProcessEnv
  /** More of the command line. */
  readonly args?: readonly string[]
}

export async function startPolylog(options: PolylogOptions): Promise<Running> {
  const where = options.directory === undefined ? ['--memory'] : ['--data', options.directory]
  const built = join(options.root ?? process.cwd(), 'dist/cli/polylog.js')
  const more = ['--durability', options.durability ?? 'synced', ...(options.args ?? [])]
  const args = [built, 'serve', '--port', '0', ...where, ...more]
  const imports = importing(options.imports)
  const env = { ...process.env, ...options.env }
  const child = spawn(...serverCommand(process.execPath, [...imports, ...args]), {
    stdio: ['ignore', 'pipe', 'inherit'],
    env,
  })
  const ready = await waitForLine(child, /polylog ready .*port=(\d+)/)
  return running(child, Number(ready[1]))
}

function importing(module: string | undefined): readonly string[] {
  return module === undefined ? [] : ['--import', module]
}

/** A script of the compiled benchmarks that prints `ready PORT`. `imports`: as of `startPolylog`. */
export async function startScript(path: string, args: readonly string[] = [], imports?: string): Promise<Running> {
  const command = serverCommand(process.execPath, [...importing(imports), path, ...args])
  const child = spawn(...command, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ready = await waitForLine(child, /ready (\d+)/)
  return running(child, Number(ready[1]))
}

/** Asks until the answer is yes. */
export async function waitUntil(ask: () => Promise<boolean>, what: string): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await ask()) return
    await sleep(50)
  }
  throw new Error(`${what} did not become ready`)
}
