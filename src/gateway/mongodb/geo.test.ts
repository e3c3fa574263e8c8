/** Geometries: operators, stage and indexes. Facts from the manual of MongoDB 7.0; distances by the formula of great circles. */
import fc from 'fast-check'
import { type Document, MongoServerError } from 'mongodb'
import { beforeAll, describe, expect, it } from 'vitest'
import { openTestDriver } from './testing.ts'

const { client } = await openTestDriver()
const database = client.db('geo')
type Item = Document & { _id: number | string }
const on = (name: string) => database.collection<Item>(name)
const point = (...coordinates: number[]): Document => ({ type: 'Point', coordinates })
const polygon = (...loops: number[][][]): Document => ({ type: 'Polygon', coordinates: loops })
const square = (x: number, y: number, half: number): number[][] => [
  [x - half, y - half],
  [x + half, y - half],
  [x + half, y + half],
  [x - half, y + half],
  [x - half, y - half],
]

async function idsOf(name: string, filter: Document, options: Document = {}): Promise<unknown[]> {
  return (
    await on(name)
      .find(filter, { projection: { _id: 1 }, ...options })
      .toArray()
  ).map(({ _id }) => _id)
}

async function codeOf(run: Promise<unknown>): Promise<unknown> {
  return run.then(
    () => 'done',
    (error: unknown) => (error instanceof MongoServerError ? error.code : error),
  )
}

/** Meters, by the haversine. */
function meters([x1, y1]: readonly number[], [x2, y2]: readonly number[]): number {
  const radians = (degrees: number): number => (degrees * Math.PI) / 180
  const [dy, dx] = [radians(y2! - y1!), radians(x2! - x1!)]
  const h = Math.sin(dy / 2) ** 2 + Math.cos(radians(y1!)) * Math.cos(radians(y2!)) * Math.sin(dx / 2) ** 2
  return 2 * 6_378_100 * Math.asin(Math.min(1, Math.sqrt(h)))
}

const cities: Readonly<Record<string, readonly [number, number]>> = {
  bern: [7.447, 46.948],
  geneva: [6.143, 46.204],
  paris: [2.352, 48.857],
  suva: [178.442, -18.142],
  apia: [-171.767, -13.833],
  longyearbyen: [15.64, 78.22],
}

beforeAll(async () => {
  await on('cities').insertMany(
    Object.entries(cities).map(([_id, [x, y]]) => ({ _id, at: point(x, y), k: _id.length % 2 })),
  )
  await on('cities').createIndex({ at: '2dsphere' })
  await on('flat').insertMany([1, 2, 3, 4].map((n) => ({ _id: n, at: [n, n], named: { lng: n, lat: n } })))
  await on('flat').createIndex({ at: '2d' })
})

