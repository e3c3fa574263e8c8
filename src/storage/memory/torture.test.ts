/**
 * Real threads against the writer: it publishes without a pause, they pin, scan everything and verify what holds in each
 * state. Then the same with a fault planted: each must be found. All loops are bounded by publishes, not by time.
 */
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { MessageChannel, Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sliceOf } from '../../base/slice.ts'
import type { Slice } from '../../base/slice.ts'
import type { TortureInput } from './torture-reader.ts'
import { checkFamily } from './check.ts'
import { MemoryStore } from './memory.ts'
import type { PlantedFault } from './versions.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const compiled = path.join(root, '.cache', `torture-${process.pid}`)
const accounts = 1500
const total = accounts * 100
const publishesMax = 200_000

/** Worker threads load JavaScript: the reader and what it imports are compiled here, whatever state `dist` is in. */
beforeAll(() => {
  fs.mkdirSync(compiled, { recursive: true })
  const config = {
    extends: path.join(root, 'tsconfig.build.json'),
    compilerOptions: { rootDir: path.join(root, 'src'), outDir: path.join(compiled, 'out'), sourceMap: false },
    files: [path.join(root, 'src/storage/memory/torture-reader.ts')],
    include: [],
    exclude: [],
  }
  fs.writeFileSync(path.join(compiled, 'tsconfig.json'), JSON.stringify(config))
  fs.writeFileSync(path.join(compiled, 'package.json'), '{"type":"module"}')
  execFileSync(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', compiled])
})

afterAll(() => fs.rmSync(compiled, { recursive: true, force: true }))

class Bank {
  readonly store: MemoryStore
  readonly #balances = new Int32Array(accounts).fill(100)
  readonly #value = new Uint8Array(4096)
  #state = 7
  #sequence = 0

  constructor(plantedFault: PlantedFault | undefined) {
    this.store = new MemoryStore({
      monotonic: () => 0,
      poison: true,
      ...(plantedFault === undefined ? {} : { plantedFault }),
    })
    this.#sequence = 1
    for (let i = 0; i < accounts; i++) this.#put('account', i, 100)
    this.store.publish(1)
  }

  /** One transaction, and sometimes a few more that are taken back. */
  step(): void {
    this.#transact()
    if (this.#sequence % 15 === 0) this.#transactLarge(this.#random(4))
    if (this.#sequence % 20 !== 0) return
    const mark = this.store.mark()
    const balances = this.#balances.slice()
    const sequence = this.#sequence
    for (let i = 0; i < 5; i++) this.#transact()
    if (this.#random(2) === 0) this.#transactLarge(0)
    this.#transact()
    mark.rollback()
    mark.release()
    this.#balances.set(balances)
    this.#sequence = sequence
  }

  /** Pairs that come and go by the hundred, while small transactions go on; now and then it comes to nothing. */
  #transactLarge(chance: number): void {
    const first = 5000 + this.#random(300)
    const draft = this.store.draft(() => false)
    if (draft === undefined) return
    for (let i = first; i < first + 200; i++) {
      for (const kind of ['extra', 'partner']) {
        if (chance === 1 && i % 2 === 0) draft.delete(keyOf(kind, i))
        else this.#put(kind, i, i, draft)
      }
      if (i % 50 === 0) this.#transact()
    }
    if (chance === 3) return draft.discard()
    draft.adopt()
    this.store.publish(++this.#sequence)
    return undefined
  }

  /** Transfers, and sometimes keys that come and go in pairs, one by one or by the range. */
  #transact(): void {
    this.#sequence++
    for (let i = 0; i < 3; i++) {
      const from = this.#random(accounts)
      const to = this.#random(accounts)
      this.#balances[from]! -= 7
      this.#balances[to]! += 7
      this.#put('account', from, this.#balances[from]!)
      this.#put('account', to, this.#balances[to]!)
    }
    if (this.#sequence % 3 === 0) this.#pairs()
    this.store.publish(this.#sequence)
  }

  #pairs(): void {
    const first = this.#random(1000)
    if (this.#sequence % 120 === 0) {
      for (const kind of ['extra', 'partner']) {
        this.store.deleteRange({ start: keyOf(kind, first), end: keyOf(kind, first + 400) })
      }
      return
    }
    for (let i = first; i < first + 10; i++) {
      for (const kind of ['extra', 'partner']) {
        if (this.#sequence % 2 === 0) this.store.delete(keyOf(kind, i))
        else this.#put(kind, i, i)
      }
    }
  }

  #put(kind: string, n: number, balance: number, target: Pick<MemoryStore, 'put'> = this.store): void {
    const key = keyOf(kind, n)
    const length = 12 + (this.#sequence % 50 === 0 ? this.#random(3000) : n % 90)
    const view = new DataView(this.#value.buffer)
    this.#value.fill(balance & 0xff, 12, length)
    view.setInt32(0, balance, true)
    view.setUint32(4, this.#sequence, true)
    view.setUint32(
      8,
      key.bytes.reduce((sum, byte) => sum + byte, 0),
      true,
    )
    target.put(key, { bytes: this.#value, start: 0, end: length })
  }

  #random(below: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) | 0
    return (this.#state >>> 8) % below
  }
}

const keyOf = (kind: string, n: number): Slice => sliceOf(Buffer.from(`${kind} ${String(n).padStart(8, '0')}`))

interface Outcome {
  readonly failures: readonly string[]
  readonly rounds: number
  readonly bank: Bank
}

/** Publishes at least `publishes` times and until the readers have done `rounds`, or until one of them fails. */
async function torture(plantedFault: PlantedFault | undefined, publishes: number, rounds: number): Promise<Outcome> {
  const bank = new Bank(plantedFault)
  const control = new Int32Array(new SharedArrayBuffer(16))
  const failures: string[] = []
  const readers = [1, 2].map((seed) => startReader(bank.store, control, seed, plantedFault, failures))
  await Promise.all(readers.map((reader) => reader.online))
  try {
    for (let i = 0; i < publishesMax; i++) {
      if (Atomics.load(control, 1) > 0) break
      if (i >= publishes && Atomics.load(control, 2) >= rounds) break
      bank.step()
      bank.store.reclaim(0)
    }
  } catch (error) {
    failures.push(`the writer: ${String(error)}`)
  }
  Atomics.store(control, 0, 1)
  await Promise.all(readers.map((reader) => reader.stopped))
  return { failures, rounds: Atomics.load(control, 2), bank }
}

function startReader(
  store: MemoryStore,
  control: Int32Array<SharedArrayBuffer>,
  seed: number,
  plantedFault: PlantedFault | undefined,
  failures: string[],
): { online: Promise<void>; stopped: Promise<void> } {
  const { port1, port2 } = new MessageChannel()
  const share = store.share((note) => port1.postMessage(note))
  const { handle } = share
  const input: TortureInput = { handle, notes: port2, control: control.buffer, seed, accounts, total, plantedFault }
  const worker = new Worker(path.join(compiled, 'out/storage/memory/torture-reader.js'), {
    workerData: input,
    transferList: [port2],
  })
  worker.on('message', (failure: string) => failures.push(failure))
  worker.on('error', (error) => {
    Atomics.add(control, 1, 1)
    failures.push(String(error))
  })
  const stopped = new Promise<void>((resolve) => {
    worker.on('exit', () => {
      share.end()
      port1.close()
      resolve()
    })
  })
  return { online: new Promise((resolve) => void worker.once('online', resolve)), stopped }
}

describe('threads that read while the writer publishes', () => {
  test('see whole states only, and leave nothing behind', async () => {
    const { failures, rounds, bank } = await torture(undefined, 3000, 100)
    expect(failures).toEqual([])
    expect(rounds).toBeGreaterThanOrEqual(100)
    while (bank.store.reclaim(0));
    checkFamily(bank.store.family, [bank.store])
    expect(bank.store.statistics()['retiredObjects']).toBe(0)
  })

  const faults: PlantedFault[] = [
    'no-epoch-recheck',
    'early-free',
    'overwrite-published',
    'shared-parent',
    'past-retired',
    'unfollowed-draft',
  ]
  for (const fault of faults) {
    test(`would notice: ${fault}`, async () => {
      const { failures } = await torture(fault, publishesMax, 0)
      expect(failures.length).toBeGreaterThan(0)
      expect(failures.join()).not.toContain('ERR_MODULE')
    })
  }
})
