import { expect, it } from 'vitest'
/* oxlint-disable-next-line import/no-unassigned-import -- registers the functions */
import '../functions/library.ts'
import { allEntries } from '../functions/registry.ts'
import { implementationOf } from './remote-call.ts'

it('a thread that loads the registries in another order finds every function and operator by its types', () => {
  const others: string[] = []
  for (const { name, takes, remote, implementation } of allEntries()) {
    const found = implementationOf(remote, () => () => null)
    if (found !== implementation) others.push(`${name}(${takes.join(',')})`)
  }
  expect(others).toEqual([])
})
