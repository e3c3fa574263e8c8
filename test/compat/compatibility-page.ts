/**
 * docs/compatibility.md, from the tables that the code itself works by and from the suites' last results.
 *
 * Names come from data, never from prose: the Redis command table, the Mongo command table, the operator tables of the
 * document language (each row of which begins with the operator's name), SQL's function registry, and the statements that
 * the planner dispatches on.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { commands as mongoCommands } from '../../src/gateway/mongodb/commands/commands.ts'
import { allFunctions } from '../../src/language/sql/functions/registry.ts'
// oxlint-disable-next-line import/no-unassigned-import -- loading is what registers the functions
import '../../src/language/sql/functions/library.ts'

interface RedisCommand {
  readonly name: string
  readonly group: string
  readonly subcommands?: readonly { readonly name: string }[]
}

interface SuiteResult {
  readonly suite: string
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export function compatibilityPage(root: string): string {
  return [
    '# Compatibility',
    '',
    'Generated from the code by `REWRITE=1 npx vitest run test/compat/compatibility-page.test.ts`; do not edit. What is not',
    'listed answers with the error that the protocol has for it. How values pass from door to door: [values.md](values.md).',
    '',
    ...suites(root),
    ...redis(root),
    ...postgres(root),
    ...mongodb(root),
  ].join('\n')
}

function suites(root: string): string[] {
  const folder = join(root, 'test/compat/results')
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : []
  const rows = files.sort().map((name) => {
    const { suite, passed, failed, skipped } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as SuiteResult
    return `| \`${suite}\` | ${passed} | ${failed} | ${skipped} |`
  })
  return [
    '## Foreign suites',
    '',
    'Run with `npm run compat -- SUITE`. Skipped cases are listed with their reasons in `test/compat/expected-skips`.',
    '',
    '| suite | passed | failed | skipped |',
    '|---|---|---|---|',
    ...rows,
    '',
  ]
}

function redis(root: string): string[] {
  const commands = JSON.parse(readFileSync(join(root, 'src/gateway/redis/commands.json'), 'utf8')) as RedisCommand[]
  const groups = [...new Set(commands.map((command) => command.group))].sort()
  const lines = groups.map((group) => {
    const members = commands.filter((command) => command.group === group)
    return `- **${group}**: ${members.sort(byName).map(redisName).join(' ')}`
  })
  return [`## Redis: ${commands.length} commands`, '', ...lines, '']
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1
}

function redisName({ name, subcommands }: RedisCommand): string {
  const inner = (subcommands ?? []).map((sub) => sub.name.split('|').at(-1)!.toUpperCase())
  const title = `\`${name.toUpperCase()}\``
  return inner.length === 0 ? title : `${title} (${inner.join(', ')})`
}

function postgres(root: string): string[] {
  const names = (kind: 'f' | 'a'): string[] => {
    const found = [...allFunctions()].filter((entry) => entry.kind === kind).map((entry) => entry.name)
    return [...new Set(found)].filter((name) => /^[a-z_0-9]+$/.test(name)).sort()
  }
  const functions = names('f')
  const aggregates = names('a')
  return [
    '## PostgreSQL',
    '',
    `Statements: ${statementKinds(root).join(', ')}.`,
    '',
    `Functions (${functions.length}): ${functions.map((name) => `\`${name}\``).join(' ')}`,
    '',
    `Aggregates (${aggregates.length}): ${aggregates.map((name) => `\`${name}\``).join(' ')}`,
    '',
  ]
}

/** The grammar's node names that the planner looks for: `'CreateSchemaStmt' in node`. */
function statementKinds(root: string): string[] {
  const folder = join(root, 'src/language/sql/statement')
  const sources = ['statements.ts', 'named-statements.ts'].map((name) => readFileSync(join(folder, name), 'utf8'))
  const kinds = new Set<string>()
  for (const source of sources) {
    for (const [, kind] of source.matchAll(/'(\w+)Stmt' in node/g)) {
      kinds.add(kind!.replace(/([a-z])([A-Z])/g, '$1 $2').toUpperCase())
    }
  }
  return [...kinds].sort()
}

const operatorTables: readonly (readonly [title: string, files: readonly string[]])[] = [
  ['query operators', ['filter-operators.ts']],
  ['update operators', ['update-operators.ts', 'update-arrays.ts']],
  ['pipeline stages', ['pipeline.ts']],
  ['accumulators', ['group.ts']],
  [
    'expressions',
    [
      'expression-arithmetic.ts',
      'expression-array.ts',
      'expression-conversion.ts',
      'expression-date.ts',
      'expression-logic.ts',
      'expression-object.ts',
      'expression-text.ts',
    ],
  ],
]

function mongodb(root: string): string[] {
  const names = mongoCommands.map((command) => `\`${command.name}\``).sort()
  const tables = operatorTables.map(([title, files]) => {
    const operators = new Set(files.flatMap((file) => tableRows(join(root, 'src/language/mql', file))))
    return `- **${title}** (${operators.size}): ${[...operators].sort().join(' ')}`
  })
  return ['## MongoDB', '', `- **commands** (${names.length}): ${names.join(' ')}`, ...tables, '']
}

/** Rows of the operator tables begin a line with `['$name',` or, made by a function, with `fixed('$name',`. */
function tableRows(path: string): string[] {
  const source = readFileSync(path, 'utf8')
  return [...source.matchAll(/^\s+(?:\[|\w+\()\s*'(\$\w+)',/gm)].map(([, name]) => `\`${name}\``)
}
