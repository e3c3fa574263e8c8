/**
 * A reading thread of the torture test: pins the newest state again and again, and verifies all of it.
 *
 * Control words: 0 stop · 1 failures of all readers · 2 rounds of all readers.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { sliceOf } from '../../base/slice.ts'
import type { Slice } from '../../base/slice.ts'
import type { ChunkNote } from './address-space.ts'
import { SharedReader } from './shared-reader.ts'
import type { SharedHandle } from './shared-reader.ts'
import type { PlantedFault } from './versions.ts'

export interface TortureInput {
  readonly handle: SharedHandle
  readonly notes: MessagePort
  readonly control: SharedArrayBuffer
  readonly seed: number
  readonly accounts: number
  /** What all accounts hold together, in every state. */
  readonly total: number
  readonly plantedFault: PlantedFault | undefined
}

const { handle, notes, control: controlBuffer, seed, accounts, total, plantedFault } = workerData as TortureInput
const control = new Int32Array(controlBuffer)

let state = seed
const random = (): number => {
  state = (Math.imul(state, 1_103_515_245) + 12_345) | 0
  return (state >>> 8) & 0xffff
}

const reader = new SharedReader(handle, {
  ...(plantedFault === undefined ? {} : { plantedFault }),
  *takeNotes(): Iterable<ChunkNote> {
    for (let note = receiveMessageOnPort(notes); note !== undefined; note = receiveMessageOnPort(notes)) {
      yield note.message as ChunkNote
    }
  },
  // Every fourth pin is overtaken by a few publishes.
  beforePin(): void {
    if (random() % 4 !== 0) return
    for (let i = 0, spins = random() * 4; i < spins; i++) Atomics.load(control, 0)
  },
})

const whole = { start: sliceOf(new Uint8Array(0)), end: sliceOf(new Uint8Array(40).fill(0xff)) }

try {
  while (Atomics.load(control, 0) === 0) {
    reader.pin()
    verify()
    reader.unpin()
    Atomics.add(control, 2, 1)
  }
} catch (error) {
  Atomics.add(control, 1, 1)
  parentPort!.postMessage(error instanceof Error ? error.stack : String(error))
}

function verify(): void {
  const reverse = random() % 4 === 0
  const cursor = reader.scan(whole, { reverse })
  let sum = 0
  let count = 0
  let extras = 0
  let partners = 0
  let before: string | undefined
  while (cursor.next()) {
    if (++count > 4 * accounts) throw new Error('a scan does not end')
    const key = Buffer.from(cursor.key.bytes.subarray(cursor.key.start, cursor.key.end)).toString('latin1')
    if (before !== undefined && (reverse ? key >= before : key <= before)) throw new Error(`${key} after ${before}`)
    before = key
    const entry = decode(key, cursor.value)
    if (key.startsWith('account')) sum += entry.balance
    if (key.startsWith('extra')) extras++
    if (key.startsWith('partner')) partners++
  }
  if (sum !== total) throw new Error(`the accounts hold ${sum} at ${reader.sequence}, not ${total}`)
  if (extras !== partners) throw new Error(`${extras} extras and ${partners} partners at ${reader.sequence}`)
  for (let i = 0; i < 20; i++) {
    const key = `account ${String(random() % accounts).padStart(8, '0')}`
    const value = reader.get(sliceOf(Buffer.from(key)))
    if (value === undefined) throw new Error(`${key} is missing`)
    decode(key, value)
  }
}

/** Value: balance i32 · sequence u32 · sum of the key's bytes u32 · as many bytes as the value likes, all (balance & 255). */
function decode(key: string, { bytes, start, end }: Slice): { balance: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const balance = view.getInt32(start, true)
  const sequence = view.getUint32(start + 4, true)
  let sum = 0
  for (let i = 0; i < key.length; i++) sum += key.charCodeAt(i)
  if (view.getUint32(start + 8, true) !== sum) throw new Error(`${key} has another key's value`)
  if (sequence > reader.sequence) throw new Error(`${key} is of ${sequence}, seen at ${reader.sequence}`)
  for (let i = start + 12; i < end; i++) {
    if (bytes[i] !== (balance & 0xff)) throw new Error(`${key} has a torn value`)
  }
  return { balance }
}
