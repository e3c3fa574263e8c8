/**
 * Values as clients send them, in parameters, lines of COPY and literals. A large one is read by another thread: a
 * document of 15 MB takes four seconds, a million elements of an array one.
 */
import { Elsewhere, type StatementSteps, type Transaction } from '../../../database/contract.ts'
import type { Host } from '../../../host/host.ts'
import type { SqlValue } from '../contract.ts'
import { evaluateElsewhere } from './evaluate.ts'
import { implementationOf, type RemoteCall } from './remote-call.ts'

type Given = string | Uint8Array
type Input = Extract<RemoteCall, { kind: 'input' }>

/** Of a parameter that is dear; `given` stays as it is until then. Rejects as reading it throws, and where it is given up. */
export function readElsewhere(host: Host, input: Input, given: Given, signal: AbortSignal): Promise<SqlValue> {
  const services = {
    worker: (...args: Parameters<Host['worker']>) => host.worker(...args),
    turn: () => new Promise<void>((resolve) => host.turn(resolve)),
  }
  return evaluateElsewhere(services, input, [given], () => readHere(input, given), signal)
}

/** The same as a part of a statement. */
export function* readInSteps(transaction: Transaction, input: Input, given: Given): StatementSteps<SqlValue> {
  const giveUp = new AbortController()
  const came: { outcome?: { readonly value: SqlValue } | { readonly error: unknown } } = {}
  const here = (): SqlValue => readHere(input, given)
  const done = evaluateElsewhere(transaction.services, input, [given], here, giveUp.signal).then(
    (value) => void (came.outcome = { value }),
    (error: unknown) => void (came.outcome = { error }),
  )
  while (came.outcome === undefined) yield new Elsewhere(done, () => giveUp.abort())
  if ('error' in came.outcome) throw came.outcome.error
  return came.outcome.value
}

function readHere(input: Input, given: Given): SqlValue {
  const read = implementationOf(input, () => () => null) as (value: Given) => SqlValue
  return read(given)
}
