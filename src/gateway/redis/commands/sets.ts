/** Sets. */
import { inPlace } from '../../../database/transaction/wait.ts'
import { copySlice, equalSlices, MutableSlice, sliceOf } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { type Header, kind } from '../../../model/keyvalue/codec.ts'
import { decodeLastElement, elementOffset, elementRange, index } from '../../../model/keyvalue/keys.ts'
import { findCollection, openCollection, saveCollection } from '../../../model/keyvalue/keyvalue.ts'
import { sampleDistinct } from '../../../model/keyvalue/sample.ts'
import { addMember, hasMember, removeMember } from '../../../model/keyvalue/sets.ts'
import { eachStep, walk } from '../../../model/keyvalue/walk.ts'
import type { Call, DataHandler, Steps } from '../call.ts'
import { syntaxError } from '../errors.ts'
import { readPopCount } from './pop-options.ts'
import { randomElements } from './random-elements.ts'
import { removeElements } from './remove-elements.ts'

function find(call: Call, position = 1): Header | undefined {
  return findCollection(call.tx, call.space, call.arg(position), kind.set)
}

function add(call: Call): Steps {
  const space = call.writableSpace
  const set = openCollection(call.tx, space, call.arg(1), kind.set)
  let added = 0
  return call.each(
    2,
    1,
    (at) => {
      if (addMember(call.tx, space, set, call.arg(at))) added++
    },
    () => {
      if (added > 0) saveCollection(call.tx, space, call.arg(1), set)
      call.reply.integer(added)
    },
  )
}

function* members(call: Call): StatementSteps<void> {
  const set = find(call)
  call.reply.set(set?.count ?? 0)
  if (set === undefined) return
  const offset = elementOffset(call.space, index.member, set.generation)
  const member = new MutableSlice()
  yield* walk(call.tx, elementRange(call.space, index.member, set.generation), (key) =>
    call.reply.bulk(decodeLastElement(key, offset, member)),
  )
}

function isMember(call: Call): void {
  const set = find(call)
  call.reply.integer(set !== undefined && hasMember(call.tx, call.space, set, call.arg(2)) ? 1 : 0)
}

function areMembers(call: Call): Steps {
  const set = find(call)
  const { space } = call
  call.reply.array(call.count - 2)
  return call.each(
    2,
    1,
    (at) => call.reply.integer(set !== undefined && hasMember(call.tx, space, set, call.arg(at)) ? 1 : 0),
    () => undefined,
  )
}

function count(call: Call): void {
  call.reply.integer(find(call)?.count ?? 0)
}

function move(call: Call): void {
  const source = find(call, 1)
  if (source === undefined) {
    call.reply.integer(0)
    return
  }
  findCollection(call.tx, call.space, call.arg(2), kind.set)
  const member = call.arg(3)
  if (equalSlices(call.arg(1), call.arg(2))) {
    call.reply.integer(hasMember(call.tx, call.space, source, member) ? 1 : 0)
    return
  }
  const space = call.writableSpace
  const moved = removeMember(call.tx, space, source, member)
  if (moved) {
    saveCollection(call.tx, space, call.arg(1), source)
    const target = openCollection(call.tx, space, call.arg(2), kind.set)
    if (addMember(call.tx, space, target, member)) saveCollection(call.tx, space, call.arg(2), target)
  }
  call.reply.integer(moved ? 1 : 0)
}

function* pop(call: Call): StatementSteps<void> {
  if (call.count > 3) throw syntaxError()
  const wanted = call.count > 2 ? readPopCount(call) : 1
  const set = find(call)
  if (set === undefined) {
    if (call.count > 2) call.reply.set(0)
    else call.reply.null()
    return
  }
  const number = Math.min(wanted, set.count)
  if (call.count > 2) call.reply.set(number)
  if (number === 0) return
  const { space } = call
  const offset = elementOffset(space, index.member, set.generation)
  const range = elementRange(space, index.member, set.generation)
  const popped = yield* sampleDistinct(call.tx, range, set.count, number)
  const member = new MutableSlice()
  yield* eachStep(call.tx, 0, popped.length, 1, (at) => {
    const element = sliceOf(copySlice(decodeLastElement(sliceOf(popped[at]!), offset, member)))
    removeMember(call.tx, space, set, element)
    call.reply.bulk(element)
  })
  yield* inPlace(call.tx, () => saveCollection(call.tx, space, call.arg(1), set))
}

function random(call: Call): StatementSteps<void> {
  const nothing = { space: call.space, write: () => undefined }
  return randomElements(call, kind.set, undefined, index.member, nothing)
}

export const setCommands: Readonly<Record<string, DataHandler>> = {
  sadd: add,
  srem: removeElements(kind.set, removeMember),
  smembers: members,
  sismember: isMember,
  smismember: areMembers,
  scard: count,
  smove: move,
  spop: pop,
  srandmember: random,
}
