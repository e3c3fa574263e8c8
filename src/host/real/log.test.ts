import { afterEach, expect, test, vi } from 'vitest'
import { log, logWith } from './log.ts'

afterEach(() => vi.restoreAllMocks())

function linesOf(run: () => void): Record<string, unknown>[] {
  const written: string[] = []
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0)
  run()
  return written.map((line) => JSON.parse(line) as Record<string, unknown>)
}

test('a field that is an error is text without what it quotes, but where literals are asked for', () => {
  const error = new TypeError("cannot read 'secret'")
  const [line, whole] = linesOf(() => {
    log('error', 'internal error', { id: 'ab', error })
    logWith(true)('error', 'internal error', { id: 'ab', error })
  })
  expect(line).toMatchObject({ level: 'error', message: 'internal error', id: 'ab' })
  expect(line!['error']).toMatch(/^TypeError: \(.*--log-literals\)\n {4}at /)
  expect(line!['error']).not.toContain('secret')
  expect(whole!['error']).toContain("cannot read 'secret'")
})
