/**
 * docs/compatibility.md, from the tables that the code itself works by and from the suites' last results.
 *
 * Names come from data, never from prose: the Redis command table, the Mongo command table, SQL's function registry, the
 * statements that the planner dispatches on, and what a server answered about the names in the real servers' manuals.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { commands as mongoCommands } from '../../src/gateway/mongodb/commands/commands.ts'
import type { Probed } from './probes.ts'
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

export function compatibilityPage(root: string, probed: Probed): string {
  return [
    '# Compatibility',
    '',
    'Generated from the code by `REWRITE=1 npx vitest run test/compat/compatibility-page.test.ts`; do not edit. What is not',
    'listed answers with the error that the protocol has for it. How values pass from door to door: [values.md](values.md).',
    '',
    ...suites(root),
    ...redis(root, probed),
    ...postgres(root, probed),
    ...mongodb(probed),
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

function redis(root: string, probed: Probed): string[] {
  const commands = JSON.parse(readFileSync(join(root, 'src/gateway/redis/commands.json'), 'utf8')) as RedisCommand[]
  const groups = [...new Set(commands.map((command) => command.group))].sort()
  const lines = groups.map((group) => {
    const members = commands.filter((command) => command.group === group)
    return `- **${group}**: ${members.sort(byName).map(redisName).join(' ')}`
  })
  const missing = probed.redis.map(({ group, missing: names }) => `- **${group}**: ${quoted(names)}`)
  return [
    `## Redis: ${commands.length} commands`,
    '',
    ...lines,
    '',
    'Not here, among the commands of Redis 7.2:',
    '',
    ...missing,
    '',
  ]
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1
}

function redisName({ name, subcommands }: RedisCommand): string {
  const inner = (subcommands ?? []).map((sub) => sub.name.split('|').at(-1)!.toUpperCase())
  const title = `\`${name.toUpperCase()}\``
  return inner.length === 0 ? title : `${title} (${inner.join(', ')})`
}

function postgres(root: string, { sql }: Probed): string[] {
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
    `Also here: ${sql.here.join(', ')}.`,
    '',
    `Not here, among what tools and applications send: ${sql.missing.join(', ')}.`,
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

function mongodb({ mongo }: Probed): string[] {
  const names = mongoCommands.map((command) => `\`${command.name}\``).sort()
  const here = mongo.map(([title, { here: found }]) => `- **${title}** (${found.length}): ${quoted(found)}`)
  const missing = mongo.map(([title, { missing: lost }]) => `- **${title}**: ${quoted(lost)}`)
  const [, ...operators] = here
  return [
    '## MongoDB',
    '',
    `- **commands** (${names.length}): ${names.join(' ')}`,
    ...operators,
    '',
    'Not here, among what the manual of MongoDB 7.0 lists:',
    '',
    ...missing.filter((line) => !line.endsWith(': ')),
    '',
  ]
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(' ')
}
