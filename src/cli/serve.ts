/** `polylog serve`: starts, says when it is ready, stops on a signal. */
import type { KernelLimits } from '../database/kernel.ts'
import { logError } from '../base/logged-error.ts'
import { log, logWith } from '../host/real/log.ts'
import { createRealHost, readEnvironment } from '../host/real/real-host.ts'
import { readTextFile } from '../host/small-file.ts'
import { startServer, type RunningServer } from '../server/server.ts'
import { createWorkingHost } from '../server/working-host.ts'
import { UsageError, type ServeArguments } from './arguments.ts'
import { readEncryptionKey } from './encryption-key.ts'
import { exitCodes } from './failure.ts'

const maxConfigBytes = 1024 * 1024
/** Below it the garbage that V8 leaves lying by default would be much of the process. */
const tightLimitBytes = 2 * 1024 * 1024 * 1024
/** Of the limit, what a thread may take in which a client's expressions are evaluated; there may be some of them. */
const endlessShare = 1 / 8
const leastEndlessMb = 48
const mostEndlessMb = 512

function endlessHeapMb(limitBytes: number): number {
  const share = Math.floor((limitBytes * endlessShare) / (1024 * 1024))
  return Math.min(Math.max(share, leastEndlessMb), mostEndlessMb)
}

function limitsOf({ transactionLimitBytes, preparedTransactions }: ServeArguments): Partial<KernelLimits> {
  return {
    ...(transactionLimitBytes !== undefined && { maxTransactionBytes: transactionLimitBytes }),
    ...(preparedTransactions !== undefined && { preparedTransactions }),
  }
}

export async function serve(args: ServeArguments): Promise<RunningServer> {
  const { directory, host, port, protocolPorts, socket, tls, domain, insecureTransport, durability } = args
  const { memoryLimitBytes, temporaryLimitBytes, idleDatabases, connections, handOverBytes, retention } = args
  const user = firstUser()
  const key = await readEncryptionKey(args.encryptionKey)
  const running = await startServer({
    ...(user !== undefined && { firstUser: user }),
    instance: {
      host: createWorkingHost({
        logLiterals: args.logLiterals,
        tightHeap: (memoryLimitBytes ?? Infinity) < tightLimitBytes,
        ...(memoryLimitBytes !== undefined && { endlessHeapMb: endlessHeapMb(memoryLimitBytes) }),
      }),
      ...(directory !== undefined && { directory }),
      ...key,
      retention,
      ...(memoryLimitBytes !== undefined && { memory: { limitBytes: memoryLimitBytes } }),
      ...(temporaryLimitBytes !== undefined && { temporaryLimitBytes }),
      limits: limitsOf(args),
      ...(handOverBytes !== undefined && { engines: { handOverBytes } }),
    },
    server: {
      host,
      port,
      protocolPorts,
      insecureTransport,
      choices: {
        clusterEnabled: args.clusterEnabled,
        debugCommand: args.debugCommand,
        mongodbReplicaSet: args.mongodbReplicaSet,
        mongodbTestCommands: args.mongodbTestCommands,
        shutDown: () => end?.('SHUTDOWN'),
      },
      ...(tls !== undefined && { tls }),
      ...(domain !== undefined && { domain }),
      ...(socket !== undefined && { socketPath: socket }),
    },
    // In memory there is nothing to wait for.
    sessions: {
      durability: directory === undefined ? 'memory' : durability,
      connections,
      ...(idleDatabases !== undefined && { mostIdleDatabases: idleDatabases }),
    },
  })
  return running
}

/** As the environment of a container says it: the first user, where there is none. */
function firstUser(): { readonly name: string; readonly password: string } | undefined {
  const name = readEnvironment('POLYLOG_USER')
  const password = readEnvironment('POLYLOG_PASSWORD')
  if (name === undefined && password === undefined) return undefined
  if (name === undefined || password === undefined || name === '' || password === '') {
    throw new UsageError('POLYLOG_USER and POLYLOG_PASSWORD are set together, or neither')
  }
  return { name, password }
}

/** The one line on stdout that scripts wait for. */
export function readyLine(running: RunningServer, args: ServeArguments): string {
  const data = args.directory ?? 'memory'
  return `polylog ready host=${args.host} port=${running.server.port} pid=${process.pid} data=${data}\n`
}

/** What a command that ends the server does; nothing before `stopOnSignal`. */
let end: ((signal: string) => void) | undefined

/** The first signal stops cleanly; a second one at once. */
export function stopOnSignal(running: RunningServer, logLiterals = false): void {
  let stopping = false
  const stop = (signal: string): void => {
    if (stopping) process.exit(exitCodes.failed)
    stopping = true
    log('info', 'stopping', { signal })
    running.stop().then(
      () => process.exit(exitCodes.clean),
      (error: unknown) => {
        logError({ log: logWith(logLiterals) }, 'error', error)
        process.exit(exitCodes.failed)
      },
    )
  }
  end = stop
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

/** For renewed certificates; who has none that could be renewed is ended by the signal, as others are. */
export function reloadOnSignal(running: RunningServer, { tls }: ServeArguments): void {
  if (tls !== undefined) process.on('SIGHUP', () => void running.server.reloadCertificates())
}

/** The file of `--config`, parsed. */
export async function readConfig(path: string): Promise<unknown> {
  try {
    const text = await readTextFile(createRealHost().disk, path, maxConfigBytes)
    if (text === undefined) throw new Error('there is no such file')
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`cannot read the configuration ${path}: ${(error as Error).message}`)
  }
}
