import { BSON } from 'bson'
import { expect, it } from 'vitest'
import { PolylogError } from '../../base/errors.ts'
import { beginTurn, turnUnits, unitsDone } from '../../base/work.ts'
import { BsonWriter } from '../../model/document/bson-writer.ts'
import { WriteErrors } from './write-errors.ts'

interface Written {
  readonly writeErrors?: readonly { index: number; code: number; errmsg: string }[]
}

function written(errors: WriteErrors): { document: Written; units: number[] } {
  const writer = new BsonWriter().begin()
  const steps = errors.write(writer)
  const units: number[] = []
  for (let isDone = false; !isDone;) {
    beginTurn()
    isDone = steps.next().done === true
    units.push(unitsDone())
  }
  return { document: BSON.deserialize(writer.end().toBytes()), units }
}

it('messages of many errors end behind a mebibyte, codes do not', () => {
  const errors = new WriteErrors()
  const message = 'x'.repeat(1000)
  for (let i = 0; i < 5000; i++) errors.add(2 * i, new PolylogError('unique_violation', message))
  const { document } = written(errors)
  const list = document.writeErrors!
  expect(list.map(({ index, code }) => [index, code])).toEqual(list.map((_, i) => [2 * i, 11_000]))
  expect(list).toHaveLength(5000)
  const told = list.filter(({ errmsg }) => errmsg === message).length
  expect(told).toBeGreaterThan(900)
  expect(told).toBeLessThan(1100)
  expect(list.slice(told).every(({ errmsg }) => errmsg === '')).toBe(true)
})

it('many are written in turns, none writes nothing', () => {
  const errors = new WriteErrors()
  expect(written(errors).document).toEqual({})
  for (let i = 0; i < 100_000; i++) errors.add(i, new PolylogError('out_of_range', 'too much'))
  const { document, units } = written(errors)
  expect(document.writeErrors).toHaveLength(100_000)
  expect(units.length).toBeGreaterThan(1)
  expect(Math.max(...units)).toBeLessThan(2 * turnUnits)
})
