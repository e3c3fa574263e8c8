/** Which values take so long to read, as clients send them, that another thread should do it. */
import { isAscii } from 'node:buffer'
import { dearUnits } from '../../../base/work.ts'
import { getType } from '../../../model/table/types/registry.ts'
import type { SqlValue } from '../contract.ts'
import { costOfTypes } from '../functions/cost.ts'
import { oid } from '../types/oids.ts'

/** Below this nothing is dear, whatever the type. */
const alwaysCheap = 8 * 1024
/** Of texts, which are only decoded: UTF-8 beyond ASCII takes 10 ns a byte. */
const textUnits = 10

/** Whether reading the value takes so long that another thread should. */
export function isDearInput(type: number, given: string | Uint8Array, isBinary: boolean): boolean {
  if (given.length < alwaysCheap) return false
  if (getType(type).category === 'S') {
    return typeof given !== 'string' && given.length * textUnits >= dearUnits && !isAscii(given)
  }
  if (isBinary && type === oid.bytea) return false
  const cost = costOfTypes([oid.text, type]) as (value: SqlValue) => number
  return cost(given) >= dearUnits
}
