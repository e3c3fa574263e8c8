import { expect, it } from 'vitest'
import type { Collection } from '../database/catalog/catalog.ts'
import { documentColumns } from './document-rows.ts'

it('the note that there are more fields is no column', () => {
  const fields = new Map(['_id', '\0', 'a'].map((name) => [name, new Set(['int'])] as const))
  const columns = documentColumns({ fields } as unknown as Collection)
  expect(columns.map(({ name }) => name)).toEqual(['_id', 'a', 'doc'])
})
