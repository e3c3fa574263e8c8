/** `polylog serve`: starts, says when it is ready, stops on a signal. */
import { PolylogError, type ErrorCode } from '../base/errors.ts'
import { NetworkError } from '../host/host.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { startServer, type RunningServer } from '../server/server.ts'
import type { ServeArguments } from './arguments.ts'
import { log } from './logging.ts'

export const exitCodes = { clean: 0, failed: 1, usage: 2, locked: 3, corrupt: 4 } as const

export async function serve(args: ServeArguments): Promise<RunningServer> {
  const { directory, host, port, protocolPorts, durability } = args
  return startServer({
    instance: { host: createRealHost(), ...(directory !== undefined && { directory }) },
    server: { host, port, protocolPorts },
    sessions: { durability },
  })
}

/** The one line on stdout that scripts wait for. */
export function readyLine(running: RunningServer, args: ServeArguments): string {
  const data = args.directory ?? 'memory'
  return `polylog ready host=${args.host} port=${running.server.port} pid=${process.pid} data=${data}\n`
}

/** The first signal stops cleanly; a second one at once. */
export function stopOnSignal(running: RunningServer): void {
  let stopping = false
  const stop = (signal: string): void => {
    if (stopping) process.exit(exitCodes.failed)
    stopping = true
    log('info', 'stopping', { signal })
    running.stop().then(
      () => process.exit(exitCodes.clean),
      (error: unknown) => {
        log('error', (error as Error).message)
        process.exit(exitCodes.failed)
      },
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof PolylogError)) return exitCodes.failed
  const codes: Partial<Record<ErrorCode, number>> = {
    directory_locked: exitCodes.locked,
    data_corrupted: exitCodes.corrupt,
  }
  return codes[error.code] ?? exitCodes.failed
}

export function messageOf(error: unknown): string {
  if (error instanceof PolylogError || error instanceof NetworkError) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
