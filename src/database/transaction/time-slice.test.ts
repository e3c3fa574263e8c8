import { expect, it } from 'vitest'
import { charge, turnUnits } from '../../base/work.ts'
import type { TransactionServices } from '../contract.ts'
import { StatementSlice } from './time-slice.ts'

it('counts what is charged to the meter as keys', () => {
  const slice = new StatementSlice({} as TransactionServices, () => 0, 1_000_000, 1000)
  slice.renew()
  expect(slice.spend(400)).toBe(false)
  charge(turnUnits / 2)
  expect(slice.spend(0)).toBe(false)
  expect(slice.spend(100)).toBe(true)
  slice.renew()
  expect(slice.spend(100)).toBe(false)
  charge(turnUnits)
  expect(slice.spend(0)).toBe(true)
})
