import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** A Polylog process of its own, in memory, on a port that the system chose. */
export interface PolylogServer {
  readonly host: string
  readonly port: number
  /** Asks it to end; throws unless it ends with status 0. */
  stop(): Promise<void>
}

const startLimitMs = 20_000

/** Starts the built binary and waits for its ready line. */
export async function startPolylog(root: string, more: readonly string[] = []): Promise<PolylogServer> {
  const binary = join(root, 'dist', 'cli', 'polylog.js')
  const args = [binary, 'serve', '--memory', '--host', '127.0.0.1', '--port', '0', ...more]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  const limit = setTimeout(() => child.kill('SIGKILL'), startLimitMs)
  const lines = createInterface({ input: child.stdout })
  const ready = once(lines, 'line').then(([line]) => parseReadyLine(String(line)))
  const early = ended.then(([status, signal]) => {
    throw new Error(`polylog serve ended before it was ready (${status ?? signal})`)
  })
  const address = await Promise.race([ready, early])
    .catch((error: unknown) => {
      child.kill('SIGKILL')
      throw error
    })
    .finally(() => clearTimeout(limit))
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    const [status, signal] = await ended
    if (status !== 0) throw new Error(`polylog serve ended with ${status ?? signal}`)
  }
  return { ...address, stop }
}

/** `polylog ready host=127.0.0.1 port=7654 pid=123 data=DIR` */
export function parseReadyLine(line: string): { host: string; port: number } {
  const match = /^polylog ready host=(\S+) port=(\d+) /.exec(line)
  if (match === null) throw new Error(`not a ready line: ${line}`)
  return { host: match[1] ?? '', port: Number(match[2]) }
}