describe('what is near', () => {
  it('comes by its distance, in meters', async () => {
    const near = { $near: { $geometry: point(7.447, 46.948) } }
    expect(await idsOf('cities', { at: near })).toEqual(['bern', 'geneva', 'paris', 'longyearbyen', 'apia', 'suva'])
    expect(await idsOf('cities', { at: near }, { limit: 2, skip: 1 })).toEqual(['geneva', 'paris'])
    expect(await idsOf('cities', { at: near, k: 0 })).toEqual(['bern', 'geneva', 'longyearbyen', 'apia', 'suva'])
    const far = meters(cities['bern']!, cities['paris']!)
    const within = (max: number, min = 0): Document => ({
      at: { $nearSphere: { $geometry: point(7.447, 46.948), $maxDistance: max, $minDistance: min } },
    })
    expect(await idsOf('cities', within(far + 1))).toEqual(['bern', 'geneva', 'paris'])
    expect(await idsOf('cities', within(far - 1))).toEqual(['bern', 'geneva'])
    expect(await idsOf('cities', within(far + 1, 1))).toEqual(['geneva', 'paris'])
    // Over the line where longitudes begin anew.
    const { $near: suva } = { $near: { $geometry: point(...cities['suva']!), $maxDistance: 1_300_000 } }
    expect(await idsOf('cities', { at: { $near: suva } })).toEqual(['suva', 'apia'])
  })

  it('has another order where one is asked for, and is changed nearest first', async () => {
    const filter = { at: { $near: { $geometry: point(2, 48), $maxDistance: 1_000_000 } } }
    expect(await idsOf('cities', filter, { sort: { _id: -1 } })).toEqual(['paris', 'geneva', 'bern'])
    await on('cities').updateOne(filter, { $set: { nearest: true } })
    expect(await idsOf('cities', { nearest: true })).toEqual(['paris'])
  })

  it('is told in radians of legacy places, and in the units of a plane', async () => {
    const angle = meters(cities['bern']!, cities['paris']!) / 6_378_100
    expect(await idsOf('cities', { at: { $nearSphere: [7.447, 46.948], $maxDistance: angle + 1e-6 } })).toEqual([
      'bern',
      'geneva',
      'paris',
    ])
    expect(await idsOf('flat', { at: { $near: [4, 4], $maxDistance: 2 } })).toEqual([4, 3])
    expect(await idsOf('flat', { at: { $near: [0, 0] } })).toEqual([1, 2, 3, 4])
  })

  it('needs an index of geometries, and stands beside other conditions', async () => {
    const near = { $near: { $geometry: point(0, 0) } }
    expect(await codeOf(on('cities').find({ other: near }).toArray())).toBe(291)
    expect(
      await codeOf(
        on('cities')
          .find({ at: { $near: [0, 0] } })
          .toArray(),
      ),
    ).toBe(291)
    expect(
      await codeOf(
        on('cities')
          .find({ $or: [{ at: near }] as Document[] })
          .toArray(),
      ),
    ).toBe('done')
    expect(
      await codeOf(
        on('cities')
          .find({ $or: [{ at: near }, { k: 1 }] as Document[] })
          .toArray(),
      ),
    ).toBe(2)
    expect(
      await codeOf(
        on('cities')
          .find({ at: { $not: near } })
          .toArray(),
      ),
    ).toBe(2)
    expect(
      await codeOf(
        on('cities')
          .find({ $and: [{ at: near }, { at: near }] })
          .toArray(),
      ),
    ).toBe(2)
    expect(
      await codeOf(
        on('cities')
          .aggregate([{ $match: { at: near } }])
          .toArray(),
      ),
    ).toBe(5_626_500)
    expect(
      await codeOf(
        on('cities')
          .aggregate([{ $limit: 1 }, { $match: { at: near } }])
          .toArray(),
      ),
    ).toBe(5_626_500)
    expect(
      await codeOf(
        on('cities')
          .find({ at: { $maxDistance: 1 } })
          .toArray(),
      ),
    ).toBe(2)
    expect(await idsOf('none', { at: near })).toEqual([])
  })
})

describe('$geoNear', () => {
  it('tells how far each is', async () => {
    const [bern, geneva] = await on('cities')
      .aggregate([
        {
          $geoNear: {
            near: point(...cities['bern']!),
            distanceField: 'how.far',
            includeLocs: 'where',
            query: { k: 0 },
          },
        },
        { $limit: 2 },
      ])
      .toArray()
    expect(bern).toMatchObject({ _id: 'bern', how: { far: 0 }, where: point(...cities['bern']!) })
    expect((geneva!['how'] as Document)['far']).toBeCloseTo(meters(cities['bern']!, cities['geneva']!), 3)
    const inKilometers = {
      near: point(...cities['bern']!),
      distanceField: 'd',
      distanceMultiplier: 0.001,
      maxDistance: 130_000,
    }
    const found = await on('cities')
      .aggregate([{ $geoNear: inKilometers }])
      .toArray()
    expect(found.map(({ d }) => Math.round(d as number))).toEqual([
      0,
      Math.round(meters(cities['bern']!, cities['geneva']!) / 1000),
    ])
    const flat = await on('flat')
      .aggregate([{ $geoNear: { near: [1, 1], distanceField: 'd', key: 'at', minDistance: 1, maxDistance: 3 } }])
      .toArray()
    expect(flat.map(({ _id, d }) => [_id, d] as unknown)).toEqual([
      [2, Math.SQRT2],
      [3, 2 * Math.SQRT2],
    ])
  })

  it('is the first stage, of a collection with one index of geometries', async () => {
    const stage = { $geoNear: { near: point(0, 0), distanceField: 'd' } }
    expect(
      await codeOf(
        on('cities')
          .aggregate([{ $limit: 1 }, stage])
          .toArray(),
      ),
    ).toBe(40_602)
    await on('bare').insertOne({ _id: 1 })
    expect(await codeOf(on('bare').aggregate([stage]).toArray())).toBe(27)
    expect(
      await codeOf(
        on('cities')
          .aggregate([{ $geoNear: { near: point(0, 0) } }])
          .toArray(),
      ),
    ).toBe(16_605)
    const joined = await on('flat')
      .aggregate([{ $limit: 1 }, { $lookup: { from: 'cities', as: 'c', pipeline: [stage, { $limit: 1 }] } }])
      .toArray()
    expect((joined[0]!['c'] as Document[]).map(({ _id }) => _id as unknown)).toEqual(['geneva'])
  })
})

