/**
 * Expressions, filters and updates that may take long: 300 bytes of nested `$map` over `$range` are work without end.
 *
 * Each is first attempted here, within a bound that is counted by what its operators charge (`base/work.ts`): an element
 * that is looked at, a byte that is written. Beyond the bound another thread computes it, from its specification, the
 * document and the variables, which are bytes: an `Elsewhere` is thrown, whoever works in steps waits for it, and evaluates
 * the same document again (`database/transaction/wait.ts`), for which the answer is kept.
 *
 * Only the outermost part of an expression or filter is an evaluation: what lies within one has its bound.
 *
 * Invariants: the value depends on specification, document and variables alone; so it does not matter which thread
 * computes it, nor how often. At most `keptEvaluations` answers are kept for a specification, the newest.
 */
import { PolylogError } from '../../base/errors.ts'
import { attempt, dearUnits, isBounded, toItsEnd, tooMuch } from '../../base/work.ts'
import { Elsewhere, type TransactionServices } from '../../database/contract.ts'
import { servicesOfTurn } from '../../database/transaction/wait.ts'
import { type JobName, UnknownJobError, WorkerMemoryError } from '../../host/host.ts'
import { BsonValue } from '../../model/document/bson.ts'
import { collationInForce, inOrderOf } from '../../model/document/collation.ts'
import type { EvaluateAnswer, EvaluateInput, SentValue } from './evaluate-job.ts'
import { nextChance } from './expression-bits.ts'
import { interpreterCode } from './javascript/quickjs.ts'
import type { Scope, Variables } from './scope.ts'

export const evaluateMqlJob: JobName = 'evaluate-mql'

const keptEvaluations = 256

/** An expression answers a value, as does what a group has gathered, a filter whether it matches, an update the changed document. */
export type EvaluationKind = 'expression' | 'filter' | 'update' | 'gathering'

/** That have been sent to another thread: each has a number of its own. */
let evaluations = 0

type Outcome<T> = { readonly value: T } | { readonly error: unknown } | { readonly wait: Elsewhere }

interface Kept<T> {
  readonly root: BsonValue
  readonly variables: Variables
  outcome: Outcome<T>
}

/** `here` as an evaluation; `receive` makes its result of what the other thread sent. */
export function evaluation<T>(
  kind: EvaluationKind,
  specification: BsonValue,
  here: (scope: Scope) => T,
  receive: (answer: SentValue | boolean) => T,
): (scope: Scope) => T {
  let kept: Kept<T>[] = []
  let number: number | undefined
  /** The same memory for every document: it may be as long as a message, and is as good as given away with each. */
  let sentSpecification: SentValue | undefined
  const launch = (scope: Scope, services: TransactionServices): Elsewhere => {
    const giveUp = new AbortController()
    const collation = collationInForce()
    const root = sent(scope.root)
    const own: Kept<T> = { root: received(root), variables: scope.variables, outcome: { error: undefined } }
    const input: EvaluateInput = {
      kind,
      number: (number ??= ++evaluations),
      interpreter: interpreterCode(),
      chance: nextChance(),
      specification: (sentSpecification ??= sent(specification)),
      root,
      collation: collation?.stored(),
      variables: [...scope.variables].map(([name, value]) => [name, sent(value)] as const),
    }
    const done = answerOf(services, input, giveUp.signal).then(
      (answer) =>
        void (own.outcome =
          answer === undefined ? inOrderOf(collation, () => valueHere(own)) : { value: receive(answer) }),
      (error: unknown) => void (own.outcome = { error }),
    )
    const forget = (): void => {
      giveUp.abort()
      kept = kept.filter((one) => one !== own)
    }
    const wait = new Elsewhere(done, forget)
    own.outcome = { wait }
    kept = [...kept.slice(-keptEvaluations + 1), own]
    return wait
  }
  const valueHere = ({ root, variables }: Kept<T>): Outcome<T> => {
    try {
      // Readers of texts take no shared memory.
      return { value: toItsEnd(() => here({ root: root.copy(), variables })) }
    } catch (error) {
      return { error }
    }
  }
  return (scope) => {
    if (isBounded()) return here(scope)
    if (kept.length > 0) {
      const found = kept.find((one) => isSameScope(one, scope))
      if (found !== undefined) return take(found.outcome)
    }
    const value = attempt(dearUnits, () => here(scope))
    if (value !== tooMuch) return value
    const services = servicesOfTurn()
    if (services === undefined) throw new PolylogError('internal', 'an evaluation outside of a statement')
    throw launch(scope, services)
  }
}

function take<T>(outcome: Outcome<T>): T {
  if ('value' in outcome) return outcome.value
  throw 'wait' in outcome ? outcome.wait : outcome.error
}

function isSameScope(kept: Kept<unknown>, { root, variables }: Scope): boolean {
  if (!isSameValue(kept.root, root) || kept.variables.size !== variables.size) return false
  if (kept.variables === variables) return true
  for (const [name, value] of variables) {
    const other = kept.variables.get(name)
    if (other === undefined || !isSameValue(other, value)) return false
  }
  return true
}

function isSameValue(a: BsonValue, b: BsonValue): boolean {
  if (a.type !== b.type || a.end - a.start !== b.end - b.start) return false
  return Buffer.compare(a.bytes.subarray(a.start, a.end), b.bytes.subarray(b.start, b.end)) === 0
}

/** Undefined where the host has no such thread. */
async function answerOf(
  services: TransactionServices,
  input: EvaluateInput,
  signal: AbortSignal,
): Promise<SentValue | boolean | undefined> {
  let answer: EvaluateAnswer
  try {
    answer = (await services.worker(evaluateMqlJob, input, signal)) as EvaluateAnswer
  } catch (error) {
    if (error instanceof UnknownJobError) return undefined
    if (error instanceof WorkerMemoryError) throw new PolylogError('out_of_memory', 'the expression ran out of memory')
    throw error
  }
  if (typeof answer !== 'object' || !('error' in answer)) return answer
  const { code, message, detail } = answer.error
  throw new PolylogError(code, message, { detail })
}

/** Its bytes alone, in memory that both threads share. */
function sent({ type, bytes, start, end }: BsonValue): SentValue {
  const shared = new Uint8Array(new SharedArrayBuffer(end - start))
  shared.set(bytes.subarray(start, end))
  return { type, bytes: shared }
}

export function received({ type, bytes }: SentValue): BsonValue {
  return new BsonValue(type, bytes)
}
