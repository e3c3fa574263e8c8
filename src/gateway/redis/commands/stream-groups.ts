/** XGROUP and XACK. */
import type { Slice } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { type Header, kind } from '../../../model/keyvalue/codec.ts'
import type { Keyspace } from '../../../model/keyvalue/keys.ts'
import { openCollection, saveCollection, touchCollection } from '../../../model/keyvalue/keyvalue.ts'
import { touched } from '../../../model/keyvalue/touches.ts'
import {
  createGroup,
  deleteConsumer,
  destroyGroup,
  dropPending,
  findConsumer,
  findGroup,
  type Group,
  holdGroup,
  saveGroup,
  seeConsumer,
  unknownCount,
} from '../../../model/keyvalue/stream-groups.ts'
import type { StreamId } from '../../../model/keyvalue/stream-ids.ts'
import { stateOf } from '../../../model/keyvalue/streams.ts'
import { eachStep } from '../../../model/keyvalue/walk.ts'
import type { Call, DataHandler } from '../call.ts'
import { CommandError } from '../errors.ts'
import { readId, readIdOrEdge, readIds } from './stream-arguments.ts'
import { findStream } from './streams.ts'

/** A stream with one of its groups, as a command found them. */
export interface OpenGroup {
  readonly space: Keyspace
  readonly stream: Header
  readonly group: Group
}

/** Undefined where there is no such stream, or no such group. */
export function findOpenGroup(call: Call, keyAt: number, nameAt: number): OpenGroup | undefined {
  const stream = findStream(call, keyAt)
  if (stream === undefined) return undefined
  const group = findGroup(call.tx, call.space, stream, call.arg(nameAt))
  return group && { space: call.space, stream, group }
}

/** After what belongs to a group was written. To be called in place. */
export function saveOpenGroup(call: Call, keyAt: number, { space, stream, group }: OpenGroup): void {
  holdGroup(call.tx, space, stream, group)
  saveCollection(call.tx, space, call.arg(keyAt), stream)
}

/** One who reads or claims, who is made where there is none of the name. To be called in place. */
export function meetConsumer(call: Call, keyAt: number, { space, stream, group }: OpenGroup, name: Slice): void {
  const { tx } = call
  if (tx.effects.areObserved && findConsumer(tx, space, stream, group, name) === undefined) {
    touched(tx, space, call.arg(keyAt), 'consumer', kind.stream)
  }
  seeConsumer(tx, space, stream, group, name)
}

export function subcommandSyntax(call: Call, name: string): CommandError {
  const sub = call.shown(1).slice(0, 128)
  return new CommandError(`ERR unknown subcommand or wrong number of arguments for '${sub}'. Try ${name} HELP.`)
}

interface GroupOptions {
  readonly makesStream: boolean
  readonly entriesRead: bigint
}

function parseGroupOptions(call: Call, mayMake: boolean): GroupOptions {
  let makesStream = false
  let entriesRead = unknownCount
  for (let at = 5; at < call.count; at++) {
    const option = call.option(at)
    if (mayMake && option === 'MKSTREAM') makesStream = true
    else if (option === 'ENTRIESREAD' && at + 1 < call.count) {
      entriesRead = call.long(++at)
      if (entriesRead < unknownCount) throw new CommandError('ERR value for ENTRIESREAD must be positive or -1')
    } else throw subcommandSyntax(call, 'XGROUP')
  }
  return { makesStream, entriesRead }
}

function streamForGroup(call: Call): Header {
  const stream = findStream(call, 2)
  if (stream !== undefined) return stream
  throw new CommandError(
    'ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM ' +
      'option to create an empty stream automatically.',
  )
}

function groupOf(call: Call): OpenGroup {
  const stream = streamForGroup(call)
  const group = findGroup(call.tx, call.space, stream, call.arg(3))
  if (group !== undefined) return { space: call.space, stream, group }
  throw new CommandError(`NOGROUP No such consumer group '${call.shown(3)}' for key name '${call.shown(2)}'`)
}

/** `$` is the last one. */
function isLast(call: Call, position: number): boolean {
  return call.shown(position) === '$'
}

function create(call: Call): void {
  const { makesStream, entriesRead } = parseGroupOptions(call, true)
  const found = makesStream ? findStream(call, 2) : streamForGroup(call)
  if (call.count > 8) throw subcommandSyntax(call, 'XGROUP')
  const lastId = isLast(call, 4) ? (found?.stream?.lastId ?? 0n) : readId(call, 4)
  if (found !== undefined && findGroup(call.tx, call.space, found, call.arg(3)) !== undefined) {
    throw new CommandError('BUSYGROUP Consumer Group name already exists')
  }
  const space = call.writableSpace
  const stream = found ?? openCollection(call.tx, space, call.arg(2), kind.stream)
  createGroup(call.tx, space, stream, call.arg(3), { lastId, entriesRead })
  saveCollection(call.tx, space, call.arg(2), stream)
  call.reply.ok()
}

function setId(call: Call): void {
  const { entriesRead } = parseGroupOptions(call, false)
  const { space, stream, group } = groupOf(call)
  if (call.count !== 5 && call.count !== 7) throw subcommandSyntax(call, 'XGROUP')
  const lastId = isLast(call, 4) ? stateOf(stream).lastId : readIdOrEdge(call, 4)
  saveGroup(call.tx, space, stream, { ...group, lastId, entriesRead })
  saveCollection(call.tx, space, call.arg(2), stream)
  call.reply.ok()
}

function destroy(call: Call): void {
  const stream = streamForGroup(call)
  const { space, tx } = call
  const group = findGroup(tx, space, stream, call.arg(3))
  if (group !== undefined) {
    destroyGroup(tx, space, stream, group)
    // Who waits for its entries hears of it by the header.
    touchCollection(tx, space, call.arg(2), stream)
  }
  call.reply.integer(group === undefined ? 0 : 1)
}

function createConsumer(call: Call): void {
  const found = groupOf(call)
  const { space, stream, group } = found
  const isNew = findConsumer(call.tx, space, stream, group, call.arg(4)) === undefined
  if (isNew) {
    seeConsumer(call.tx, space, stream, group, call.arg(4))
    saveOpenGroup(call, 2, found)
  }
  call.reply.integer(isNew ? 1 : 0)
}

function* dropConsumer(call: Call): StatementSteps<void> {
  const found = groupOf(call)
  const { space, stream, group } = found
  if (findConsumer(call.tx, space, stream, group, call.arg(4)) === undefined) return call.reply.integer(0)
  const pending = yield* deleteConsumer(call.tx, space, stream, group, call.arg(4))
  yield* inPlace(call.tx, () => saveOpenGroup(call, 2, found))
  call.reply.integer(pending)
}

function* acknowledge(call: Call): StatementSteps<void> {
  const found = findOpenGroup(call, 1, 2)
  if (found === undefined) return call.reply.integer(0)
  const { space, stream, group } = found
  const ids: readonly StreamId[] = yield* readIds(call, 3, call.count)
  let dropped = 0
  yield* eachStep(call.tx, 0, ids.length, 1, (at) => {
    if (dropPending(call.tx, space, stream, group, ids[at]!)) dropped++
  })
  if (dropped > 0) yield* inPlace(call.tx, () => saveOpenGroup(call, 1, found))
  call.reply.integer(dropped)
}

export const streamGroupCommands: Readonly<Record<string, DataHandler>> = {
  'xgroup|create': create,
  'xgroup|setid': setId,
  'xgroup|destroy': destroy,
  'xgroup|createconsumer': createConsumer,
  'xgroup|delconsumer': dropConsumer,
  xack: acknowledge,
}
