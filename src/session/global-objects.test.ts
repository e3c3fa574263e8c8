/** Two transactions that change what lies in no namespace. */
import { expect, test } from 'vitest'
import { openTestSessions } from './testing.ts'

test('two cannot give one name, nor change one object at once', async () => {
  const { sessions, close } = await openTestSessions()
  const [one, two, three] = ['a', 'b', 'c'].map((user) => sessions.openSession({ user, door: 'test' }))
  if (one === undefined || two === undefined || three === undefined) throw new Error('no sessions')
  one.begin()
  await one.run((tx) => void tx.globals.create('role', 'ada', { n: 1 }))
  const second = Promise.resolve(two.run((tx) => void tx.globals.create('role', 'ada', { n: 2 })))
  const refused = expect(second).rejects.toMatchObject({ code: 'duplicate_object' })
  // Another kind has names of its own.
  await three.run((tx) => void tx.globals.create('other', 'ada', { n: 3 }))
  await one.commit()
  await refused

  const find = (name: string): ReturnType<typeof one.catalog.findGlobal> => one.catalog.findGlobal('role', name)
  one.begin()
  await one.run((tx) => void tx.globals.alter(tx.catalog.findGlobal('role', 'ada')!, { name: 'eva' }))
  // Its own, before it is anybody else's.
  expect(find('eva')?.definition).toEqual({ n: 1 })
  expect(two.catalog.findGlobal('role', 'eva')).toBeUndefined()
  const waiting = Promise.resolve(
    two.run((tx) => void tx.globals.alter(tx.catalog.findGlobal('role', 'ada')!, { definition: { n: 4 } })),
  )
  await one.commit()
  // It has the old name no more.
  await expect(waiting).rejects.toThrow()
  two.begin({ isolation: 'repeatable read' })
  const eva = await two.run((tx) => tx.catalog.findGlobal('role', 'eva')!)
  await one.run((tx) => void tx.globals.alter(tx.catalog.findGlobal('role', 'eva')!, { definition: { n: 6 } }))
  await expect(
    Promise.resolve().then(() => two.run((tx) => void tx.globals.alter(eva, { definition: { n: 7 } }))),
  ).rejects.toMatchObject({ code: 'serialization_failure' })
  await two.rollback()
  expect(find('eva')?.definition).toEqual({ n: 6 })
  one.begin()
  await one.run((tx) => tx.globals.drop(tx.catalog.findGlobal('role', 'eva')!))
  const late = Promise.resolve(
    two.run((tx) => {
      const found = tx.catalog.findGlobal('role', 'eva')
      if (found !== undefined) tx.globals.alter(found, { definition: { n: 5 } })
      return found?.name
    }),
  )
  await one.commit()
  // It looks again, and finds nothing to change.
  expect(await late).toBeUndefined()
  expect(find('eva')).toBeUndefined()
  await close()
})
