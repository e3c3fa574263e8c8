/** The clients on machines of their own, who outlive the server's lives. */
import type { SeededRandom } from '../../../src/host/simulated/random.ts'
import type { SimulatedWorld } from '../../../src/host/simulated/simulated-world.ts'
import type { Oracle } from '../oracle.ts'

export function startClients(_world: SimulatedWorld, _count: number, _random: SeededRandom, _oracle: Oracle): void {}
