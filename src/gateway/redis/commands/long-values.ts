/** What commands do with values that lie in pieces, which takes steps: replying with them, and going on afterwards. */
import type { Slice } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { inPlace, isSteps } from '../../../database/transaction/wait.ts'
import { Pieces, readPieces } from '../../../model/keyvalue/pieces.ts'
import type { Call, Steps } from '../call.ts'

/** A bulk string with the value, or null where there is none. */
export function replyWithValue(call: Call, value: Slice | Pieces | undefined): StatementSteps<void> | undefined {
  if (value instanceof Pieces) return replyWithPieces(call, value)
  call.reply.bulkOrNull(value)
  return undefined
}

/** A bulk string of bytes `from` to `to`. */
export function* replyWithPieces(
  call: Call,
  pieces: Pieces,
  from = 0,
  to: number = pieces.bytes,
): StatementSteps<void> {
  const { reply } = call
  reply.beginBulk(to - from)
  yield* readPieces(call.tx, pieces, (piece) => reply.continueBulk(piece), from, to)
  reply.endBulk()
}

/** `next`, after the steps where there are any. */
export function followedBy(call: Call, steps: StatementSteps<void> | undefined, next: () => Steps): Steps {
  return steps === undefined ? next() : inOrder(call, steps, next)
}

export function* inOrder(call: Call, steps: StatementSteps<void>, next: () => Steps): StatementSteps<void> {
  yield* steps
  const more = yield* inPlace(call.tx, next)
  if (more !== undefined) yield* more
}

/** Gives `take` what was answered, now or when the steps are done. */
export function taken(call: Call, answer: boolean | StatementSteps<boolean>, take: (answer: boolean) => void): Steps {
  if (isSteps(answer)) return takenLater(call, answer, take)
  take(answer)
}

function* takenLater(
  call: Call,
  steps: StatementSteps<boolean>,
  take: (answer: boolean) => void,
): StatementSteps<void> {
  const answer = yield* steps
  yield* inPlace(call.tx, () => take(answer))
}
