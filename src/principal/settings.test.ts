import { expect, test } from 'vitest'
import { isFixedSetting, settingNames } from '../language/sql/settings/settings.ts'
import { isLimit } from './settings.ts'

test('what limits a session is what it cannot change itself', () => {
  const limits = settingNames().filter(isLimit)
  expect(limits).toEqual(settingNames().filter(isFixedSetting))
  expect(limits).toContain('temp_file_limit')
  expect(limits.length).toBeGreaterThan(5)
})
