/** Names as texts, and where they are looked for. */
import { systemNamespaces } from '../catalog/identity.ts'
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
  return wholePath(context, namedPath(context))
}

/** With the schema of the user's name in the place of `"$user"`: a user may be called like one of the system's, which is not meant. */
export function namedPath(context: SqlContext): readonly string[] {
  return context.searchPath.flatMap((name) => {
    if (name !== '"$user"' && name !== '$user') return name
    // Asked for only where it is meant: definitions are bound for nobody.
    const { user } = context
    return systemNamespaces.has(user) ? [] : user
  })
}

/** With `pg_catalog`, which comes first where it is not named, behind temporary relations only. */
function wholePath({ temporarySchema }: SqlContext, path: readonly string[]): readonly string[] {
  if (path.includes('pg_catalog')) return path
  return path[0] !== undefined && path[0] === temporarySchema
    ? [path[0], 'pg_catalog', ...path.slice(1)]
    : ['pg_catalog', ...path]
}

/** `pg_temp` is each session's own. */
export function schemaNamed({ temporarySchema }: SqlContext, name: string): string {
  return name === 'pg_temp' ? (temporarySchema ?? name) : name
}
