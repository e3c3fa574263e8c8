/** The clients on machines of their own, who outlive the server's lives. */
import { SeededRandom } from '../../../src/host/simulated/random.ts'
import type { SimulatedWorld } from '../../../src/host/simulated/simulated-world.ts'
import type { Oracle } from '../oracle.ts'
import { NetworkClient } from './network-client.ts'

/** `surprised` hears of what no client should ever meet. */
export function startClients(
  world: SimulatedWorld,
  count: number,
  random: SeededRandom,
  oracle: Oracle,
  surprised: (error: unknown) => void,
): void {
  for (let i = 0; i < count; i++) {
    const process = world.startProcess(`client ${i}`)
    new NetworkClient(process, new SeededRandom(random.bits()), oracle).work().catch(surprised)
  }
}
