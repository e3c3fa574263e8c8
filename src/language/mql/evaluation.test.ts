/** What is sent to another thread for what is too much for this one. */
import { expect, it } from 'vitest'
import { documentOf } from '../../../test/documents/any-document.ts'
import { dearUnits, charge } from '../../base/work.ts'
import { Elsewhere, type TransactionServices } from '../../database/contract.ts'
import { beginTurnOf } from '../../database/transaction/wait.ts'
import type { EvaluateInput } from './evaluate-job.ts'
import { evaluation } from './evaluation.ts'
import { noVariables, rootScope } from './scope.ts'

it('is the same memory for the specification, whatever the document', async () => {
  const inputs: EvaluateInput[] = []
  const worker = (_job: string, input: unknown): Promise<unknown> => {
    inputs.push(input as EvaluateInput)
    return Promise.resolve(true)
  }
  const dear = (): boolean => {
    charge(2 * dearUnits)
    return false
  }
  const specification = documentOf({ a: 'x'.repeat(1000) })
  const apply = evaluation('filter', specification, dear, Boolean)
  for (let i = 0; i < 3; i++) {
    const scope = rootScope(documentOf({ i }), noVariables)
    beginTurnOf({ worker } as unknown as TransactionServices)
    const wait = await Promise.resolve()
      .then(() => apply(scope))
      .catch((thrown: unknown) => thrown)
    expect(wait).toBeInstanceOf(Elsewhere)
    await (wait as Elsewhere).done
    expect(apply(scope)).toBe(true)
  }
  const [first, ...others] = inputs.map((input) => input.specification.bytes)
  expect(Buffer.from(first!)).toEqual(Buffer.from(specification.bytes))
  expect(others.map((bytes) => bytes.buffer === first!.buffer)).toEqual([true, true])
})
