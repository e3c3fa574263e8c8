import { describe, expect, test } from 'vitest'
import { figure } from './measure.ts'
import { commitOfPage, joinReports, performancePage, type Report } from './performance-page.ts'

const row = (name: string, value: number): Report['rows'][number] => {
  return figure({ area: 'a', name, unit: 'ms', durability: 'synced', clients: 1 }, [{ value }])
}
const report = (...rows: Report['rows'][number][]): Report => ({ commit: 'c0ffee', machine: 'two cores', rows })

describe('the page', () => {
  test('says of which commit it is', () => {
    expect(commitOfPage(performancePage(report(row('a/b', 1))))).toBe('c0ffee')
    expect(commitOfPage('# Performance\n')).toBeUndefined()
  })

  test('has the later of two rows of one name, at the place of the first', () => {
    const joined = joinReports([report(row('a/b', 1), row('a/c', 2)), report(row('a/b', 3))])
    expect(joined.rows.map(({ name, ours }) => [name, ours.median])).toEqual([
      ['a/b', 3],
      ['a/c', 2],
    ])
  })

  test('is not of two commits', () => {
    expect(() => joinReports([report(), { ...report(), commit: 'decaf' }])).toThrow('c0ffee and of decaf')
  })
})
