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
import { readFloat } from '../../../model/keyvalue/strings.ts'
import { walk } from '../../../model/keyvalue/walk.ts'
import type { Call, DataHandler, Steps } from '../call.ts'
import { CommandError, wrongArity } from '../errors.ts'
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
        if (setField(call.tx, space, hash, call.arg(at), call.arg(at + 1))) added++
      },
      () => {
        saveCollection(call.tx, space, call.arg(1), hash)
        answer(call, added)
      },
    )
  }
}

function setIfNew(call: Call): void {
  const space = call.writableSpace
  const hash = open(call, space)
  const isNew = findField(call.tx, space, hash, call.arg(2)) === undefined
  if (isNew) {
    setField(call.tx, space, hash, call.arg(2), call.arg(3))
    saveCollection(call.tx, space, call.arg(1), hash)
  }
  call.reply.integer(isNew ? 1 : 0)
}

function get(call: Call): void {
  const hash = find(call)
  call.reply.bulkOrNull(hash === undefined ? undefined : findField(call.tx, call.space, hash, call.arg(2)))
}

function getMany(call: Call): Steps {
  const hash = find(call)
  const { space } = call
  call.reply.array(call.count - 2)
  return call.each(
    2,
    1,
    (at) => call.reply.bulkOrNull(hash === undefined ? undefined : findField(call.tx, space, hash, call.arg(at))),
    () => undefined,
  )
}

function length(call: Call): void {
  call.reply.integer(find(call)?.count ?? 0)
}

function exists(call: Call): void {
  const hash = find(call)
  const found = hash !== undefined && findField(call.tx, call.space, hash, call.arg(2)) !== undefined
  call.reply.integer(found ? 1 : 0)
}

function valueLength(call: Call): void {
  const hash = find(call)
  const value = hash === undefined ? undefined : findField(call.tx, call.space, hash, call.arg(2))
  call.reply.integer(value === undefined ? 0 : value.end - value.start)
}

function readAll(begin: (call: Call, count: number) => void, visit: (call: Call, field: Slice, value: Slice) => void) {
  return function* (call: Call): StatementSteps<void> {
    const hash = find(call)
    begin(call, hash?.count ?? 0)
    if (hash === undefined) return
    const { space } = call
    const offset = elementOffset(space, index.field, hash.generation)
    const field = new MutableSlice()
    yield* walk(call.tx, elementRange(space, index.field, hash.generation), (key, value) =>
      visit(call, decodeLastElement(key, offset, field), value),
    )
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
  hgetall: readAll(
    (call, count) => call.reply.map(count),
    (call, field, value) => {
      call.reply.bulk(field)
      call.reply.bulk(value)
    },
  ),
  hkeys: readAll(
    (call, count) => call.reply.array(count),
    (call, field) => call.reply.bulk(field),
  ),
  hvals: readAll(
    (call, count) => call.reply.array(count),
    (call, _field, value) => call.reply.bulk(value),
  ),
  hincrby: increment,
  hincrbyfloat: incrementByFloat,
  hrandfield: random,
}
