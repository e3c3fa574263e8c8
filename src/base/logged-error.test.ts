import { describe, expect, test } from 'vitest'
import { InvariantError, PolylogError } from './errors.ts'
import { errorText } from './logged-error.ts'

const secret = 'very secret'

function thrownBy(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

describe('an error in the log', () => {
  test.each([
    ['of the engine', thrownBy(() => JSON.parse(`{"a": ${secret}`)), 'SyntaxError'],
    ['of a pattern', thrownBy(() => new RegExp(`(${secret}`)), 'SyntaxError'],
    [
      'that answers a statement',
      new PolylogError('unique_violation', `Key (id)=(${secret}) already exists`),
      'PolylogError',
    ],
    ['whose message looks like its places', new TypeError(`bad\n    at ${secret} (x.ts:1:1)`), 'TypeError'],
    ['whose message was changed', Object.assign(new Error('before'), { message: secret }), 'Error'],
    [
      'of the kernel, for another one',
      Object.assign(new InvariantError(secret), { cause: new Error(secret) }),
      'InvariantError',
    ],
    ['that is none', secret, 'a thrown string'],
  ])('%s says its class and where it was thrown, and no literal', (_, error, name) => {
    const text = errorText(error, false)
    expect(text).not.toContain('secret')
    expect(text).toContain(name)
    expect(errorText(error, true)).toContain('secret')
  })

  test('says where it was thrown', () => {
    expect(errorText(new TypeError(secret), false)).toMatch(/\n {4}at .*logged-error\.test/)
  })

  test.each([
    new PolylogError('data_corrupted', 'data/CONTENTS is damaged'),
    new InvariantError('page 7 is freed twice'),
    Object.assign(new Error('no space on the disk'), { name: 'DiskError' }),
  ])('keeps words about the machine: $message', (error) => {
    expect(errorText(error, false)).toContain(error.message)
  })
})
