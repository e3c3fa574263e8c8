/** COMMIT and ROLLBACK of a procedure, or of a block that DO runs: see `routine/standing-alone.ts`. */
import type { StatementSteps } from '../../../database/contract.ts'
import { failure } from '../failure.ts'
import { Stop } from '../routine/standing-alone.ts'
import type { Done, Exec } from './compile.ts'
import type { Frame } from './frame.ts'
import { contextLine } from './lines.ts'
import type { Body, StatementNode } from './tree.ts'

type EndNode = Extract<StatementNode, { kind: 'transaction' }>

export function endOfTransaction({ isCommit, isChained }: EndNode): Exec {
  return function* (frame): StatementSteps<Done> {
    const { alone } = frame
    if (alone === undefined) throw refusal(frame, isCommit)
    if (alone.writingLoops > 0) {
      throw failure('2D000', 'cannot perform transaction commands inside a cursor loop that is not read-only')
    }
    for (const { name, isLoop } of frame.cursors.values()) if (!isLoop) frame.cursors.delete(name)
    alone.ended++
    yield new Stop({ end: { isCommit, isChained, where: contextLine(frame) } })
    return undefined
  }
}

function refusal({ isGuarded }: Frame, isCommit: boolean): Error {
  if (!isGuarded) return failure('2D000', 'invalid transaction termination')
  return failure('2D000', `cannot ${isCommit ? 'commit' : 'roll back'} while a subtransaction is active`)
}

/** Whether what is written there may end a transaction, by itself or by what it calls. */
export function mayEnd(body: Body): boolean {
  return JSON.stringify(body).search(/"kind":"transaction"|"text":"\s*(?:call|do)\b/i) >= 0
}
