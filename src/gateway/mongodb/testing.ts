/** A listener for the gateway alone, and a client of the unmodified driver. Nothing outside of tests imports this. */
import { MongoClient } from 'mongodb'
import type { MongoClientOptions } from 'mongodb'
import type { Listener } from '../../host/host.ts'
import { openTestSessions, type TestSessions } from '../../session/testing.ts'
import { defaultGatewayLimits, type Gateway, type GatewayLimits } from '../gateway.ts'
import { createMongodbGateway } from './gateway.ts'

export interface TestMongodb {
  readonly test: TestSessions
  readonly gateway: Gateway
  readonly port: number
  client(options?: MongoClientOptions): MongoClient
  close(): Promise<void>
}

export async function openTestMongodb(limits: Partial<GatewayLimits> = {}): Promise<TestMongodb> {
  const test = await openTestSessions()
  const gateway = createMongodbGateway(test.sessions, { ...defaultGatewayLimits, ...limits })
  const { host } = test.database
  const listener: Listener = await host.network.listen({ host: '127.0.0.1', port: 0 }, (socket) => {
    gateway.accept(socket, new Uint8Array(0))
  })
  const clients: MongoClient[] = []
  return {
    test,
    gateway,
    port: listener.address.port,
    client(options = {}) {
      const client = new MongoClient(`mongodb://127.0.0.1:${listener.address.port}/`, {
        serverSelectionTimeoutMS: 5000,
        ...options,
      })
      clients.push(client)
      return client
    },
    async close() {
      await Promise.all(clients.map((client) => client.close()))
      await listener.close()
      await gateway.close(100)
      await test.close()
    },
  }
}
