/** The protocols that are served: a gateway is registered by its line here, and by nothing else. */
import type { Protocol } from '../gateway/gateway.ts'
import { mongodbProtocol } from '../gateway/mongodb/gateway.ts'
import { postgresProtocol } from '../gateway/postgres/gateway.ts'
import { redisProtocol } from '../gateway/redis/gateway.ts'

const protocolsByName = {
  postgres: postgresProtocol as Protocol,
  redis: redisProtocol as Protocol,
  mongodb: mongodbProtocol as Protocol,
}

export type ProtocolName = keyof typeof protocolsByName

export const protocols: ReadonlyMap<ProtocolName, Protocol> = new Map(
  Object.entries(protocolsByName) as [ProtocolName, Protocol][],
)
