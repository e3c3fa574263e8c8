/** A driver repeats a write on another connection while the first one still runs. */
import { expect, test } from 'vitest'
import type { Pause, Statement } from '../database/contract.ts'
import { openTestSessions } from './testing.ts'

test('a repeated write waits for the first one, and answers as it did', async () => {
  const { sessions, close } = await openTestSessions()
  let done = 0
  const write = (pause: Pause): Statement<string> =>
    function* (tx) {
      const known = tx.rememberedReply('driver')
      if (known !== undefined) return Buffer.from(known.reply).toString()
      if (pause !== undefined) yield pause
      tx.rememberReply('driver', 1n, Buffer.from(`run ${++done}`))
      return `run ${done}`
    }
  const [first, second] = [1, 2].map(() => sessions.openSession({ user: 'test', door: 'test' }))
  let goOn = (): void => undefined
  const opened = new Promise<void>((resolve) => (goOn = resolve))
  const answers = [first!.run(write(opened)), second!.run(write(undefined))]
  goOn()
  expect(await Promise.all(answers)).toEqual(['run 1', 'run 1'])
  await close()
})