describe('what lies within, and what meets', () => {
  it('is told on the sphere, where the edges of an area are arcs', async () => {
    await on('arcs').insertMany([
      { _id: 1, at: point(0, 52) },
      { _id: 2, at: point(0, 49) },
      { _id: 3, at: point(0, 40) },
    ])
    // The arc between two places at 50° north comes as far as 59° between them.
    const wide = polygon([
      [-45, 50],
      [45, 50],
      [45, 45],
      [-45, 45],
      [-45, 50],
    ])
    expect(await idsOf('arcs', { at: { $geoWithin: { $geometry: wide } } })).toEqual([])
    const arc = {
      type: 'LineString',
      coordinates: [
        [-45, 50],
        [45, 50],
      ],
    }
    const strip = polygon(square(0, 59.3, 0.2))
    await on('arcs').insertOne({ _id: 4, at: arc })
    expect(await idsOf('arcs', { at: { $geoIntersects: { $geometry: strip } } })).toEqual([4])
    expect(await idsOf('arcs', { at: { $geoIntersects: { $geometry: point(-45, 50) } } })).toEqual([4])
  })

  it('looks at holes, at borders, and at all of a geometry', async () => {
    const holed = polygon(square(0, 0, 10), square(0, 0, 2))
    await on('areas').insertMany([
      { _id: 'holed', at: holed },
      { _id: 'inHole', at: point(1, 1) },
      { _id: 'onBorder', at: point(10, 10) },
      { _id: 'within', at: polygon(square(5, 5, 1)) },
      { _id: 'aroundHole', at: polygon(square(0, 0, 3)) },
      { _id: 'across', at: polygon(square(10, 0, 1)) },
      { _id: 'parts', at: { type: 'GeometryCollection', geometries: [point(5, 5), point(50, 5)] } },
      { _id: 'list', at: [point(60, 60), point(5, 5)] },
      { _id: 'text', at: 'somewhere' },
      { _id: 'wrong', at: { type: 'Point', coordinates: ['a'] } },
    ])
    const sorted = async (filter: Document): Promise<unknown[]> => idsOf('areas', filter, { sort: { _id: 1 } })
    expect(await sorted({ at: { $geoWithin: { $geometry: holed } } })).toEqual(['holed', 'list', 'onBorder', 'within'])
    expect(await sorted({ at: { $geoIntersects: { $geometry: holed } } })).toEqual([
      'across',
      'aroundHole',
      'holed',
      'list',
      'onBorder',
      'parts',
      'within',
    ])
    expect(await sorted({ at: { $geoIntersects: { $geometry: point(0, 0) } } })).toEqual(['aroundHole'])
    expect(await sorted({ at: { $geoWithin: { $centerSphere: [[1, 1], 0.001] } } })).toEqual(['inHole'])
    expect(await sorted({ at: { $not: { $geoWithin: { $geometry: polygon(square(0, 0, 80)) } } } })).toEqual([
      'text',
      'wrong',
    ])
  })

  it('goes over the poles and over the line where longitudes begin anew', async () => {
    const pole = polygon([
      [0, 75],
      [120, 75],
      [-120, 75],
      [0, 75],
    ])
    expect(await idsOf('cities', { at: { $geoWithin: { $geometry: pole } } })).toEqual([])
    const nearer = polygon([
      [0, 60],
      [120, 60],
      [-120, 60],
      [0, 60],
    ])
    expect(await idsOf('cities', { at: { $geoWithin: { $geometry: nearer } } })).toEqual(['longyearbyen'])
    const islands = polygon([
      [170, -25],
      [-165, -25],
      [-165, -5],
      [170, -5],
      [170, -25],
    ])
    expect(
      (await idsOf('cities', { at: { $geoWithin: { $geometry: islands } } })).toSorted((a, b) =>
        String(a) < String(b) ? -1 : 1,
      ),
    ).toEqual(['apia', 'suva'])
  })

  it('is told in a plane of boxes, circles and polygons', async () => {
    const within = async (shape: Document, field = 'at'): Promise<unknown[]> =>
      idsOf('flat', { [field]: { $geoWithin: shape } })
    expect(
      await within({
        $box: [
          [2, 2],
          [3, 5],
        ],
      }),
    ).toEqual([2, 3])
    expect(
      await within(
        {
          $box: [
            [3, 5],
            [2, 2],
          ],
        },
        'named',
      ),
    ).toEqual([2, 3])
    expect(await within({ $center: [[1, 1], Math.SQRT2] })).toEqual([1, 2])
    expect(
      await within({
        $polygon: [
          [0, 0],
          [3.5, 0],
          [3.5, 3.5],
        ],
      }),
    ).toEqual([1, 2, 3])
    expect(
      await idsOf('flat', {
        at: {
          $within: {
            $box: [
              [4, 4],
              [9, 9],
            ],
          },
        },
      }),
    ).toEqual([4])
    expect(
      await codeOf(
        on('flat')
          .find({ at: { $geoWithin: { $geometry: point(1, 1) } } })
          .toArray(),
      ),
    ).toBe(2)
    expect(
      await codeOf(
        on('flat')
          .find({ at: { $geoWithin: { $circle: 1 } } })
          .toArray(),
      ),
    ).toBe(2)
    const open = polygon([
      [0, 0],
      [1, 0],
      [1, 1],
    ])
    expect(
      await codeOf(
        on('flat')
          .find({ at: { $geoIntersects: { $geometry: open } } })
          .toArray(),
      ),
    ).toBe(2)
  })
})

