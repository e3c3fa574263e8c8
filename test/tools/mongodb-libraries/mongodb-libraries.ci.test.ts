/** Libraries that stand on MongoDB, unmodified: sessions of Express, Agenda's jobs, and a shop by Mongoose. */
import { expect, test } from 'vitest'
import { librariesOf } from '../libraries.ts'

const outputOf = librariesOf(import.meta.dirname)

test('connect-mongo keeps sessions, which end by an index', () => {
  const indexes = [{ key: { _id: 1 } }, { key: { expires: 1 }, expireAfterSeconds: 0 }]
  expect(outputOf('sessions')).toEqual({ user: 'ada', indexes, late: null, gone: null, left: 0 })
}, 60_000)

test('Agenda: two workers run each job once, and cancel what was not to run yet', () => {
  expect(outputOf('agenda')).toEqual({ ran: Array.from({ length: 20 }, (_, i) => i), total: 1, canceled: 1 })
}, 60_000)

test('Mongoose: schemas, references, kinds, hooks, transactions, and a stream of changes', () => {
  expect(outputOf('mongoose')).toEqual({
    balance: '4.50',
    tags: ['b', 'c', 'd'],
    orders: [
      [null, 'tea'],
      ['Gift', 'cup'],
    ],
    near: ['Ada', 'Bob'],
    totals: [{ total: 15, name: 'Ada' }],
    scripted: ['Ada'],
    heard: [
      ['insert', null],
      ['insert', 'Gift'],
      ['update', 'Gift'],
    ],
    failures: [11_000, 'ValidationError', 'not so', 'VersionError'],
    indexes: [0, 0],
  })
}, 60_000)
