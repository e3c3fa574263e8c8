/** A driver repeats a write on another connection while the first one still runs. */
import { expect, test } from 'vitest'
import { sliceOf, sliceToLatin1 } from '../base/slice.ts'
import type { Statement, Wait } from '../database/contract.ts'
import { openTestSessions } from './testing.ts'

test('a repeated write waits for the first one, and answers as it did', async () => {
  const { sessions, close } = await openTestSessions()
  let done = 0
  const write = (pause: Wait): Statement<string> =>
    function* (tx) {
      const known = tx.rememberedReply('driver')
      if (known !== undefined) return sliceToLatin1(known.reply)
      if (pause !== undefined) yield pause
      tx.rememberReply('driver', 1n, sliceOf(Buffer.from(`run ${++done}`)))
      return `run ${done}`
    }
  const [first, second] = [1, 2].map(() => sessions.openSession({ user: 'test', door: 'test' }))
  let goOn = (): void => undefined
  const opened = new Promise<void>((resolve) => (goOn = resolve))
  const answers = [first!.run(write(opened)), second!.run(write(undefined))]
  goOn()
  expect([await answers[0], await answers[1]]).toEqual(['run 1', 'run 1'])
  await close()
})