describe('indexes of geometries', () => {
  it('are listed, named by a hint, shown by explain, and dropped', async () => {
    const kinds = on('kinds')
    await kinds.createIndex({ k: 1, at: '2dsphere' })
    await kinds.createIndex({ flat: '2d', k: 1 }, { min: 0, max: 10 })
    expect((await kinds.indexes()).slice(1)).toEqual([
      { v: 2, key: { k: 1, at: '2dsphere' }, name: 'k_1_at_2dsphere', '2dsphereIndexVersion': 3 },
      { v: 2, key: { flat: '2d', k: 1 }, name: 'flat_2d_k_1', bits: 26, min: 0, max: 10 },
    ])
    await kinds.insertMany([
      { _id: 1, k: 1, at: point(1, 1) },
      { _id: 2, k: 2, at: point(1, 1), flat: [1, 1] },
      { _id: 3, k: 1 },
    ])
    // Who has no geometry is not in it: so that it does not serve who asks for none.
    expect((await kinds.find({ k: 1 }).toArray()).length).toBe(2)
    expect(await kinds.find({ k: 1 }, { hint: { k: 1, at: '2dsphere' } }).toArray()).toMatchObject([{ _id: 1 }])
    const filter = { k: 1, at: { $geoWithin: { $geometry: polygon(square(1, 1, 1)) } } }
    expect(await kinds.find(filter, { hint: { k: 1, at: '2dsphere' } }).toArray()).toMatchObject([{ _id: 1 }])
    const plan = await kinds.find(filter).explain('executionStats')
    expect((plan['queryPlanner'] as Document)['winningPlan']).toMatchObject({
      inputStage: { stage: 'IXSCAN', keyPattern: { k: 1, at: '2dsphere' } },
    })
    expect(plan['executionStats']).toMatchObject({ nReturned: 1, totalDocsExamined: 1 })
    await kinds.dropIndex({ flat: '2d', k: 1 } as unknown as string)
    expect(await kinds.indexExists('flat_2d_k_1')).toBe(false)
    expect(await codeOf(kinds.createIndex({ k: 1, flat: '2d' }))).toBe(67)
    expect(await codeOf(kinds.createIndex({ flat: '2d' }, { min: 5, max: 5 }))).toBe(72)
  })

  it('refuse what is no geometry', async () => {
    expect(await codeOf(on('cities').insertOne({ _id: 'x', at: 'there' }))).toBe(16_755)
    expect(await codeOf(on('cities').insertOne({ _id: 'x', at: point(200, 0) }))).toBe(16_755)
    expect(
      await codeOf(
        on('cities').insertOne({
          _id: 'x',
          at: polygon([
            [0, 0],
            [1, 1],
          ]),
        }),
      ),
    ).toBe(16_755)
    expect(await codeOf(on('flat').insertOne({ _id: 9, at: [200, 0] }))).toBe(13_027)
    expect(await codeOf(on('flat').insertOne({ _id: 9, at: { type: 'Point', coordinates: [1, 1] } }))).toBe(13_026)
    expect(await codeOf(on('areas').createIndex({ at: '2dsphere' }))).toBe(16_755)
    await on('cities').insertOne({ _id: 'nowhere', at: null })
    expect(await on('cities').deleteOne({ _id: 'nowhere' })).toMatchObject({ deletedCount: 1 })
  })

  const degrees = fc.tuple(
    fc.oneof(
      fc.double({ min: -180, max: 180, noNaN: true }),
      fc.integer({ min: -4, max: 4 }).map((n) => n * 45),
    ),
    fc.oneof(
      fc.double({ min: -89, max: 89, noNaN: true }),
      fc.integer({ min: -2, max: 2 }).map((n) => n * 44),
    ),
  )
  /** Around a place, in degrees: a triangle, a line, or the place itself. */
  const shape = fc
    .tuple(degrees, fc.double({ min: 1e-5, max: 30, noNaN: true }), fc.integer({ min: 0, max: 2 }))
    .map(([[x, y], size, kind]) => {
      const inside = (a: number, b: number): [number, number] => [
        Math.max(-180, Math.min(180, a)),
        Math.max(-90, Math.min(90, b)),
      ]
      const [a, b, c] = [inside(x, y), inside(x + size, y), inside(x, y + size)]
      const isFlat = a[0] === b[0] || a[1] === c[1]
      if (kind === 0 || isFlat) return point(x, y)
      return kind === 1 ? { type: 'LineString', coordinates: [a, b] } : polygon([a, b, c, a])
    })
  const region = fc.oneof(
    shape.map((one) => ({ $geoIntersects: { $geometry: one } })),
    shape.filter(({ type }) => type === 'Polygon').map((one) => ({ $geoWithin: { $geometry: one } })),
    fc
      .tuple(degrees, fc.double({ min: 0, max: 2, noNaN: true }))
      .map((cap) => ({ $geoWithin: { $centerSphere: cap } })),
  )

  it('find what a look at all documents finds', async () => {
    const [plain, indexed] = [on('plain'), on('indexed')]
    await indexed.createIndex({ at: '2dsphere' })
    await fc.assert(
      fc.asyncProperty(
        fc.array(shape, { minLength: 1, maxLength: 30 }),
        fc.array(region, { minLength: 1, maxLength: 12 }),
        async (shapes, regions) => {
          for (const collection of [plain, indexed]) {
            await collection.deleteMany({})
            await collection.insertMany(shapes.map((at, _id) => ({ _id, at })))
          }
          for (const asked of regions) {
            const found = await Promise.all(
              [plain, indexed].map((collection) =>
                collection
                  .find(
                    { at: asked },
                    { sort: { _id: 1 }, ...(collection === indexed && { hint: { at: '2dsphere' } }) },
                  )
                  .toArray(),
              ),
            )
            expect(found[1]).toEqual(found[0])
          }
        },
      ),
      { numRuns: 12 },
    )
  })

  it('find places by distance as the formula has it', async () => {
    const places = on('places')
    await places.createIndex({ at: '2dsphere' })
    await fc.assert(
      fc.asyncProperty(
        fc.array(degrees, { minLength: 1, maxLength: 40 }),
        degrees,
        fc.double({ min: 1, max: 2e7, noNaN: true }),
        async (all, from, max) => {
          await places.deleteMany({})
          await places.insertMany(all.map((at, _id) => ({ _id, at })))
          const told = await places
            .aggregate([{ $geoNear: { near: point(...from), distanceField: 'd', maxDistance: max } }])
            .toArray()
          const expected = all.map((at) => meters(from, at)).sort((a, b) => a - b)
          const within = expected.filter((d) => d <= max + 0.5)
          expect(told.length).toBeLessThanOrEqual(within.length)
          expect(told.length).toBeGreaterThanOrEqual(expected.filter((d) => d <= max - 0.5).length)
          for (const [i, { d }] of told.entries()) expect(Math.abs((d as number) - expected[i]!)).toBeLessThan(0.5)
        },
      ),
      { numRuns: 25 },
    )
  })
})
