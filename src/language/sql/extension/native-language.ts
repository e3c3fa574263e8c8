/** The language `c`: functions of extensions, which the server itself has. Nobody else makes any. */
import type { StatementSteps } from '../../../database/contract.ts'
import { isSteps } from '../../../database/transaction/wait.ts'
import type { SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import { type Invocation, registerRoutineLanguage } from '../routine/languages.ts'
import { findNative } from './available.ts'

function* runNative({ routine, caller, values }: Invocation): StatementSteps<readonly (readonly SqlValue[])[]> {
  const { name, body } = routine.definition
  const work = findNative(body)
  if (work === undefined) throw failure('42883', `this server has no function "${name}" of an extension`)
  const result = work(caller, values)
  return [[typeof result === 'object' && result !== null && isSteps(result) ? yield* result : result]]
}

registerRoutineLanguage({ name: 'c', run: runNative })
