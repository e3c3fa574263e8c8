import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checks } from './check.mjs'
import { makeInstalledRepository } from './planted-fault.ts'
import { repositoryRoot } from './prepare.mjs'

/** A small repository with this one's configuration, sound but for the given files. */
function makeSound(files: Record<string, string>): string {
  const copied = ['tsconfig.json', 'scripts/tsconfig.json', '.oxlintrc.json', '.oxfmtrc.json']
  const configuration = copied.map((path) => [path, readFileSync(join(repositoryRoot, path), 'utf8')])
  return makeInstalledRepository({
    ...Object.fromEntries(configuration),
    'package.json': '{\n  "name": "planted",\n  "type": "module"\n}\n',
    'knip.json': '{ "entry": ["src/polylog.ts"], "project": ["src/**/*.ts"] }\n',
    'src/polylog.ts': "import { one } from './one.ts'\n\nexport const two: number = one + one\n",
    'src/one.ts': 'export const one: number = 1\n',
    'scripts/a.mjs': '/** @type {number} */\nexport const a = 1\n',
    ...files,
  })
}

async function run(name: string, root: string): Promise<{ ok: boolean; output: string }> {
  const check = checks[name]
  if (check === undefined) throw new Error(`no check ${name}`)
  return check(root)
}

test.each([
  ['types', 'src/one.ts', "export const one: number = 'one'\n", 'TS2322'],
  ['types', 'src/one.ts', 'export const one = [1].map((n) => n)[0]\n', 'TS9010'],
  ['types-of-scripts', 'scripts/a.mjs', "/** @type {number} */\nexport const a = 'one'\n", 'TS2322'],
  ['dead-code', 'src/one.ts', 'export const one: number = 1\nexport const dead: number = 1\n', 'dead'],
  ['dead-code', 'src/unused.ts', 'export const unused: number = 1\n', 'src/unused.ts'],
  ['format', 'src/one.ts', 'export const one: number = 1;\n', 'src/one.ts'],
  ['lint', 'src/one.ts', 'export const one: number = 1\nfunction unused(): void {}\n', 'no-unused-vars'],
  ['lint', 'src/one.ts', 'export var one: number = 1\n', 'no-var'],
])('%s finds what is planted in %s', async (name, path, text, complaint) => {
  const sound = await run(name, makeSound({}))
  expect(sound).toMatchObject({ ok: true })
  const faulty = await run(name, makeSound({ [path]: text }))
  expect(faulty.ok).toBe(false)
  expect(faulty.output).toContain(complaint)
})

test.each([
  ['layers', { 'src/base/a.ts': "import '../host/a.ts'\n" }],
  ['host-rule', { 'src/base/a.ts': 'Date.now()\n' }],
  ['links', { 'README.md': '[a](gone.md)\n' }],
  ['words', { 'src/base/a.ts': `// ${'TO'}DO\n` }],
  ['file-sizes', { 'src/base/a.ts': '\n'.repeat(700) }],
])('%s is among the checks and fails', async (name, files) => {
  expect(await run(name, makeSound(files))).toMatchObject({ ok: false })
})
