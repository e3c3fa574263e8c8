/** The server of the simulation: the data directory and the sessions, and the doors on their port. */
import type { Database } from '../../src/database/database.ts'
import { Instance, type InstanceOptions } from '../../src/database/instance.ts'
import type { SimulatedProcess } from '../../src/host/simulated/simulated-process.ts'
import { Sessions } from '../../src/session/sessions.ts'

export interface SimulatedServer {
  readonly process: SimulatedProcess
  readonly database: Database
  readonly sessions: Sessions
  stop(): Promise<void>
}

export async function openServer(process: SimulatedProcess, options: InstanceOptions): Promise<SimulatedServer> {
  const instance = await Instance.open(options, 'polylog')
  const sessions = new Sessions(options.host, () => instance.databases)
  const stop = async (): Promise<void> => {
    sessions.close()
    await instance.close()
  }
  return { process, database: instance.databases.get('polylog')!, sessions, stop }
}
