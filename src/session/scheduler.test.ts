/** Slices of statements: one a turn, and who needs few of them does not wait for those who need many. */
import { expect, test } from 'vitest'
import { Scheduler } from './scheduler.ts'

class Turns {
  readonly #next: (() => void)[] = []
  turn(run: () => void): void {
    this.#next.push(run)
  }
  run(): void {
    this.#next.shift()?.()
  }
}

function opened(): { turns: Turns; scheduler: Scheduler; ran: string[] } {
  const turns = new Turns()
  const scheduler = new Scheduler(turns as never)
  return { turns, scheduler, ran: [] }
}

test('a statement that has had few slices waits for one of those that have had many', () => {
  const { turns, scheduler, ran } = opened()
  for (let i = 0; i < 1000; i++) scheduler.schedule(() => ran.push('long'), 100)
  scheduler.schedule(() => ran.push('short'), 1)
  turns.run()
  turns.run()
  expect(ran).toContain('short')
  expect(ran).toHaveLength(2)
})

test('a statement that has had many goes on whatever else comes', () => {
  const { turns, scheduler, ran } = opened()
  scheduler.schedule(() => ran.push('long'), 100)
  for (let i = 0; i < 10; i++) {
    scheduler.schedule(() => ran.push('short'), 1)
    if (i > 0) turns.run()
    if (ran.includes('long')) break
  }
  expect(ran.indexOf('long')).toBeLessThan(2)
  expect(ran.indexOf('long')).toBeGreaterThanOrEqual(0)
})

test('turns that are wanted short have no slice, of 16 one has', () => {
  const { turns, scheduler, ran } = opened()
  for (let i = 0; i < 10; i++) scheduler.schedule(() => ran.push('slice'), 1)
  for (let i = 0; i < 15; i++) {
    scheduler.standBack()
    turns.run()
  }
  expect(ran).toEqual([])
  scheduler.standBack()
  turns.run()
  expect(ran).toEqual(['slice'])
  turns.run()
  expect(ran).toEqual(['slice', 'slice'])
})
