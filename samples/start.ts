/**
 * `npm start`: serves, with sample data in a data directory that is new.
 *
 * The data is loaded through the doors on a port that only this process knows, before the real one opens: who can connect
 * finds all of it. A directory that holds other data is served as it is.
 */
import { parseServe, usage, type ServeArguments } from '../src/cli/arguments.ts'
import { reportFailure } from '../src/cli/failure.ts'
import { readConfig, readyLine, stopOnSignal } from '../src/cli/serve.ts'
import { Instance } from '../src/database/instance.ts'
import type { Host } from '../src/host/host.ts'
import { DirectoryWatch } from '../src/server/directory-watch.ts'
import { Server, type RunningServer, type ServerOptions } from '../src/server/server.ts'
import { createWorkingHost } from '../src/server/working-host.ts'
import { Sessions } from '../src/session/sessions.ts'
import { greet } from './greeting.ts'
import { inventoryTable } from './inventory.ts'

const databaseName = 'polylog'

async function start(args: ServeArguments): Promise<void> {
  const { directory, host: address, port, protocolPorts } = args
  const host = createWorkingHost()
  const instance = await Instance.open({ host, ...(directory !== undefined && { directory }) }, databaseName)
  const running = new Starting(host, instance, args.durability)
  stopOnSignal(running)
  try {
    if (isNew(instance)) {
      await checkPorts(host, args)
      await running.load()
    }
    await running.listen({ host: address, port, protocolPorts })
  } catch (error) {
    await running.stop()
    throw error
  }
  const hasSamples =
    instance.databases.get(databaseName)!.catalog.findCollection('public', inventoryTable) !== undefined
  process.stdout.write(readyLine(running, args))
  process.stdout.write(greet({ host: address, port: running.server.port, directory, hasSamples }))
}

/** What runs, whichever of its stages it is in; so a signal stops it cleanly at any time. */
class Starting implements RunningServer {
  readonly instance: Instance
  readonly #host: Host
  readonly #durability: ServeArguments['durability']
  #server: Server | undefined
  #stopping: Promise<void> | undefined
  readonly #watch: DirectoryWatch

  constructor(host: Host, instance: Instance, durability: ServeArguments['durability']) {
    this.#watch = new DirectoryWatch(host, instance)
    this.instance = instance
    this.#host = host
    this.#durability = durability
  }

  get server(): Server {
    if (this.#server === undefined) throw new Error('the server is not listening yet')
    return this.#server
  }

  async listen(options: ServerOptions): Promise<void> {
    const sessions = new Sessions(this.#host, () => this.instance.databases, {
      durability: this.#durability,
      memory: this.instance.memory,
      catalog: this.instance,
    })
    this.#server = await Server.listen(this.#host, sessions, options)
  }

  /** The drivers are brought in where there is something to load, for they cost a start a quarter of a second. */
  async load(): Promise<void> {
    process.stderr.write('Loading sample data …\n')
    await this.listen({ port: 0 })
    const { loadSampleData } = await import('./load.ts')
    await loadSampleData(this.server.port)
    await this.server.close()
    this.#server = undefined
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    await this.#server?.close()
    const lost = await this.#watch.stop()
    await this.instance.close()
    if (lost !== undefined) throw lost
  }
}

/** Nothing has ever been made in it. */
function isNew(instance: Instance): boolean {
  const { catalog } = instance.databases.get(databaseName)!
  return [...catalog.namespaces.keys()].every((name) => catalog.collectionsOf(name).length === 0)
}

/** Before a load of seconds, to find out that the port is taken. Throws `NetworkError`. */
async function checkPorts(host: Host, { host: address, port, protocolPorts }: ServeArguments): Promise<void> {
  for (const one of [port, ...Object.values(protocolPorts)]) {
    const listener = await host.network.listen({ host: address, port: one }, (socket) => socket.destroy())
    await listener.close()
  }
}

try {
  const argv = process.argv.slice(2)
  if (argv.includes('--help')) process.stdout.write(usage.replace('polylog serve [options]', 'npm start -- [options]'))
  else await start(await parseServe(argv, readConfig))
} catch (error) {
  reportFailure(error)
}
