import { describe, expect, test } from 'vitest'
import { copyRun, viewOf } from './bytes.ts'

describe('a run of bytes', () => {
  test('is copied whatever its length and wherever it lies, and nothing beside it', () => {
    const source = Uint8Array.from({ length: 256 }, (_, i) => i ^ 0xa5)
    const whole = new Uint8Array(300)
    for (let length = 0; length <= 200; length++) {
      for (const [start, at] of [
        [0, 0],
        [1, 2],
        [50, 7],
      ] as const) {
        whole.fill(1)
        const target = whole.subarray(5)
        copyRun(source, start, start + length, target, viewOf(target), at)
        const expected = new Uint8Array(300).fill(1)
        expected.set(source.subarray(start, start + length), 5 + at)
        expect(Buffer.compare(whole, expected), `${length} bytes from ${start} to ${at}`).toBe(0)
      }
    }
  })
})
