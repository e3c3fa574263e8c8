/** The schemas that names are looked for in. */
import { expect, test } from 'vitest'
import type { SqlContext } from '../contract.ts'
import { searchPathOf } from './names.ts'

function pathOf(user: string, ...searchPath: string[]): readonly string[] {
  return searchPathOf({ user, searchPath } as unknown as SqlContext)
}

test('$user is the schema of that name, and none of the system', () => {
  expect(pathOf('ada', '"$user"', 'public')).toEqual(['pg_catalog', 'ada', 'public'])
  expect(pathOf('polylog', '"$user"', 'public')).toEqual(['pg_catalog', 'public'])
  expect(pathOf('information_schema', '$user', 'public')).toEqual(['pg_catalog', 'public'])
  expect(pathOf('polylog', 'polylog', 'public')).toEqual(['pg_catalog', 'polylog', 'public'])
})
