/**
 * A dear call made by another thread: its arguments are packed, sent and its result unpacked a slice a turn, so that the
 * kernel's thread goes on meanwhile whatever they are. A host without such threads makes the call in a turn of its own.
 */
import { PolylogError } from '../../../base/errors.ts'
import type { TransactionServices } from '../../../database/contract.ts'
import { type JobName, UnknownJobError, WorkerMemoryError } from '../../../host/host.ts'
import { inStyle, textStyle } from '../../../model/table/types/text-style.ts'
import { isMade } from '../../../model/table/types/user/user-type.ts'
import type { SqlValue } from '../contract.ts'
import type { EvaluateAnswer, EvaluateInput } from './evaluate-job.ts'
import { pack, type Slices, unpack } from './pack.ts'
import type { RemoteCall } from './remote-call.ts'

export const evaluateJob: JobName = 'evaluate-sql'

/** What a dear call needs: other threads, and turns of its own. */
export type CallServices = Pick<TransactionServices, 'worker' | 'turn'>

export async function evaluateElsewhere(
  services: CallServices,
  call: RemoteCall,
  values: readonly SqlValue[],
  here: () => SqlValue,
  signal: AbortSignal,
): Promise<SqlValue> {
  const style = textStyle()
  // Another thread knows the built-in types only.
  if (typesOf(call).some(isMade)) {
    await services.turn()
    return inStyle(style, here)
  }
  const input: EvaluateInput = { call, style: style.key, values: await inTurns(services, pack(values), signal) }
  let answer: EvaluateAnswer
  try {
    answer = (await services.worker(evaluateJob, input, signal)) as EvaluateAnswer
  } catch (error) {
    if (error instanceof UnknownJobError) return inStyle(style, here)
    if (error instanceof WorkerMemoryError) throw new PolylogError('out_of_memory', 'out of memory')
    throw error
  }
  if ('error' in answer) {
    const { code, message, detail } = answer.error
    throw new PolylogError(code, message, { detail })
  }
  const [result] = await inTurns(services, unpack(answer.result), signal)
  return result!
}

function typesOf(call: RemoteCall): readonly number[] {
  switch (call.kind) {
    case 'cast':
      return [call.from, call.to]
    case 'special':
      return call.types
    case 'finishing':
      return []
    default:
      return 'takes' in call ? call.takes : [call.type]
  }
}

async function inTurns<T>(services: CallServices, slices: Slices<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    const step = slices.next()
    if (step.done === true) return step.value
    await services.turn()
    if (signal.aborted) throw new PolylogError('canceled', 'canceling statement due to user request')
  }
}
