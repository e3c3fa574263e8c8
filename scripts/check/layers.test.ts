import { expect, test } from 'vitest'
import { makeRepository } from '../planted-fault.ts'
import { checkLayers } from './layers.mjs'

function check(files: Record<string, string>): string[] {
  return checkLayers(makeRepository(files))
}

test('own box, lower layers, the layer’s contract and packages may be imported', () => {
  const problems = check({
    'src/base/bytes.ts': "import { Buffer } from 'node:buffer'\nexport * from './slice.ts'",
    'src/storage/memory/memory.ts': "import '../store.ts'\nimport './pages.ts'\nimport '../../base/bytes.ts'",
    'src/gateway/redis/commands/get.ts': "import '../wire.ts'\nimport '../../gateway.ts'\nimport { x } from 're2js'",
    'src/database/catalog/tables.ts': "import '../kernel.ts'\nimport './columns.ts'",
    'src/session/context.ts': "import type { Context } from '../database/context.ts'",
    'src/polylog.ts': "export { open } from './library/library.ts'\nimport './server/server.ts'",
    'src/cli/polylog.ts': "import '../polylog.ts'",
    'src/polylog.test.ts': "import './polylog.ts'\nimport '../test/drivers.ts'",
    'src/host/real/worker.ts': 'await import(name)',
  })
  expect(problems).toEqual([])
})

test.each([
  ['a value from above', "import { a } from '../host/host.ts'", 'src/host/host.ts: host lies above base'],
  ['a type from above', "import type { A } from '../log/log.ts'", 'src/log/log.ts: log lies above base'],
  ['an inline type from above', "type A = import('../log/log.ts').A", 'src/log/log.ts: log lies above base'],
  ['a late import from above', "await import('../log/log.ts')", 'src/log/log.ts: log lies above base'],
  ['an export from above', "export * from '../log/log.ts'", 'src/log/log.ts: log lies above base'],
  ['a named export from above', "export { a } from '../log/log.ts'", 'src/log/log.ts: log lies above base'],
  ['a computed import', 'await import(name)', 'a path that is not a literal'],
  ['a require', "require('../log/log.ts')", 'a path that is not a literal'],
  ['something outside src', "import '../../test/drivers.ts'", 'test/drivers.ts, which lies outside src'],
  ['a test', "import './bytes.test.ts'", 'the test src/base/bytes.test.ts'],
  ['the package by its name', "import { open } from 'polylog'", "polylog by the package's own name"],
  ['an unknown layer', "import '../misc/a.ts'", 'src/misc/a.ts, which is in no layer'],
])('%s is a fault', (_name, line, message) => {
  expect(check({ 'src/base/bytes.ts': `// first line\n${line}` })).toEqual([
    `src/base/bytes.ts:2 imports ${message}`.replace(
      /imports a path that is not a literal$/,
      'imports a path that is not a literal, so its layer cannot be known',
    ),
  ])
})

test('boxes of one layer are strangers to each other', () => {
  const problems = check({
    'src/gateway/redis/redis.ts': "import '../mongodb/wire.ts'",
    'src/cli/polylog.ts': "import '../studio/studio.ts'",
    'src/storage/store.ts': "import './memory/memory.ts'",
  })
  expect(problems).toEqual([
    'src/cli/polylog.ts:1 imports src/studio/studio.ts: cli/ and studio/ are siblings',
    'src/gateway/redis/redis.ts:1 imports src/gateway/mongodb/wire.ts: gateway/redis and gateway/mongodb are siblings',
    'src/storage/store.ts:1 imports src/storage/memory/memory.ts: what the boxes of storage share imports none of them',
  ])
})

test('a file in no layer is a fault', () => {
  expect(check({ 'src/misc/a.ts': '' })).toEqual([
    'src/misc/a.ts:1 is in no layer; the layers are listed in scripts/check/layers.mjs',
  ])
})

test('what only tests use is for tests, and may use packages that do not come with Polylog', () => {
  const files = {
    'package.json': '{ "dependencies": { "bson": "1.0.0" } }',
    'tsconfig.build.json':
      '{\n  // a comment\n  "exclude": ["src/**/*.test.ts", "src/storage/contract", "src/log/suite.ts"]\n}',
    'src/storage/memory/memory.test.ts': "import '../contract/suite.ts'\nimport '../../log/suite.ts'\nimport 'vitest'",
    'src/storage/contract/suite.ts': "import 'vitest'\nimport { readFile } from 'node:fs'\nimport './program.ts'",
    'src/storage/memory/memory.ts': "import 'bson'\nimport 'node:zlib'",
  }
  expect(check(files)).toEqual([])
  expect(
    check({
      ...files,
      'src/storage/memory/memory.ts': "import 'vitest/config'\nimport '../contract/suite.ts'",
      'src/base/bytes.test.ts': "import '../log/suite.ts'",
    }),
  ).toEqual([
    'src/base/bytes.test.ts:1 imports src/log/suite.ts: log lies above base',
    'src/storage/memory/memory.ts:1 imports vitest, which does not come with the package',
    'src/storage/memory/memory.ts:2 imports the test src/storage/contract/suite.ts',
  ])
})

test('words in comments, strings and patterns are no imports', () => {
  expect(
    check({ 'src/base/a.ts': "// import '../log/a.ts'\nexport const a = `import '../log/a.ts'`, b = /import '..'/" }),
  ).toEqual([])
})
