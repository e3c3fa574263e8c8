/**
 * How the verifier goes on behind bytes that cannot be read. A page that cannot be brought in ends any other statement; here
 * it is an error of the read that missed it (`withReadErrors`), which whoever walks there catches, reports, and goes round:
 *
 *   a look-up        the entry or row that asked for it is named; the walk goes on with the next one
 *   a walk           what lies before the damage is looked at from the one end, what lies behind it from the other
 *   anything else    the collection is named; the next one follows
 *
 * Nothing is reported as missing because it could not be read.
 */
import { PolylogError } from '../../base/errors.ts'
import { DiskError } from '../../host/host.ts'
import { isMiss, type Miss } from '../../storage/store.ts'
import { Elsewhere, type StatementSteps } from '../contract.ts'

/** What a read gives for bytes that cannot be had, as a message. Anything else is thrown again. */
export function damageOf(error: unknown): string {
  if (error instanceof DiskError || (error instanceof PolylogError && error.code === 'data_corrupted'))
    return error.message
  throw error
}

/** Runs the steps as far as their bytes can be read: what is wrong with the others, undefined where nothing is. */
export function* damageIn(steps: StatementSteps<void>): StatementSteps<string | undefined> {
  try {
    yield* steps
    return undefined
  } catch (error) {
    return damageOf(error)
  }
}

/** The steps bring in their pages themselves: where one cannot be had, its error is thrown where it was missed. */
export function* withReadErrors<T>(
  reader: { load(miss: Miss): Promise<void> },
  steps: StatementSteps<T>,
): StatementSteps<T> {
  try {
    let next = steps.next()
    while (next.done !== true) {
      const wait = next.value
      if (!isMiss(wait)) {
        yield wait
        next = steps.next()
        continue
      }
      let failure: unknown
      const loading = reader.load(wait).catch((error: unknown) => void (failure = error))
      yield new Elsewhere(loading, () => undefined)
      next = failure === undefined ? steps.next() : steps.throw(failure)
    }
    return next.value
  } finally {
    // Where it ends early its own ends run; after the end this does nothing.
    steps.return(undefined as never)
  }
}
