/**
 * For tests and measurements: a document of large values, and operands of which each expression operator takes some. A few
 * thousand elements give what is counted (`charges.test.ts`), the most that are taken what is measured
 * (`bench/areas/mongodb-turns.ts`).
 */
import type { Document } from 'bson'

export function largeFields(count: number): Document {
  const numbers = Array.from({ length: count }, (_, i) => i)
  const text = 'ab'.repeat(4 * count)
  return {
    v: numbers,
    w: numbers.map((i) => -i),
    s: text,
    t: text,
    z: '1'.repeat(8 * count),
    o: numbers.map((i) => ({ k: String(i), v: i })),
    d: Object.fromEntries(numbers.map((i) => [`f${i}`, i])),
    b: numbers.map((i) => i % 2 === 0),
    n: 7,
    day: new Date(0),
  }
}

/** Operands that some operator takes. */
/* oxlint-disable-next-line max-lines-per-function -- a table */
export function largeOperands(count: number): readonly unknown[] {
  return [
    '$v',
    '$s',
    '$o',
    '$d',
    '$b',
    '$n',
    '$day',
    '$z',
    ['$v'],
    ['$s'],
    ['$o'],
    ['$d'],
    ['$b'],
    [['$n']],
    ['$n'],
    ['$day'],
    [],
    {},
    ['$v', '$w'],
    ['$w', '$v'],
    ['$s', '$t'],
    ['$o', '$o'],
    ['$d', '$d'],
    ['$n', '$v'],
    ['$v', '$n'],
    ['$v', -1],
    ['$n', 3],
    ['$s', 'ba'],
    ['ba', '$s'],
    ['$s', 'zz'],
    ['$v', [count - 1]],
    ['$s', 5, Math.floor(3.5 * count)],
    ['$s', 3, 3],
    ['$v', 5, Math.floor(count / 2)],
    [0, count],
    [[0, 1], '$v'],
    ['$b', '$v', '$w'],
    [true, '$v', '$w'],
    ['$v', -1, 5],
    ['$s', '$s', 1],
    ['$day', 1],
    { input: '$v', in: '$$this' },
    { input: '$v', cond: { $gt: ['$$this', -1] } },
    { input: '$v', initialValue: 0, in: '$$this' },
    { input: '$v', as: 'x', in: '$$x' },
    { input: '$v', sortBy: 1 },
    { input: '$s' },
    { input: '$v', method: 'approximate' },
    { input: '$v', p: [0.5], method: 'approximate' },
    { input: '$s', chars: 'ab' },
    { input: '$s', regex: 'zz' },
    { input: '$s', find: 'a', replacement: 'c' },
    { input: '$v', to: 'string' },
    { input: '$n', to: 'string' },
    { field: 'v', input: '$$ROOT' },
    { field: 'n', input: '$$ROOT', value: '$v' },
    { inputs: ['$v', '$w'] },
    { vars: { x: '$v' }, in: { $sum: '$$x' } },
    { if: '$n', then: { $sum: '$v' }, else: 0 },
    { branches: [{ case: { $sum: '$v' }, then: 1 }], default: 2 },
    { n: 3, input: '$v' },
    { date: '$day' },
    { date: '$day', format: '%Y' },
    { date: '$day', unit: 'day', amount: 1 },
    { dateString: '$z' },
    { input: '$z', to: 'int' },
    { startDate: '$day', endDate: '$day', unit: 'day' },
    { startDate: '$day', unit: 'day', amount: 1 },
    { date: '$day', unit: 'day' },
    { year: 1970 },
    { date: '$day', startDate: '$day', unit: 'day', amount: 1 },
  ]
}
