/** Hashes. */
import { MutableSlice, type Slice } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { type Header, kind } from '../../../model/keyvalue/codec.ts'
import {
  deleteField,
  findField,
  incrementField,
  incrementFieldByFloat,
  setField,
} from '../../../model/keyvalue/hashes.ts'
import { decodeLastElement, elementOffset, elementRange, index, type Keyspace } from '../../../model/keyvalue/keys.ts'
import { findCollection, openCollection, saveCollection } from '../../../model/keyvalue/keyvalue.ts'
import { walkFields } from '../../../model/keyvalue/field-expiry.ts'
import { Pieces } from '../../../model/keyvalue/pieces.ts'
import { readFloat } from '../../../model/keyvalue/strings.ts'
import { walk } from '../../../model/keyvalue/walk.ts'
import type { Call, DataHandler, Steps } from '../call.ts'
import { CommandError, wrongArity } from '../errors.ts'
import { replyWithPieces, replyWithValue, taken } from './long-values.ts'
import { randomElements } from './random-elements.ts'
import { removeElements } from './remove-elements.ts'

function find(call: Call): Header | undefined {
  return findCollection(call.tx, call.space, call.arg(1), kind.hash)
}

function open(call: Call, space: Keyspace): Header {
  return openCollection(call.tx, space, call.arg(1), kind.hash)
}

function setFields(name: string, answer: (call: Call, added: number) => void): DataHandler {
  return (call) => {
    if (call.count % 2 === 1) throw wrongArity(name)
    const space = call.writableSpace
    const hash = open(call, space)
    let added = 0
    return call.each(
      2,
      2,
      (at) => {
        return taken(call, setField(call.tx, space, hash, call.arg(at), call.arg(at + 1)), (isNew) => {
          if (isNew) added++
        })
      },
      () => {
        saveCollection(call.tx, space, call.arg(1), hash)
        answer(call, added)
      },
    )
  }
}

function setIfNew(call: Call): Steps {
  const space = call.writableSpace
  const hash = open(call, space)
  if (findField(call.tx, space, hash, call.arg(2)) !== undefined) {
    call.reply.integer(0)
    return
  }
  return taken(call, setField(call.tx, space, hash, call.arg(2), call.arg(3)), () => {
    saveCollection(call.tx, space, call.arg(1), hash)
    call.reply.integer(1)
  })
}

function get(call: Call): Steps {
  const hash = find(call)
  return replyWithValue(call, hash === undefined ? undefined : findField(call.tx, call.space, hash, call.arg(2)))
}

function getMany(call: Call): Steps {
  const hash = find(call)
  const { space } = call
  call.reply.array(call.count - 2)
  return call.each(
    2,
    1,
    (at) => replyWithValue(call, hash === undefined ? undefined : findField(call.tx, space, hash, call.arg(at))),
    () => undefined,
  )
}

function length(call: Call): void {
  const hash = find(call)
  call.reply.integer(hash === undefined ? 0 : hash.count - hash.lapsed)
}

function exists(call: Call): void {
  const hash = find(call)
  const found = hash !== undefined && findField(call.tx, call.space, hash, call.arg(2)) !== undefined
  call.reply.integer(found ? 1 : 0)
}

function valueLength(call: Call): void {
  const hash = find(call)
  const value = hash === undefined ? undefined : findField(call.tx, call.space, hash, call.arg(2))
  call.reply.integer(value === undefined ? 0 : value instanceof Pieces ? value.bytes : value.end - value.start)
}

function readAll(begin: (call: Call, count: number) => void, shows: { field: boolean; value: boolean }): DataHandler {
  return function* (call: Call): StatementSteps<void> {
    const hash = find(call)
    begin(call, hash === undefined ? 0 : hash.count - hash.lapsed)
    if (hash === undefined) return
    const { reply, space, tx } = call
    const offset = elementOffset(space, index.field, hash.generation)
    const field = new MutableSlice()
    const short = (key: Slice, value: Slice): void => {
      if (shows.field) reply.bulk(decodeLastElement(key, offset, field))
      if (shows.value) reply.bulk(value)
    }
    if (!shows.value && hash.lapsed === 0) {
      return yield* walk(tx, elementRange(space, index.field, hash.generation), short)
    }
    const long = function* (key: Slice, value: Pieces): StatementSteps<void> {
      if (shows.field) reply.bulk(decodeLastElement(key, offset, field))
      if (shows.value) yield* replyWithPieces(call, value)
    }
    yield* walkFields(tx, space, hash, { short, long })
  }
}

function increment(call: Call): void {
  const by = call.long(3)
  const space = call.writableSpace
  const hash = open(call, space)
  const result = incrementField(call.tx, space, hash, call.arg(2), by)
  saveCollection(call.tx, space, call.arg(1), hash)
  call.reply.integer(result)
}

function incrementByFloat(call: Call): void {
  const by = readFloat(call.arg(3))
  if (by === 'infinite') throw new CommandError('ERR value is NaN or Infinity')
  const space = call.writableSpace
  const hash = open(call, space)
  const result = incrementFieldByFloat(call.tx, space, hash, call.arg(2), by)
  saveCollection(call.tx, space, call.arg(1), hash)
  call.reply.bulkText(result)
}

function* random(call: Call): StatementSteps<void> {
  const { space } = call
  yield* randomElements(call, kind.hash, 'WITHVALUES', index.field, {
    write: (value) => call.reply.bulk(value),
    space,
  })
}

export const hashCommands: Readonly<Record<string, DataHandler>> = {
  hset: setFields('hset', (call, added) => call.reply.integer(added)),
  hmset: setFields('hmset', (call) => call.reply.ok()),
  hsetnx: setIfNew,
  hget: get,
  hmget: getMany,
  hdel: removeElements(kind.hash, deleteField),
  hlen: length,
  hexists: exists,
  hstrlen: valueLength,
  hgetall: readAll((call, count) => call.reply.map(count), { field: true, value: true }),
  hkeys: readAll((call, count) => call.reply.array(count), { field: true, value: false }),
  hvals: readAll((call, count) => call.reply.array(count), { field: false, value: true }),
  hincrby: increment,
  hincrbyfloat: incrementByFloat,
  hrandfield: random,
}
