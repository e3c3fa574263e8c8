import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { makeInstalledRepository, makeRepository } from './planted-fault.ts'
import { fingerprint, isInstalled, PreparationFailed, prepare, repositoryRoot, requireNode } from './prepare.mjs'

const lock = (packages: object): string => JSON.stringify({ packages })
const wanted = lock({ '': {}, a: { version: '1.0.0', integrity: 'x' }, other: { version: '1.0.0', optional: true } })

test('what npm noted decides whether to install', () => {
  expect(isInstalled(wanted, lock({ a: { version: '1.0.0', integrity: 'x' } }))).toBe(true)
  expect(isInstalled(wanted, undefined)).toBe(false)
  expect(isInstalled(wanted, lock({}))).toBe(false)
  expect(isInstalled(wanted, lock({ a: { version: '1.0.1', integrity: 'x' } }))).toBe(false)
  expect(isInstalled(wanted, lock({ a: { version: '1.0.0', integrity: 'y' } }))).toBe(false)
})

test('the fingerprint follows the sources and no tests', () => {
  const root = makeRepository({ 'src/a.ts': '1', 'src/b/c.ts': '2', 'src/a.test.ts': '3' })
  const before = fingerprint(root, ['src', 'missing.json'])
  writeFileSync(join(root, 'src/a.test.ts'), 'changed')
  expect(fingerprint(root, ['src', 'missing.json'])).toBe(before)
  utimesSync(join(root, 'src/b/c.ts'), 1, 1)
  const touched = fingerprint(root, ['src', 'missing.json'])
  expect(touched).not.toBe(before)
  rmSync(join(root, 'src/b/c.ts'))
  expect(fingerprint(root, ['src', 'missing.json'])).not.toBe(touched)
})

test('a build happens when sources have changed, and takes away what has lost its source', async () => {
  vi.spyOn(console, 'error').mockReturnValue()
  const copied = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json']
  const copies = copied.map((path) => [path, readFileSync(join(repositoryRoot, path), 'utf8')])
  const root = makeInstalledRepository({
    ...Object.fromEntries(copies),
    'package.json': '{ "type": "module" }',
    'src/polylog.ts': "export * from './c.ts'\n",
    'src/cli/polylog.ts':
      "import { c } from '../c.ts'\nimport { join } from 'node:path'\nconsole.log(join('c', String(c)))\n",
    'src/c.ts': 'export const c: number = 1\n',
    'src/b.ts': 'export const b: number = 1\n',
  })
  const [a, b] = [join(root, 'dist/polylog.js'), join(root, 'dist/b.d.ts')]
  await prepare(root)
  utimesSync(a, 1, 1)
  utimesSync(b, 1, 1)
  await prepare(root)
  expect([statSync(a).mtimeMs, existsSync(b)]).toEqual([1000, true])
  rmSync(join(root, 'src/b.ts'))
  await prepare(root)
  expect(statSync(a).mtimeMs).toBeGreaterThan(1000)
  expect(existsSync(b)).toBe(false)
  expect(execFileSync(process.execPath, [join(root, 'dist/cli/polylog.js')], { encoding: 'utf8' })).toBe('c/1\n')
  writeFileSync(join(root, 'src/c.ts'), "export const c: number = 'one'\n")
  await expect(prepare(root)).rejects.toThrow(PreparationFailed)
  await expect(prepare(root)).rejects.toThrow(PreparationFailed)
})

test('a Node that is too old is named', () => {
  const said = vi.spyOn(console, 'error').mockReturnValue()
  for (const version of ['20.19.0', '20.20.2', '24.0.0']) expect(() => requireNode(version)).not.toThrow()
  for (const version of ['18.20.0', '20.18.9']) expect(() => requireNode(version)).toThrow('too old')
  expect(said).toHaveBeenCalledWith('Polylog needs Node 20.19 or newer; this is 18.20.0')
})
