/** MEMORY: what a key takes, about, and what the server has. */
import type { StatementSteps } from '../../../database/contract.ts'
import { Header } from '../../../model/keyvalue/codec.ts'
import { elementRange } from '../../../model/keyvalue/keys.ts'
import { contentIndexes, findHeader } from '../../../model/keyvalue/keyvalue.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { copySlice, sliceLength, sliceOf } from '../../../base/slice.ts'
import type { Call, ConnectionHandler, DataHandler } from '../call.ts'
import { syntaxError } from '../errors.ts'
import { writeHelp } from './help.ts'

/** Of an entry in the store, beside its key and value. */
const entryBytes = 32
const usualSamples = 5
const samplesPerTurn = 500

function samplesOf(call: Call): number {
  if (call.count === 3) return usualSamples
  if (call.count !== 5 || call.option(3) !== 'SAMPLES') throw syntaxError()
  const count = call.integer(4)
  if (count < 0) throw syntaxError()
  return count === 0 ? Infinity : count
}

/** Its header, and what a sample of its elements says of all of them. */
function* usage(call: Call): StatementSteps<void> {
  const { tx } = call
  const samples = samplesOf(call)
  const space = call.space
  const key = sliceOf(call.key(2))
  const header = new Header()
  if (!(yield* inPlace(tx, () => findHeader(tx, space, key, header)))) {
    call.reply.null()
    return
  }
  let bytes = entryBytes + sliceLength(key) + 16
  if (header.isInline) bytes += sliceLength(header)
  else
    for (const of of contentIndexes(header))
      bytes += yield* sizeOf(call, elementRange(space, of, header.generation), samples)
  call.reply.integer(Math.round(bytes))
}

function* sizeOf(call: Call, range: ReturnType<typeof elementRange>, samples: number): StatementSteps<number> {
  const { tx } = call
  const { start, end } = { start: copySlice(range.start), end: copySlice(range.end) }
  const all = { start: sliceOf(start), end: sliceOf(end) }
  let after: Uint8Array | undefined
  let seen = 0
  let bytes = 0
  for (;;) {
    const isOver = yield* inPlace(tx, () => {
      const cursor = tx.scan(after === undefined ? all : { start: sliceOf(after), end: all.end })
      let found = 0
      let size = 0
      let last = after
      while (found < samplesPerTurn && seen + found < samples && cursor.next()) {
        found++
        size += entryBytes + sliceLength(cursor.key) + sliceLength(cursor.value)
        last = new Uint8Array(sliceLength(cursor.key) + 1)
        last.set(copySlice(cursor.key))
      }
      after = last
      seen += found
      bytes += size
      return found < samplesPerTurn
    })
    if (isOver || seen >= samples) break
    yield undefined
  }
  const count = seen < samples ? seen : yield* inPlace(tx, () => Math.max(seen, tx.count(all) ?? seen))
  return seen === 0 ? 0 : (bytes / seen) * count
}

function statistics({ reply, server }: Call): void {
  const { memory, host } = server.sessions
  const { residentBytes } = host.memory()
  const fields: readonly (readonly [string, number])[] = [
    ['peak.allocated', Math.max(memory.root.usedBytes, memory.root.peakBytes)],
    ['total.allocated', memory.root.usedBytes],
    ['clients.normal', memory.work.usedBytes],
    ['dataset.bytes', memory.stored.usedBytes],
    ['rss', residentBytes],
  ]
  reply.map(fields.length)
  for (const [name, value] of fields) {
    reply.bulkText(name)
    reply.integer(value)
  }
}

function doctor({ reply, server }: Call): void {
  const { memory } = server.sessions
  const isNearLimit = Number.isFinite(memory.limitBytes) && memory.root.usedBytes > memory.limitBytes * 0.9
  reply.verbatim(isNearLimit ? 'More than nine tenths of the memory limit are in use.\n' : 'There is nothing to say.\n')
}

export const memoryDataCommands: Readonly<Record<string, DataHandler>> = { 'memory|usage': usage }

export const memoryCommands: Readonly<Record<string, ConnectionHandler>> = {
  'memory|stats': statistics,
  'memory|doctor': doctor,
  // What is freed goes back to the system by itself.
  'memory|purge': (call) => call.reply.ok(),
  'memory|malloc-stats': (call) => call.reply.verbatim('Stats not supported for the current allocator'),
  'memory|help': (call) => writeHelp(call, 'memory'),
}
