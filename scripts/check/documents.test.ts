import { expect, test } from 'vitest'
import { makeRepository } from '../planted-fault.ts'
import { checkDependencies } from './dependencies.mjs'
import { checkFileSizes } from './file-sizes.mjs'
import { checkLinks, findAnchors, findLinks } from './links.mjs'
import { checkWords } from './words.mjs'

test('links that lead somewhere are no fault', () => {
  const root = makeRepository({
    'README.md':
      '[a](docs/a.md) [b](docs/a.md#two-words) ![c](c.png "t") [d](#here) <https://x.y> [e](https://x.y)\n# Here',
    'docs/a.md': '# Two words\n[back](../README.md)\n\n[ref]: ./\n`[no](link.md)`\n```\n[no](link.md)\n```\n',
    'c.png': '',
    'src/a.ts': '// see docs/a.md',
  })
  expect(checkLinks(root)).toEqual([])
})

test.each([
  ['[a](gone.md)', 'README.md:1 links to gone.md: there is no such file'],
  ['[a](#gone)', 'README.md:1 links to #gone: no heading of README.md makes that anchor'],
  ['[a](docs/a.md#gone)', 'README.md:1 links to docs/a.md#gone: no heading of docs/a.md makes that anchor'],
  ['[a](../shared/a.md)', 'README.md:1 links to ../shared/a.md: leads out of the repository'],
  [
    '[a](/docs/a.md)',
    'README.md:1 links to /docs/a.md: a link starts at the document, not at the root of the file system',
  ],
  ['[a]: gone.md', 'README.md:1 links to gone.md: there is no such file'],
  ['see docs/gone.md', 'README.md:1 mentions docs/gone.md: there is no such file'],
])('%s is a fault', (text, problem) => {
  expect(checkLinks(makeRepository({ 'README.md': text, 'docs/a.md': '# A' }))).toEqual([problem])
})

test('a source comment that mentions a missing document is a fault', () => {
  expect(checkLinks(makeRepository({ 'src/a.ts': '\n// docs/decisions/999-gone.md' }))).toEqual([
    'src/a.ts:2 mentions docs/decisions/999-gone.md: there is no such file',
  ])
})

test('anchors are named as GitHub names them', () => {
  const text = '# A `b`: c, d!\n## Same\n## Same\n```\n# not one\n```\n### [Link](x.md) end\n<a id="set"></a>'
  expect([...findAnchors(text)]).toEqual(['set', 'a-b-c-d', 'same', 'same-1', 'link-end'])
})

test('links in code are no links', () => {
  expect(findLinks('`[a](b)` [c](d) ``[e](`f`)``')).toEqual([{ target: 'd', line: 1 }])
})

const slash = '/'
test.each([
  ['src/a.ts', `const path = '${slash}work/main'`, 'names a path of one machine'],
  ['docs/a.md', `cd ${slash}root/polylog`, 'names a path of one machine'],
  ['docs/a.md', `see ${slash}tmp/bash_jobs/1`, 'names a path of one machine'],
  ['docs/a.md', `${slash}home/ann/polylog`, 'names a path of one machine'],
  ['docs/a.md', `https:${slash}/registry.npmjs.org`, 'names a package registry'],
  ['package-lock.json', '"resolved": "https:' + slash, 'names a package registry'],
  ['src/a.ts', `// ${'TO'}DO later`, 'leaves a note of unfinished work'],
  ['docs/a.md', `as ${'iss'}ue 7 says`, 'names an issue'],
  ['src/a.test.ts', `it${'.skip'}('a', () => {})`, 'switches a test off'],
  ['test/a.ts', `describe.concurrent${'.only'}('a', () => {})`, 'switches a test off'],
])('%s with %s is a fault', (path, text, message) => {
  const problems = checkWords(makeRepository({ [path]: `\n${text}\n` }))
  expect(problems).toHaveLength(1)
  expect(problems[0]).toContain(`${path}:2 ${message}`)
})

test('ordinary words are no fault', () => {
  const text = 'framework/a, ./work/a, $ROOT/root/a, the npm registry, data.skip(1), only'
  expect(checkWords(makeRepository({ 'docs/a.md': text, 'test/a.ts': text }))).toEqual([])
})

test('a long source file is a fault unless it is listed, and a listed short one is a fault too', () => {
  const root = makeRepository({
    'src/long.ts': '\n'.repeat(601),
    'src/short.ts': '\n',
    'src/a.test.ts': '\n'.repeat(900),
  })
  expect(checkFileSizes(root, new Map())).toEqual(['src/long.ts:1 has 601 lines, over 600'])
  expect(checkFileSizes(root, new Map([['src/long.ts', 'a table']]))).toEqual([])
  expect(
    checkFileSizes(
      root,
      new Map([
        ['src/long.ts', 'a table'],
        ['src/short.ts', 'was long'],
      ]),
    ),
  ).toEqual(['src/short.ts:1 has 1 lines and needs no exception any more'])
})

test('dependencies are exact, explained, silent on installation, and the lock file names no source', () => {
  const root = makeRepository({
    'package.json': JSON.stringify({ dependencies: { a: '1.0.0', b: '^2.0.0' }, devDependencies: { c: '3.0.0' } }),
    'package-lock.json': JSON.stringify({
      packages: {
        '': {},
        'node_modules/a': { hasInstallScript: true },
        'node_modules/b': { resolved: 'https:b', optionalDependencies: { e: '1.0.0' } },
      },
    }),
    'docs/decisions/dependencies.md': '| `a` | why |\n| `b` | why |\n| `d` | why |\n',
  })
  expect(checkDependencies(root)).toEqual([
    'package.json:1 asks for b ^2.0.0, which is not one exact version',
    'package.json:1 depends on c, which has no row in docs/decisions/dependencies.md',
    'docs/decisions/dependencies.md:1 has a row for d, which package.json does not name',
    'package-lock.json:1 has no entry for e: run node scripts/complete-lock.mjs',
    'package-lock.json:1 node_modules/a runs a script on installation',
    'package-lock.json:1 node_modules/b names where it came from: https:b',
  ])
})
