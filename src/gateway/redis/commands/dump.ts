/**
 * DUMP and RESTORE: a key as Redis writes it to a file (`model/keyvalue/rdb`), with the version of that and a checksum behind
 * it. What others send is believed in nothing: it is read in slices, and takes the place of a key when all of it was right.
 */
import type { AccessKind } from '../eviction/access-table.ts'
import { sliceLength, sliceOf, type Slice } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { Header, kind, never } from '../../../model/keyvalue/codec.ts'
import { deleteKey, findHeader, findKind } from '../../../model/keyvalue/keyvalue.ts'
import { BadData } from '../../../model/keyvalue/rdb/bad-data.ts'
import { writeValue } from '../../../model/keyvalue/rdb/dump-value.ts'
import { KeyBuilder } from '../../../model/keyvalue/rdb/key-builder.ts'
import { RdbInput } from '../../../model/keyvalue/rdb/rdb-input.ts'
import { RdbOutput } from '../../../model/keyvalue/rdb/rdb-output.ts'
import { readValue } from '../../../model/keyvalue/rdb/rdb-value.ts'
import { eachStep } from '../../../model/keyvalue/walk.ts'
import type { Call, DataHandler, Steps } from '../call.ts'
import { checkPayload, checksumOf, newestVersion, writtenVersion } from '../dump-footer.ts'
import { CommandError, syntaxError } from '../errors.ts'

function* dump(call: Call): StatementSteps<void> {
  const { reply, space, tx } = call
  const header = new Header()
  if (!findHeader(tx, space, call.arg(1), header)) return reply.null()
  const output = new RdbOutput((bytes) => tx.workspace.memory.charge(bytes, 'what DUMP has written'))
  yield* writeValue(tx, space, header, output)
  output.add(Uint8Array.of(header.fieldsExpireMs === never ? writtenVersion : newestVersion, 0))
  output.add(yield* checksumOf(call, output.parts.map(sliceOf)))
  reply.beginBulk(output.sizeBytes)
  const { parts } = output
  yield* eachStep(tx, 0, parts.length, 1, (at) => reply.continueBulk(sliceOf(parts[at]!)))
  reply.endBulk()
}

interface Options {
  readonly replace: boolean
  readonly isAbsolute: boolean
  readonly use: Use | undefined
}

/** How the key was used where it was dumped: seconds, or a count. */
interface Use {
  readonly kind: AccessKind
  readonly amount: number
}

function parse(call: Call): Options {
  let replace = false
  let isAbsolute = false
  let use: Use | undefined
  for (let at = 4; at < call.count; at++) {
    const option = call.option(at)
    const kindOfUse = useKinds.get(option)
    const hasValue = at + 1 < call.count && (use === undefined || use.kind === kindOfUse)
    if (option === 'REPLACE') replace = true
    else if (option === 'ABSTTL') isAbsolute = true
    else if (kindOfUse !== undefined && hasValue) use = { kind: kindOfUse, amount: readUse(call, option, ++at) }
    else throw syntaxError()
  }
  return { replace, isAbsolute, use }
}

const useKinds: ReadonlyMap<string, AccessKind> = new Map([
  ['IDLETIME', 'lru'],
  ['FREQ', 'lfu'],
])

/** Kept where a policy of maxmemory asks for it, as in Redis. */
function noteUse(call: Call, { kind: wanted, amount }: Use): void {
  const { accesses } = call.server.eviction
  if (accesses?.kind !== wanted) return
  const { database } = call.client
  const now = call.server.now()
  if (wanted === 'lru') accesses.setIdle(database, call.arg(1), amount * 1000, now)
  else accesses.setFrequency(database, call.arg(1), amount, now)
}

function readUse(call: Call, option: string, position: number): number {
  const value = call.integer(position)
  if (option === 'IDLETIME' && value < 0) throw new CommandError('ERR Invalid IDLETIME value, must be >= 0')
  if (option === 'FREQ' && (value < 0 || value > 255)) {
    throw new CommandError('ERR Invalid FREQ value, must be >= 0 and <= 255')
  }
  return value
}

function* restore(call: Call): StatementSteps<void> {
  const { tx } = call
  const { replace, isAbsolute, use } = parse(call)
  const isTaken = findKind(tx, call.space, call.arg(1)) !== kind.none
  if (isTaken && !replace) throw new CommandError('BUSYKEY Target key name already exists.')
  const ttl = call.long(2)
  if (ttl < 0n) throw new CommandError('ERR Invalid TTL value, must be >= 0')
  const { bytes, start, end } = call.arg(3)
  const value = yield* checkPayload(call, { bytes, start, end })
  const space = yield* inPlace(tx, () => call.writableSpace)
  const builder = new KeyBuilder(tx, space)
  yield* read(value, builder)
  const now = BigInt(Math.floor(tx.timeMs))
  const expiresAtMs = ttl === 0n ? never : isAbsolute ? ttl : ttl + now
  const key = call.key(1)
  if (expiresAtMs === never || expiresAtMs > now) {
    yield* builder.place(key, expiresAtMs)
    if (use !== undefined) noteUse(call, use)
  } else {
    // Nothing refers to what was read: it goes.
    yield* builder.drop()
    if (isTaken) yield* inPlace(tx, () => deleteKey(tx, space, sliceOf(key)))
  }
  call.reply.ok()
}

function* read(value: Slice, builder: KeyBuilder): StatementSteps<void> {
  try {
    const input = new RdbInput(value, value.end - value.start + longestUnpacked)
    yield* readValue(input, yield* input.byte(), builder)
  } catch (error) {
    if (error instanceof BadData) throw new CommandError('ERR Bad data format')
    throw error
  }
}

/** A string may be longer than what it is packed in. */
const longestUnpacked = 512 * 1024 * 1024

/** Where none of the keys is there, there is nothing to be moved, as Redis says. */
function migrate(call: Call): Steps {
  const keysAt = sliceLength(call.arg(3)) > 0 ? undefined : firstOfKeys(call)
  return call.each(
    keysAt ?? 3,
    keysAt === undefined ? call.count : 1,
    (at) => {
      if (findKind(call.tx, call.space, call.arg(at)) === kind.none) return
      throw new CommandError(
        'ERR MIGRATE is not supported: this server connects to no other. DUMP and RESTORE move keys, `polylog export redis` all of them',
      )
    },
    () => call.reply.status('NOKEY'),
  )
}

function firstOfKeys(call: Call): number | undefined {
  for (let at = 6; at < call.count; at++) if (call.option(at) === 'KEYS') return at + 1
  return undefined
}

export const dumpCommands: Readonly<Record<string, DataHandler>> = {
  dump,
  restore,
  'restore-asking': restore,
  migrate,
}
