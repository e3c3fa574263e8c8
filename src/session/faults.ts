/**
 * What becomes of an error that nobody meant as an answer. One policy for all doors:
 *
 *   where it was thrown                           what happens
 *   the kernel: commit, locks, store, log         the process ends before it can write (`host.fatal`)
 *   parsing, binding, planning, evaluating, a     that statement's error, `internal`, with a number that stands in
 *     door's own commands                         the log beside the error; everybody else goes on
 *   the engine: no memory for one value, a        that statement's error, `out_of_memory` or `too_large`: not our
 *     stack too deep                              fault, and nothing broken
 *
 * The two are told apart by class: what the kernel asserts is an `InvariantError`, and what else is thrown while a
 * transaction is committed becomes one (`commitOf`). A statement that has thrown is rolled back as after
 * any error, so nothing of it stays.
 *
 * The client is told the number and no more: messages of the engine name our code and may hold others' data.
 */
import { InvariantError, PolylogError } from '../base/errors.ts'
import { asError } from '../base/logged-error.ts'
import type { Sequence } from '../database/contract.ts'
import type { Interruption } from '../database/commit/large-commits.ts'
import type { KernelTransaction } from '../database/transaction/transaction.ts'
import type { Host } from '../host/host.ts'

/** What to tell the client of `error`, which ended a statement or a request at `door`. */
export function answerTo(host: Host, door: string, error: unknown): PolylogError {
  if (error instanceof InvariantError) host.fatal(error)
  if (error instanceof PolylogError && error.code !== 'internal') return error
  return limitOf(error) ?? logFault(host, door, error)
}

function logFault(host: Host, door: string, error: unknown): PolylogError {
  const bytes = new Uint8Array(4)
  host.random(bytes)
  const id = Buffer.from(bytes).toString('hex')
  host.log('error', 'internal error', { id, door, error: asError(error) })
  return new PolylogError('internal', `internal error ${id}: the server's log tells more`, {
    cause: error,
    detail: { id },
  })
}

const noMemory =
  /^(?:Array buffer allocation failed|Invalid (?:typed )?array(?: buffer)? length|Invalid string length)|out of memory/i
const tooDeep = /^Maximum call stack size exceeded/

/** V8 says by a RangeError that something is larger than it can hold. */
function limitOf(error: unknown): PolylogError | undefined {
  if (!(error instanceof RangeError) && (error as NodeJS.ErrnoException | undefined)?.code !== 'ERR_STRING_TOO_LONG')
    return undefined
  const { message } = error as Error
  if (tooDeep.test(message)) {
    const detail = { sqlState: '54001' }
    return new PolylogError('too_large', 'stack depth limit exceeded', { cause: error, detail })
  }
  if (!noMemory.test(message) && !/string longer than/.test(message)) return undefined
  return new PolylogError('out_of_memory', 'out of memory: a value is larger than can be held', { cause: error })
}

/**
 * Commits, in this turn or in slices, which may be interrupted. What is thrown and is neither an answer nor something to
 * wait for has broken the kernel.
 */
export function commitOf(transaction: KernelTransaction, interruption?: Interruption): Sequence | Promise<Sequence> {
  try {
    const committed = transaction.commit(interruption)
    if (typeof committed === 'number') return committed
    return committed.catch((error: unknown) => {
      throw asFault(error)
    })
  } catch (error) {
    throw asFault(error)
  }
}

/** Of what the kernel threw while it committed. */
export function asFault(error: unknown): unknown {
  return error instanceof Error && !(error instanceof PolylogError) ? inKernel(error) : error
}

function inKernel(error: Error): InvariantError {
  if (error instanceof InvariantError) return error
  const broken = new InvariantError(error.message)
  broken.cause = error
  if (error.stack !== undefined) broken.stack = error.stack
  return broken
}
