/** Every cell of the matrix, by the doors' unmodified drivers. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { subjects } from './subjects.ts'
import { operations, walk } from './walk.ts'
import { World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await World.start()
})
afterAll(() => world.stop())

describe('who has', () => {
  test.each(subjects.map((subject) => [subject.name, subject] as const))('%s', async (_, subject) => {
    expect(await walk(world, subject, operations)).toEqual([])
  })
})
