import { expect, test } from 'vitest'
import { InvariantError, PolylogError } from '../base/errors.ts'
import type { Host } from '../host/host.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { KernelTransaction } from '../database/transaction/transaction.ts'
import { answerTo } from './faults.ts'
import { openTestSessions } from './testing.ts'

interface Line {
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

function recordingHost(): { host: Host; lines: Line[]; fatals: Error[] } {
  const lines: Line[] = []
  const fatals: Error[] = []
  const host: Host = {
    ...createRealHost(),
    log: (_level, message, fields = {}) => void lines.push({ message, fields }),
    fatal: (error) => {
      fatals.push(error)
      throw error
    },
  }
  return { host, lines, fatals }
}

test('a fault is answered by a number that stands in the log beside the error, and by nothing else of it', () => {
  const { host, lines, fatals } = recordingHost()
  const answer = answerTo(host, 'redis', new TypeError("cannot read 'secret'"))
  expect(answer.code).toBe('internal')
  expect(answer.message).not.toContain('secret')
  const [{ fields } = { fields: {} as Line['fields'] }] = lines
  expect(answer.message).toContain(fields['id'])
  expect(fields['id']).toMatch(/^[0-9a-f]{8}$/)
  expect(fields).toMatchObject({ door: 'redis', error: new TypeError("cannot read 'secret'") })
  expect(fatals).toEqual([])
})

test('two faults have two numbers, and what is thrown need not be an error', () => {
  const { host } = recordingHost()
  const ids = new Set(['text', undefined, null, 7, {}].map((thrown) => answerTo(host, 'redis', thrown).detail['id']))
  expect(ids.size).toBe(5)
})

test('an internal error that somebody worded is logged, too', () => {
  const { host, lines } = recordingHost()
  expect(answerTo(host, 'postgres', new PolylogError('internal', 'cannot be')).message).not.toContain('cannot be')
  expect(lines[0]!.fields['error']).toMatchObject({ message: 'cannot be' })
})

test('an answer stays what it is', () => {
  const { host, lines } = recordingHost()
  const error = new PolylogError('deadlock', 'deadlock detected')
  expect(answerTo(host, 'mongodb', error)).toBe(error)
  expect(lines).toEqual([])
})

test('what the engine cannot hold is no fault of ours', () => {
  const { host, lines } = recordingHost()
  const tooDeep = (): number => 1 + tooDeep()
  const causes: [string, () => unknown][] = [
    ['too_large', tooDeep],
    ['out_of_memory', () => 'x'.repeat(2 ** 30)],
    ['out_of_memory', () => new Uint8Array(2 ** 53)],
    ['out_of_memory', () => new Array(-1)],
    [
      'out_of_memory',
      () =>
        Buffer.alloc(2 ** 29)
          .toString('latin1')
          .concat(Buffer.alloc(2 ** 29).toString('latin1')),
    ],
  ]
  for (const [code, cause] of causes) {
    let thrown: unknown
    try {
      cause()
    } catch (error) {
      thrown = error
    }
    expect(answerTo(host, 'redis', thrown).code).toBe(code)
  }
  expect(lines).toEqual([])
})

test('what breaks in the kernel ends the process', async () => {
  const { host, fatals } = recordingHost()
  const broken = new InvariantError('two leaves')
  expect(() => answerTo(host, 'redis', broken)).toThrow(broken)
  expect(fatals).toEqual([broken])
})

test('whatever is thrown while a transaction commits has broken the kernel; a refusal has not', async () => {
  const { sessions, close } = await openTestSessions()
  const { commit } = KernelTransaction.prototype
  const thrown: { error: Error } = { error: new TypeError('planted') }
  KernelTransaction.prototype.commit = () => {
    throw thrown.error
  }
  const session = sessions.openSession({ user: 'me', door: 'test' })
  try {
    expect(() => session.run(() => 1)).toThrow(InvariantError)
    session.begin()
    expect(() => session.commit()).toThrow(InvariantError)
    thrown.error = new PolylogError('disk_full', 'no space')
    expect(() => session.run(() => 1)).toThrow(thrown.error)
  } finally {
    KernelTransaction.prototype.commit = commit
    await close()
  }
})
