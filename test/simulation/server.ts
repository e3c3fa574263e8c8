/** The server of the simulation: the data directory and the sessions, and the doors on their port. */
import { serverAddress } from './clients/network-client.ts'
import type { Database } from '../../src/database/database.ts'
import { Instance, type InstanceOptions } from '../../src/database/instance.ts'
import type { SimulatedProcess } from '../../src/host/simulated/simulated-process.ts'
import { Server } from '../../src/server/server.ts'
import { Sessions } from '../../src/session/sessions.ts'

export interface SimulatedServer {
  readonly process: SimulatedProcess
  /** The one that serves now: after a step down another one goes on. */
  readonly database: Database
  readonly sessions: Sessions
  /** From now on clients may come. */
  listen(): Promise<void>
  stop(): Promise<void>
}

const stopTimeoutMs = 100

export async function openServer(process: SimulatedProcess, options: InstanceOptions): Promise<SimulatedServer> {
  const instance = await Instance.open(options, 'polylog')
  const sessions = new Sessions(options.host, () => instance.databases)
  let server: Server | undefined
  const listen = async (): Promise<void> => {
    server = await Server.listen(options.host, sessions, { port: serverAddress.port, stopTimeoutMs })
  }
  const stop = async (): Promise<void> => {
    await server?.close()
    sessions.close()
    await instance.close()
  }
  return {
    process,
    get database() {
      return instance.databases.get('polylog')!
    },
    sessions,
    listen,
    stop,
  }
}
