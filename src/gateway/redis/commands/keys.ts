/** Keys whatever they hold. */
import { inPlace } from '../../../database/transaction/wait.ts'
import { equalSlices, sliceOf } from '../../../base/slice.ts'
import { privilege } from '../../../database/access/privileges.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { Header, kind, kindNames } from '../../../model/keyvalue/codec.ts'
import { copyKey, countKeys, keysWithPrefix, randomKey, renameKey, walkKeys } from '../../../model/keyvalue/keyspace.ts'
import { deleteKey, findHeader, findKind } from '../../../model/keyvalue/keyvalue.ts'
import type { Call, DataHandler, Steps } from '../call.ts'
import { refuseInCluster } from '../cluster/node.ts'
import { databaseCount, findDatabase } from '../databases.ts'
import { CommandError, syntaxError } from '../errors.ts'
import { Glob } from '../glob.ts'
import { Denial } from '../permissions.ts'

function remove(call: Call): Steps {
  let count = 0
  const space = call.space
  return call.each(
    1,
    1,
    (at) => {
      if (deleteKey(call.tx, space, call.arg(at))) count++
    },
    () => call.reply.integer(count),
  )
}

function exists(call: Call): Steps {
  let count = 0
  const space = call.space
  return call.each(
    1,
    1,
    (at) => {
      if (findKind(call.tx, space, call.arg(at)) !== kind.none) count++
    },
    () => call.reply.integer(count),
  )
}

function type(call: Call): void {
  call.reply.status(kindNames[findKind(call.tx, call.space, call.arg(1))]!)
}

function rename(call: Call): Steps {
  const header = new Header()
  const space = call.space
  if (!findHeader(call.tx, space, call.arg(1), header)) throw new CommandError('ERR no such key')
  const isSame = equalSlices(call.arg(1), call.arg(2))
  const steps = isSame ? undefined : renameKey(call.tx, space, call.arg(1), header, call.arg(2))
  call.reply.ok()
  return steps
}

function renameIfFree(call: Call): Steps {
  const header = new Header()
  const space = call.space
  if (findKind(call.tx, space, call.arg(1)) === kind.none) throw new CommandError('ERR no such key')
  const isFree = findKind(call.tx, space, call.arg(2)) === kind.none
  const moves = isFree && findHeader(call.tx, space, call.arg(1), header)
  const steps = moves ? renameKey(call.tx, space, call.arg(1), header, call.arg(2)) : undefined
  call.reply.integer(isFree ? 1 : 0)
  return steps
}

function* random(call: Call): StatementSteps<void> {
  const key = yield* randomKey(call.tx, call.visibleSpace, call.visibleKeys)
  call.reply.bulkOrNull(key === undefined ? undefined : sliceOf(key))
}

function* list(call: Call): StatementSteps<void> {
  const glob = new Glob(call.arg(1))
  const { reply, visibleSpace: space, visibleKeys } = call
  yield* reply.counted(
    (count) => reply.array(count),
    function* () {
      let count = 0
      const visit = (key: Parameters<Glob['matches']>[0]): void => {
        if (!glob.matches(key) || visibleKeys?.(key) === false) return
        reply.bulk(key)
        count++
      }
      yield* walkKeys(call.tx, space, visit, keysWithPrefix(space, glob.prefix()))
      return count
    },
  )
}

interface CopyTarget {
  readonly database: number
  readonly replace: boolean
}

function parseCopy(call: Call): CopyTarget {
  let database = call.client.database
  let replace = false
  for (let at = 3; at < call.count; at++) {
    const option = call.option(at)
    if (option === 'REPLACE') replace = true
    else if (option === 'DB' && at + 1 < call.count) {
      database = call.databaseNumber(++at, 'ERR value is not an integer or out of range')
    } else throw syntaxError()
  }
  return { database, replace }
}

function* copy(call: Call): StatementSteps<void> {
  const { database, replace } = parseCopy(call)
  if (database !== 0) refuseInCluster(call, 'Copying to another database is')
  if (database === call.client.database && equalSlices(call.arg(1), call.arg(2))) {
    throw new CommandError('ERR source and destination objects are the same')
  }
  const header = new Header()
  const target = sliceOf(call.key(2))
  call.checkMayWriteTo(database, target)
  const isTaken = findKind(call.tx, call.readableDatabase(database), target) !== kind.none
  if (!findHeader(call.tx, call.space, call.arg(1), header) || (isTaken && !replace)) {
    call.reply.integer(0)
    return
  }
  const to = call.writableDatabase(database)
  // Making the database was a call on the transaction: what the header showed is gone.
  findHeader(call.tx, call.space, call.arg(1), header)
  yield* copyKey(call.tx, call.space, header, to, target)
  call.reply.integer(1)
}

function* move(call: Call): StatementSteps<void> {
  refuseInCluster(call, 'MOVE is')
  const database = call.databaseNumber(2, 'ERR value is not an integer or out of range')
  if (database === call.client.database) throw new CommandError('ERR source and destination objects are the same')
  const header = new Header()
  const key = sliceOf(call.key(1))
  call.checkMayWriteTo(database, key)
  const isTaken = findKind(call.tx, call.readableDatabase(database), key) !== kind.none
  if (isTaken || !findHeader(call.tx, call.space, key, header)) {
    call.reply.integer(0)
    return
  }
  const to = call.writableDatabase(database)
  findHeader(call.tx, call.space, key, header)
  yield* copyKey(call.tx, call.space, header, to, key)
  yield* inPlace(call.tx, () => deleteKey(call.tx, call.space, key))
  call.reply.integer(1)
}

function* size(call: Call): StatementSteps<void> {
  call.reply.integer(yield* countKeys(call.tx, call.space))
}

function checkFlushOption(call: Call): void {
  if (call.count === 1) return
  const option = call.option(1)
  if (call.count > 2 || (option !== 'SYNC' && option !== 'ASYNC')) throw syntaxError()
}

/** ASYNC and SYNC are the same here: a range delete is constant work, what it removed is freed in slices later. */
function flush(call: Call): void {
  checkFlushOption(call)
  clear(call, call.client.database)
  call.reply.ok()
}

function flushAll(call: Call): void {
  checkFlushOption(call)
  for (let number = 0; number < databaseCount; number++) {
    const mayClear = findDatabase(call.tx.catalog, number) === undefined || call.mayAll(number, privilege.delete)
    if (!mayClear) throw new Denial('command', 'flushall')
  }
  for (let number = 0; number < databaseCount; number++) clear(call, number)
  call.reply.ok()
}

function clear(call: Call, number: number): void {
  const collection = findDatabase(call.tx.catalog, number)
  if (collection !== undefined) call.tx.clearCollection(collection)
}

export const keyCommands: Readonly<Record<string, DataHandler>> = {
  del: remove,
  unlink: remove,
  exists,
  touch: exists,
  type,
  rename,
  renamenx: renameIfFree,
  randomkey: random,
  keys: list,
  copy,
  move,
  dbsize: size,
  flushdb: flush,
  flushall: flushAll,
}
