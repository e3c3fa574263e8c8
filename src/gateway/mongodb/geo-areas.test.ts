/** Areas on the sphere: which side of a border they are, and what an index finds of large and small ones. */
import type { Document } from 'mongodb'
import { expect, it } from 'vitest'
import { openTestDriver } from './testing.ts'

const { client } = await openTestDriver()
const database = client.db('areas')
const point = (...coordinates: number[]): Document => ({ type: 'Point', coordinates })
const corners = (half: number): number[][] => [
  [-half, -half],
  [half, -half],
  [half, half],
  [-half, half],
  [-half, -half],
]
const polygon = (loop: number[][]): Document => ({ type: 'Polygon', coordinates: [loop] })

async function idsOf(name: string, filter: Document, options: Document = {}): Promise<unknown[]> {
  return (await database.collection(name).find(filter, options).sort({ _id: 1 }).toArray()).map(
    ({ _id }) => _id as unknown,
  )
}

it('an area is the smaller part on one side of its border, whichever way that goes, and not what is opposite', async () => {
  const places = [point(0, 0), point(180, 0), point(50, 0)]
  await database.collection<Document & { _id: number }>('places').insertMany(places.map((at, _id) => ({ _id, at })))
  for (const loop of [corners(10), corners(10).toReversed()]) {
    expect(await idsOf('places', { at: { $geoWithin: { $geometry: polygon(loop) } } })).toEqual([0])
  }
})

it('an index finds a large area by a place in it, and a small one by what is around it', async () => {
  const areas = database.collection<Document & { _id: number }>('areas')
  await areas.createIndex({ at: '2dsphere' })
  await areas.insertMany([60, 5, 0.001].map((half, _id) => ({ _id, at: polygon(corners(half)) })))
  const meets = (geometry: Document): Promise<unknown[]> =>
    idsOf('areas', { at: { $geoIntersects: { $geometry: geometry } } }, { hint: { at: '2dsphere' } })
  expect(await meets(point(30, 30))).toEqual([0])
  expect(await meets(point(3, 3))).toEqual([0, 1])
  expect(await meets(point(0, 0))).toEqual([0, 1, 2])
  expect(await meets(polygon(corners(70)))).toEqual([0, 1, 2])
})
