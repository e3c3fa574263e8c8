/**
 * Values as clients send them, in parameters, lines of COPY and literals. A large one is read by another thread: a
 * document of 15 MB takes four seconds, a million elements of an array one.
 */
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { awaited } from '../../../database/transaction/wait.ts'
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
  const here = (): SqlValue => readHere(input, given)
  return yield* awaited((signal) => evaluateElsewhere(transaction.services, input, [given], here, signal))
}

function readHere(input: Input, given: Given): SqlValue {
  const read = implementationOf(input, () => () => null) as (value: Given) => SqlValue
  return read(given)
}
