/** All keys and libraries of a state, as the RDB file that a replica gets: some of it in each statement. */
import { copySlice, latin1ToBytes, type KeyRange, sliceOf } from '../../../base/slice.ts'
import { KeyWriter, keyspaceRange } from '../../../base/tuple.ts'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { Header } from '../../../model/keyvalue/codec.ts'
import { index, type Keyspace, writeHeaderKey } from '../../../model/keyvalue/keys.ts'
import { walkKeys } from '../../../model/keyvalue/keyspace.ts'
import { findHeader } from '../../../model/keyvalue/keyvalue.ts'
import { writeValue } from '../../../model/keyvalue/rdb/dump-value.ts'
import { RdbFileWriter } from '../../../model/keyvalue/rdb/rdb-file-writer.ts'
import { RdbOutput } from '../../../model/keyvalue/rdb/rdb-output.ts'
import { librariesOf } from '../scripts/libraries.ts'
import type { StateAt } from './state-at.ts'

const keysAtOnce = 128
const bytesAtOnce = 256 * 1024

/** In pieces; may be asked for again, and gives the same. */
export async function* wholeFile(state: StateAt): AsyncGenerator<Uint8Array, void, void> {
  const file = new RdbFileWriter()
  for (const { code } of librariesOf(state.catalog)) file.library(latin1ToBytes(code))
  for (const [number, id] of state.spaces.entries()) {
    if (id === undefined) continue
    file.database(number)
    let from: Uint8Array | undefined
    do {
      from = await state.run((tx) => addKeys(tx, { id }, file, from))
      if (file.sizeBytes >= bytesAtOnce) yield file.take()
    } while (from !== undefined)
  }
  yield file.end()
}

/** From a header's key on; where the next ones begin. */
function* addKeys(
  tx: Transaction,
  space: Keyspace,
  file: RdbFileWriter,
  from: Uint8Array | undefined,
): StatementSteps<Uint8Array | undefined> {
  const all = keyspaceRange(space.id, index.header)
  const range: KeyRange = from === undefined ? all : { start: sliceOf(from), end: all.end }
  const keys: Uint8Array[] = []
  let next: Uint8Array | undefined
  yield* walkKeys(
    tx,
    space,
    (key) => {
      if (keys.length === keysAtOnce) next = writeHeaderKey(new KeyWriter(64), space, key).toBytes()
      else keys.push(copySlice(key))
      return next === undefined
    },
    range,
  )
  for (const [at, key] of keys.entries()) {
    yield* addKey(tx, space, file, key)
    if (file.sizeBytes < bytesAtOnce || at + 1 === keys.length) continue
    return writeHeaderKey(new KeyWriter(64), space, sliceOf(keys[at + 1]!)).toBytes()
  }
  return next
}

function* addKey(tx: Transaction, space: Keyspace, file: RdbFileWriter, key: Uint8Array): StatementSteps<void> {
  const output = new RdbOutput((bytes) => tx.workspace.memory.charge(bytes, 'a key that a replica gets'))
  const header = new Header()
  if (!(yield* inPlace(tx, () => findHeader(tx, space, sliceOf(key), header)))) return
  const { expiresAtMs } = header
  yield* writeValue(tx, space, header, output)
  file.key(key, output.parts, Number(expiresAtMs))
}
