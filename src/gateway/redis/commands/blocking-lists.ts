/** BLPOP, BRPOP, BLMPOP, BLMOVE, BRPOPLPUSH: `blocked-command.ts` says how they wait. */
import { looked, type Looked } from '../../../database/transaction/key-waits.ts'
import { isSteps } from '../../../database/transaction/wait.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { kind } from '../../../model/keyvalue/codec.ts'
import { findHeaderOf } from '../../../model/keyvalue/keyvalue.ts'
import type { Call, DataHandler, Steps } from '../call.ts'
import { findList, moveItem, popMany, popNested, readSide } from './lists.ts'
import { popOrBlock, readTimeoutSeconds } from './blocking.ts'
import { parsePopMany } from './pop-options.ts'

function popOne(atHead: boolean): DataHandler {
  return (call) => {
    const end = call.count - 1
    const timeoutMs = readTimeoutSeconds(call, end)
    return popOrBlock(
      call,
      {
        kind: 'list',
        of: kind.list,
        first: 1,
        end,
        timeoutMs,
        *pop(popping, at, list) {
          popping.reply.array(2)
          popping.reply.bulk(popping.arg(at))
          yield* popMany(popping, at, list, 1, atHead)
        },
      },
      (at) => findList(call, at),
    )
  }
}

function popSeveral(call: Call): Steps {
  const { end, side, wanted } = parsePopMany(call, 'LEFT', 'RIGHT', 2)
  const timeoutMs = readTimeoutSeconds(call, 1)
  return popOrBlock(
    call,
    {
      kind: 'list',
      of: kind.list,
      first: 3,
      end,
      timeoutMs,
      pop: (popping, at, list) => popNested(popping, at, list, wanted, side === 'LEFT'),
    },
    (at) => findList(call, at),
  )
}

function moveOrBlock(call: Call, fromHead: boolean, toHead: boolean, timeoutMs: number): Steps {
  const isBehind = findList(call, 1) !== undefined && call.isBehindOthers(1, 'list')
  if (findList(call, 1) !== undefined && !isBehind) return moveItem(call, fromHead, toHead)
  call.block({
    kind: 'list',
    first: 1,
    end: 2,
    timeoutMs,
    isBehind,
    serve: (later) => moveLater(later, fromHead, toHead),
    writeNull: (reply) => (call.mayBlock ? reply.nullArray() : reply.null()),
  })
}

function moveLater(call: Call, fromHead: boolean, toHead: boolean): Looked | StatementSteps<Looked> {
  const source = findHeaderOf(call.tx, call.space, call.arg(1), kind.list)
  if (source === undefined) return looked.nothing
  const steps = moveItem(call, fromHead, toHead)
  return isSteps(steps) ? moved(steps) : looked.served
}

function* moved(steps: StatementSteps<void>): StatementSteps<Looked> {
  yield* steps
  return looked.served
}

function move(call: Call): Steps {
  const fromHead = readSide(call, 3)
  const toHead = readSide(call, 4)
  return moveOrBlock(call, fromHead, toHead, readTimeoutSeconds(call, 5))
}

export const blockingListCommands: Readonly<Record<string, DataHandler>> = {
  blpop: popOne(true),
  brpop: popOne(false),
  blmpop: popSeveral,
  blmove: move,
  brpoplpush: (call) => moveOrBlock(call, false, true, readTimeoutSeconds(call, 3)),
}
