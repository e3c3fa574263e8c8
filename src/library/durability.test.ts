/** What the callers of `read` and `write` may be told, also by errors, on a simulated machine whose log is slow or fails. */
import { beforeEach, describe, expect, test } from 'vitest'
import { PolylogError } from '../base/errors.ts'
import { Instance } from '../database/instance.ts'
import { SimulatedWorld } from '../host/simulated/simulated-world.ts'
import { Sessions } from '../session/sessions.ts'
import { EmbeddedDatabase, type EmbeddedTransaction } from './library.ts'

let world: SimulatedWorld
let instance: Instance
let db: EmbeddedDatabase

beforeEach(async () => {
  world = new SimulatedWorld(11)
  const host = world.startProcess('server')
  instance = await world.complete(Instance.open({ host, directory: 'data', segmentBytes: 16 * 1024 }, 'main'))
  const sessions = new Sessions(host, () => instance.databases, { defaultDatabase: 'main' })
  db = new EmbeddedDatabase(instance.databases.get('main')!, sessions, () => instance.close())
  await world.complete(set('old'))
})

function set(text: string): Promise<void> {
  return db.write((tx) => tx.keys().set('secret', text))
}

const get = async (tx: EmbeddedTransaction): Promise<string> =>
  Buffer.from((await tx.keys().get('secret')) ?? []).toString()

/** Commits, and answers before the log has synced it. */
async function setWithoutSync(text: string): Promise<number> {
  const before = db.sequence
  set(text).catch(() => undefined)
  await world.run({ until: () => db.sequence > before })
  expect(synced()).toBe(before)
  return db.sequence
}

const synced = (): number => instance.databases.get('main')!.durableThrough('synced')

interface Told {
  readonly error: Error & { code?: string }
  /** What was synced at the time. */
  readonly synced: number
}

function toldBy(running: Promise<unknown>): Promise<Told> {
  return world.complete(
    running.then(
      () => {
        throw new Error('nothing was thrown')
      },
      (error: unknown) => ({ error: error as Error, synced: synced() }),
    ),
  )
}

/** A failed write of the log, and a failed sync: the outcome of what is under way is unknown. */
function failLog(): void {
  world.faults.once({ fault: 'write-error', process: 'server' })
  world.faults.once({ fault: 'sync-error', process: 'server' })
}

describe.each(['read', 'write'] as const)('what the callback of %s throws', (way) => {
  const reveal = async (tx: EmbeddedTransaction): Promise<never> => {
    throw new Error(`it is ${await get(tx)}`)
  }

  test('is thrown when what it tells of is durable', async () => {
    const sequence = await setWithoutSync('new')
    const told = await toldBy(db[way](reveal))
    expect(told.error.message).toBe('it is new')
    expect(told.synced).toBeGreaterThanOrEqual(sequence)
  })

  test('is not told where the log fails before that', async () => {
    await setWithoutSync('lost')
    failLog()
    const told = await toldBy(db[way](reveal))
    expect(told.error.code).toBe('outcome_unknown')
    expect(await world.complete(db.read(get))).toBe('old')
  })

  test('nor where it throws only after the log has failed', async () => {
    await setWithoutSync('lost')
    failLog()
    const database = instance.databases.get('main')!
    const told = await toldBy(
      db[way](async (tx) => {
        const secret = await get(tx)
        await new Promise<void>((resolve) => database.whenDurable(database.newestSequence, 'synced', () => resolve()))
        throw new Error(`it is ${secret}`)
      }),
    )
    expect(told.error.code).toBe('outcome_unknown')
  })
})

test('what is thrown on a full disk tells of nothing that was refused', async () => {
  const { disk } = world.machine('server')
  disk.capacityBytes = disk.usedBytes + 40_000
  const told: string[] = []
  for (let n = 0; n < 30; n++) {
    const before = db.sequence
    let isRefused = false
    set(`${n} ${'x'.repeat(4000)}`).catch(() => (isRefused = true))
    await world.run({ until: () => db.sequence > before || isRefused })
    const refuse = async (tx: EmbeddedTransaction): Promise<never> => {
      throw new Error((await get(tx)).split(' ')[0])
    }
    const { error } = await toldBy(db.read(refuse))
    told.push(error.code ?? error.message)
    const [kept] = (await world.complete(db.read(get))).split(' ')
    if (error.code === undefined) expect(error.message).toBe(kept)
  }
  expect(told).toContain('disk_full')
  expect(told.filter((one) => one !== 'disk_full').length).toBeGreaterThan(2)
})

test('a conflict that is retried waits for nothing', async () => {
  await setWithoutSync('new')
  let attempts = 0
  const before = synced()
  const running = db.write(() => {
    attempts++
    expect(synced()).toBe(before)
    if (attempts < 3) throw new PolylogError('serialization_failure', 'again')
    return attempts
  })
  expect(await world.complete(running)).toBe(3)
})
