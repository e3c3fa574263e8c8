/** Names as texts, and where they are looked for. */
import type { SqlContext } from '../contract.ts'
import { failure } from '../failure.ts'

/** `a.b` and `"A"."b"` to their parts, folded as identifiers are. */
export function splitName(text: string): string[] {
  const parts: string[] = []
  const pattern = /\s*(?:"((?:[^"]|"")*)"|([^."\s]+))\s*(\.|$)/y
  let at = 0
  while (at < text.length) {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    if (found === null) throw failure('42602', 'invalid name syntax')
    parts.push(found[1] === undefined ? found[2]!.toLowerCase() : found[1].replaceAll('""', '"'))
    at = pattern.lastIndex
  }
  if (parts.length === 0) throw failure('42602', 'invalid name syntax')
  return parts
}

export function searchPathOf(context: SqlContext): readonly string[] {
  return wholePath(
    context,
    context.searchPath.map((name) => (name === '"$user"' || name === '$user' ? context.user : name)),
  )
}

/** With `pg_catalog`, which comes first where it is not named, behind temporary relations only. */
export function wholePath({ temporarySchema }: SqlContext, path: readonly string[]): readonly string[] {
  if (path.includes('pg_catalog')) return path
  return path[0] !== undefined && path[0] === temporarySchema
    ? [path[0], 'pg_catalog', ...path.slice(1)]
    : ['pg_catalog', ...path]
}

/** `pg_temp` is each session's own. */
export function schemaNamed({ temporarySchema }: SqlContext, name: string): string {
  return name === 'pg_temp' ? (temporarySchema ?? name) : name
}
