import { expect, test } from 'vitest'
import { completeLock, findMissing } from './complete-lock.mjs'

const tool = (optionalDependencies: Record<string, string>): object => ({
  version: '1.2.3',
  license: 'MIT',
  dev: true,
  optionalDependencies,
})
const lockOf = (packages: Record<string, object>): { packages: Record<string, object> } => ({
  packages: { '': {}, ...packages },
})

test('an entry is made from the name of each platform that is missing', () => {
  const lock = lockOf({
    'node_modules/tool': tool({
      '@tool/binding-linux-x64-gnu': '1.2.3',
      '@tool/binding-linux-arm64-musl': '1.2.3',
      '@tool/binding-linux-arm-gnueabihf': '1.2.3',
      '@tool/win32-x64': '1.2.3',
    }),
    'node_modules/@tool/binding-linux-x64-gnu': { version: '1.2.3', integrity: 'seen' },
  })
  const completed = completeLock(lock)
  expect(findMissing(completed)).toEqual([])
  const common = { version: '1.2.3', dev: true, license: 'MIT', optional: true }
  expect(Object.entries(completed.packages)).toEqual([
    ['', {}],
    ['node_modules/@tool/binding-linux-arm-gnueabihf', { ...common, os: ['linux'], cpu: ['arm'] }],
    ['node_modules/@tool/binding-linux-arm64-musl', { ...common, os: ['linux'], cpu: ['arm64'], libc: ['musl'] }],
    ['node_modules/@tool/binding-linux-x64-gnu', { version: '1.2.3', integrity: 'seen' }],
    ['node_modules/@tool/win32-x64', { ...common, os: ['win32'], cpu: ['x64'] }],
    ['node_modules/tool', lock.packages['node_modules/tool']],
  ])
})

test('a copy below its parent counts', () => {
  const lock = lockOf({
    'node_modules/tool': tool({ a: '1.0.0' }),
    'node_modules/tool/node_modules/a': { version: '1.0.0' },
  })
  expect(findMissing(lock)).toEqual([])
})

test('what names no platform is not guessed', () => {
  expect(() => completeLock(lockOf({ 'node_modules/tool': tool({ extra: '1.0.0' }) }))).toThrow('by hand')
  expect(() => completeLock(lockOf({ 'node_modules/tool': tool({ 'a-linux-x64': '^1.0.0' }) }))).toThrow('by hand')
})
