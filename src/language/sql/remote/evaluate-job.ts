/** The other thread's part of a dear call: finds the function, makes the call, and answers its result or its error. */
import { PolylogError, type ErrorCode, type ErrorDetail } from '../../../base/errors.ts'
import { specialImplementation } from '../bind/special-functions.ts'
import { inStyle } from '../../../model/table/types/text-style.ts'
import type { SqlValue } from '../contract.ts'
/* oxlint-disable-next-line import/no-unassigned-import -- registers the functions */
import '../functions/library.ts'
import { textStyleOfKey } from '../settings/text-settings.ts'
import { atOnce, pack, type Packed, unpack } from './pack.ts'
import { implementationOf, type RemoteCall } from './remote-call.ts'

export interface EvaluateInput {
  readonly call: RemoteCall
  /** `TextStyle.key` */
  readonly style: string
  readonly values: Packed
}

export type EvaluateAnswer =
  | { readonly result: Packed }
  | { readonly error: { readonly code: ErrorCode; readonly message: string; readonly detail: ErrorDetail } }

export function run(given: unknown): EvaluateAnswer {
  const { call, style, values } = given as EvaluateInput
  try {
    const implementation = implementationOf(call, specialImplementation) as (...all: readonly SqlValue[]) => SqlValue
    const result = inStyle(textStyleOfKey(style), () => implementation(...atOnce(unpack(values))))
    return { result: atOnce(pack([result])) }
  } catch (error) {
    if (!(error instanceof PolylogError)) throw error
    const { code, message, detail } = error
    return { error: { code, message, detail } }
  }
}
