/** Stores of the simulation whose pages are not all resident: a page comes in some turns after it was missed. */
import type { Database } from '../../src/database/database.ts'
import type { Host } from '../../src/host/host.ts'
import type { SeededRandom } from '../../src/host/simulated/random.ts'
import { MissingStore } from '../../src/storage/contract/missing-store.ts'
import { RoutedStore } from '../../src/storage/routed/routed-store.ts'
import type { OrderedStore } from '../../src/storage/store.ts'

/** So few that the shop, which is small, lies on many pages. */
const keysPerPage = 6

export class MissingPages {
  /** Times that somebody waited for one. */
  waits = 0
  readonly #poolPages: number
  readonly #random: SeededRandom

  constructor(poolPages: number, random: SeededRandom) {
    this.#poolPages = poolPages
    this.#random = random
  }

  of(store: OrderedStore, host: Host): OrderedStore {
    const load = (): Promise<void> => {
      this.waits++
      return new Promise((resolve) => {
        if (this.#random.chance(0.1)) host.at(1, resolve)
        else host.turn(resolve)
      })
    }
    return new MissingStore(store, this.#poolPages, { keysPerPage, load })
  }
}

/** What the simulation itself looks at, beside the server and within a turn. */
export function lookOn<T>({ store }: Database, read: () => T): T {
  const memory = store instanceof RoutedStore ? store.memory : store
  return memory instanceof MissingStore ? memory.pool.lookOn(read) : read()
}
