import { describe, expect, it } from 'vitest'
import { difference } from './compare.ts'
import { knownDifferences } from './known-differences.ts'
import { piece, render, smaller } from './piece.ts'
import { makeProgram, type Program, type Step } from './program.ts'
import { shrink } from './shrink.ts'
import type { Answer } from './wire-client.ts'

const seeds = Array.from({ length: 30 }, (_, i) => i + 1)
const texts = (program: Program): unknown[] =>
  program.map(({ statement, protocol }) => ({ ...render(statement), protocol }))

const rows = (...values: (string | null)[][]): Answer => ({ columns: ['a:23:-1'], rows: values, tag: 'X', status: 'I' })
const failure = (state: string, message = 'm', position?: string): Answer => {
  return { rows: [], failure: { state, message, position }, status: 'I' }
}
const ordered = { isOrdered: true }

describe('programs', () => {
  it('follow from their seed', () => {
    for (const seed of seeds) expect(texts(makeProgram(seed))).toEqual(texts(makeProgram(seed)))
    expect(new Set(seeds.map((seed) => JSON.stringify(texts(makeProgram(seed))))).size).toBe(seeds.length)
  })

  it('of objects make and ask what lies beside tables', () => {
    const all = seeds.map((seed) => makeProgram(seed, 'objects').map(({ statement }) => render(statement).text))
    const words = all.flat().join('\n')
    for (const word of ['partition of', 'create trigger', 'over (', 'rollup', 'with recursive', 'lateral', 'as enum']) {
      expect(words).toContain(word)
    }
  })

  it('use every kind of statement, and each way to send it', () => {
    const all = seeds.flatMap((seed) => makeProgram(seed))
    const text = all.map(({ statement }) => render(statement).text).join('\n')
    for (const word of [
      'create table',
      'create index',
      'insert into',
      'on conflict',
      'update ',
      'delete from',
      'savepoint',
      'group by',
      'having',
      'left join',
      'lateral',
      'union',
      'except',
      'exists (',
      'with a',
      'returning',
      'limit',
      'filter (where',
      'case',
    ])
      expect(text).toContain(word)
    expect(new Set(all.map(({ protocol }) => protocol))).toEqual(new Set(['simple', 'text', 'binary']))
    expect(all.some(({ statement }) => render(statement).parameters.length > 0)).toBe(true)
  })

  it('have parameters only where the protocol carries them', () => {
    for (const { statement, protocol } of seeds.flatMap((seed) => makeProgram(seed))) {
      if (protocol === 'simple') expect(render(statement).parameters).toEqual([])
    }
  })
})

describe('comparing answers', () => {
  it('takes unordered rows as a multiset', () => {
    expect(difference(rows(['1'], ['2']), rows(['2'], ['1']), { isOrdered: false })).toBeUndefined()
    expect(difference(rows(['1'], ['2']), rows(['2'], ['1']), ordered)).toContain('row 1 of 2')
    expect(difference(rows(['1'], ['1'], ['2']), rows(['1'], ['2'], ['2']), { isOrdered: false })).toBeDefined()
    expect(difference(rows(['1']), rows(['1'], ['1']), { isOrdered: false })).toBeDefined()
  })

  it('tells a null from an empty text and from the word', () => {
    expect(difference(rows([null]), rows(['']), ordered)).toBeDefined()
    expect(difference(rows([null]), rows(['null']), ordered)).toBeDefined()
  })

  it('sees types, tags and the state of the transaction', () => {
    expect(difference(rows(), { ...rows(), columns: ['a:20:-1'] }, ordered)).toContain('a:23:-1')
    expect(difference(rows(), { ...rows(), tag: 'Y' }, ordered)).toContain('tag')
    expect(difference(rows(), { ...rows(), status: 'T' }, ordered)).toContain('status')
  })

  it('sees the state, text and place of errors', () => {
    expect(difference(failure('22012'), failure('22012'), ordered)).toBeUndefined()
    expect(difference(failure('22012'), failure('22003'), ordered)).toBeDefined()
    expect(difference(failure('22012', 'a'), failure('22012', 'b'), ordered)).toBeDefined()
    expect(difference(failure('22012', 'a', '1'), failure('22012', 'a', '2'), ordered)).toBeDefined()
    expect(difference(failure('22012'), rows(['1']), ordered)).toContain('22012')
  })
})

describe('what differs on purpose', () => {
  const excused = (text: string, expected: Answer, actual: Answer): boolean =>
    knownDifferences.some(({ applies }) => applies(text, expected, actual))

  it('is the last digit of a transcendental function and no other', () => {
    const [a, b] = [rows(['1.4142135623730951']), rows(['1.414213562373095'])]
    expect(excused('select exp(1)', a, b)).toBe(true)
    expect(excused('select 1.5 * 2', a, b)).toBe(false)
    expect(excused('select exp(1)', a, rows(['1.4143']))).toBe(false)
  })

  it('is an early error of a query over tables, not one of a plain expression', () => {
    expect(excused('select 1/0 from t0', failure('22012'), rows())).toBe(true)
    expect(excused('select 1/0', failure('22012'), rows())).toBe(false)
    expect(excused('select 1/0 from t0', rows(), failure('22012'))).toBe(false)
  })
})

describe('making programs smaller', () => {
  const step = (text: string): Step => {
    return { statement: piece('statement', text), protocol: 'simple', isOrdered: false, changes: true }
  }

  it('leaves out clauses, takes parts for the whole, and simple values for expressions', () => {
    const inner = piece('int4', 'f(', piece('int4', 'x'), ')')
    const root = piece('statement', 'select ', inner, piece('?where', ' where y'))
    const found = [...smaller(root)].map((one) => render(one).text)
    expect(found).toEqual(['select x where y', 'select 1 where y', 'select f(x)'])
  })

  it('keeps the statements that the failing one needs', async () => {
    const program = ['a', 'b', 'c', 'd', 'e', 'f'].map(step)
    const small = await shrink(program, (candidate) => {
      const text = candidate.map(({ statement }) => render(statement).text).join('')
      return Promise.resolve(text.includes('b') && text.endsWith('f'))
    })
    expect(small.map(({ statement }) => render(statement).text)).toEqual(['b', 'f'])
  })

  it('reduces the failing statement to what fails', async () => {
    const bad = piece('int4', 'bad(', piece('int4', 'other'), ')')
    const sum = piece('int4', '(', piece('int4', 'g(', bad, ')'), ' + ', piece('int4', 'h()'), ')')
    const program: Program = [{ ...step(''), statement: piece('statement', 'select ', sum) }]
    const small = await shrink(program, (candidate) =>
      Promise.resolve(render(candidate[0]!.statement).text.includes('bad')),
    )
    expect(render(small[0]!.statement).text).toBe('select bad(other)')
  })
})
