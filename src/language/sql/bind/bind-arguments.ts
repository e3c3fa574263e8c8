/** Arguments of calls of built-in functions: in their places, or by name (`make_interval(days => 10)`). */
import type { NamedArgExpr, Node } from 'libpg-query'
import { constant, type Expression } from '../expression/expression.ts'
import { failure, notBuilt } from '../failure.ts'
import { argumentsNamed } from '../functions/argument-names.ts'
import type { Binder } from './binder.ts'
import type { Scope } from './scope.ts'

export function bindBuiltInArguments(
  binder: Binder,
  scope: Scope,
  name: string,
  nodes: readonly Node[],
): readonly Expression[] {
  const first = nodes.findIndex((node) => 'NamedArgExpr' in node)
  if (first < 0) return binder.each(scope, nodes, (one) => binder.expression(scope, one))
  const known = argumentsNamed(name)
  const named = nodes.slice(first).map((node) => {
    if ('NamedArgExpr' in node) return node.NamedArgExpr
    throw failure('42601', 'positional argument cannot follow named argument', {})
  })
  if (known === undefined) throw notBuilt('a named argument', named[0]!.location)
  const parts: (Expression | undefined)[] = nodes.slice(0, first).map((one) => binder.expression(scope, one))
  for (const argument of named) {
    const place = known.findIndex((one) => one.name === argument.name)
    if (place < 0) throw noSuchArgument(name, named)
    if (parts[place] !== undefined) {
      throw failure('42601', `argument name "${argument.name ?? ''}" used more than once`, {
        location: argument.location,
      })
    }
    parts[place] = binder.expression(scope, argument.arg!)
  }
  const bound: Expression[] = []
  for (const [i, { missing }] of known.entries()) {
    const part = parts[i] ?? (missing && constant(missing.value, missing.type))
    if (part === undefined) {
      // What has no default may lack at the end alone.
      if (i < parts.length) throw noSuchArgument(name, named)
      break
    }
    bound.push(part)
  }
  return bound
}

function noSuchArgument(name: string, named: readonly NamedArgExpr[]): Error {
  const shown = named.map((one) => `${one.name ?? ''} => …`).join(', ')
  return failure('42883', `function ${name}(${shown}) does not exist`, {
    hint: 'No function matches the given name and argument types. You might need to add explicit type casts.',
  })
}
