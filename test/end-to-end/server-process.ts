/** The built server as a process of its own: started, asked to stop, killed, and what it said. */
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const repositoryRoot: string = fileURLToPath(new URL('../..', import.meta.url))
const binary = join(repositoryRoot, 'dist', 'cli', 'polylog.js')
const startLimitMs = 60_000

export interface Exit {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export class ServerProcess {
  readonly port: number
  readonly pid: number
  readonly readyLine: string
  /** Resolves when the process has ended. */
  readonly exit: Promise<Exit>
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, exit: Promise<Exit>, readyLine: string) {
    this.#child = child
    this.exit = exit
    this.pid = child.pid!
    this.readyLine = readyLine
    this.port = Number(/ port=(\d+) /.exec(readyLine)?.[1])
  }

  /** Options as on the command line; a port that the system chooses where they name none. */
  static async start(...options: string[]): Promise<ServerProcess> {
    return ServerProcess.startIn({}, ...options)
  }

  /** With these in its environment. */
  static async startIn(env: NodeJS.ProcessEnv, ...options: string[]): Promise<ServerProcess> {
    const port = options.includes('--port') ? [] : ['--port', '0']
    return ServerProcess.run([binary, 'serve', ...port, ...options], repositoryRoot, env)
  }

  /** Any script that prints the ready line. `under`: a command that becomes what it is given. */
  static async run(
    args: readonly string[],
    cwd: string = repositoryRoot,
    env: NodeJS.ProcessEnv = {},
    under: readonly string[] = [],
  ): Promise<ServerProcess> {
    const child = spawnNode(args, { cwd, env: { ...process.env, ...env } }, under)
    const exit = exitOf(child)
    const limit = setTimeout(() => child.kill('SIGKILL'), startLimitMs)
    try {
      return new ServerProcess(child, exit, await Promise.race([firstLine(child), failWhenOver(exit)]))
    } finally {
      clearTimeout(limit)
    }
  }

  /** Asks it to end. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.#child.kill(signal)
    return this.exit
  }

  /** As a crash does. */
  kill(): Promise<Exit> {
    return this.stop('SIGKILL')
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }
}

/** Runs the command to its end. */
export function runPolylog(...args: string[]): Promise<Exit> {
  return exitOf(spawnNode([binary, ...args]))
}

/** Likewise, with this on its standard input, or in its environment. */
export function runPolylogWith(given: { input?: string; env?: NodeJS.ProcessEnv }, ...args: string[]): Promise<Exit> {
  const { input = '', env = {} } = given
  const stdio = ['pipe', 'pipe', 'pipe'] as const
  const child = spawn(process.execPath, [binary, ...args], { stdio: [...stdio], env: { ...process.env, ...env } })
  child.stdin.end(input)
  return exitOf(child)
}

/** Likewise another script. */
export function runScript(script: string, ...args: string[]): Promise<Exit> {
  return exitOf(spawnNode([script, ...args], { cwd: repositoryRoot }))
}

function spawnNode(args: readonly string[], options: SpawnOptions = {}, under: readonly string[] = []): ChildProcess {
  const [command, ...rest] = [...under, process.execPath, ...args]
  return spawn(command!, rest, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
}

async function exitOf(child: ChildProcess): Promise<Exit> {
  let stdout = ''
  let stderr = ''
  child.stdout!.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const [status, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  return { status, signal, stdout, stderr }
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    child.stdout!.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const end = text.indexOf('\n')
      if (end >= 0) resolve(text.slice(0, end))
    })
  })
}

async function failWhenOver(exit: Promise<Exit>): Promise<never> {
  const { status, signal, stderr } = await exit
  throw new Error(`the server ended before it was ready (${status ?? signal}): ${stderr}`)
}

/** A folder that is there for the length of `use`. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'polylog-'))
  try {
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
