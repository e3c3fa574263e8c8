/** What arguments each command takes, as COMMAND DOCS tells it, and as a line for people. The facts are those of Redis's command table. */
import facts from './command-arguments.json' with { type: 'json' }

export interface ArgumentFacts {
  readonly name: string
  /** `pure-token`, `oneof` and `block` (of `arguments`), or what stands there. */
  readonly type: string
  /** Which of the command's key specifications it is. */
  readonly key?: number
  /** The word before it. */
  readonly token?: string
  readonly since?: string
  readonly deprecated?: string
  readonly flags?: readonly string[]
  readonly arguments?: readonly ArgumentFacts[]
}

const byCommand: Readonly<Record<string, readonly ArgumentFacts[] | undefined>> = facts

/** `name`: of a subcommand with its container's, `client|kill`. */
export function argumentsOf(name: string): readonly ArgumentFacts[] {
  return byCommand[name] ?? []
}

/** As manuals print it: `key value [NX|XX] [GET]`. */
export function usageOf(list: readonly ArgumentFacts[]): string {
  return list.map(usageOfOne).join(' ')
}

function usageOfOne(argument: ArgumentFacts): string {
  const { name, type, token, flags = [], arguments: parts = [] } = argument
  const isChoice = type === 'oneof'
  let shown = isChoice ? parts.map(usageOfOne).join('|') : type === 'block' ? usageOf(parts) : `<${name}>`
  if (type === 'pure-token') shown = token ?? name
  else if (token !== undefined) shown = `${token === '' ? '""' : token} ${isChoice ? `<${shown}>` : shown}`
  if (flags.includes('multiple')) shown = `${shown} [${shown} ...]`
  if (flags.includes('optional')) return `[${shown}]`
  return isChoice && token === undefined ? `(${shown})` : shown
}
