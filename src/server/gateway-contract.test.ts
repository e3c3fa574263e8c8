import { createRealHost } from '../host/real/real-host.ts'
import { SimulatedWorld } from '../host/simulated/simulated-world.ts'
import type { Host } from '../host/host.ts'
import { describeGateways } from './gateway-contract.ts'
import type { Ground } from './gateway-trial.ts'

describeGateways(
  'by sockets of the machine',
  () => {
    const logged: Ground['logged'] = []
    const host: Host = { ...createRealHost(), log: (_level, _message, fields = {}) => void logged.push(fields) }
    return {
      server: host,
      client: createRealHost(),
      address: '127.0.0.1',
      fatals: [],
      logged,
      complete: (running) => running,
    }
  },
  false,
)

describeGateways(
  'by the simulated network',
  () => {
    const world = new SimulatedWorld(7)
    const logged: Ground['logged'] = []
    const server = world.startProcess('server')
    server.log = (_level, _message, fields) => void logged.push(fields ?? {})
    const client = world.startProcess('client')
    return {
      server,
      client,
      address: 'server',
      fatals: world.fatals,
      logged,
      complete: (running) => world.complete(running),
    }
  },
  true,
)
