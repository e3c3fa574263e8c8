/** Calls that SQL writes otherwise than with parentheses and commas, as PostgreSQL's `get_func_sql_syntax` shows them. */
import type { CallExpression, Expression } from '../expression/expression.ts'

/** Texts, and the arguments between them. */
type Pieces = readonly (string | Expression)[]

/** CURRENT_DATE and its like. */
export function keywordText({ keyword, name, arguments: parts }: CallExpression): string | undefined {
  if (keyword !== undefined) return keyword
  return parts.length === 0 && valueFunctions.has(name) ? name.toUpperCase() : undefined
}

/** Functions that are called without parentheses. */
const valueFunctions: ReadonlySet<string> = new Set(['current_user', 'current_role', 'session_user', 'user'])

const likes: Readonly<Record<string, string>> = {
  'like ~~': 'LIKE',
  'like !~~': 'NOT LIKE',
  'like ~~*': 'ILIKE',
  'like !~~*': 'NOT ILIKE',
}

export function sqlSyntax(call: CallExpression): Pieces | undefined {
  const { name, arguments: parts, isSqlSyntax } = call
  const like = likes[name]
  if (like !== undefined) return ['(', parts[0]!, ` ${like} `, parts[1]!, ' ESCAPE ', parts[2]!, ')']
  if (name === 'similar_to') {
    const escape = parts[2] === undefined ? [] : [' ESCAPE ', parts[2]]
    return ['(', parts[0]!, ' SIMILAR TO ', parts[1]!, ...escape, ')']
  }
  return isSqlSyntax === true ? special(call) : undefined
}

function special({ name, arguments: parts }: CallExpression): Pieces | undefined {
  const [a, b, c, d] = parts as [Expression, Expression, Expression, Expression]
  switch (name) {
    case 'timezone':
      return ['(', b, ' AT TIME ZONE ', a, ')']
    case 'overlaps':
      return ['((', a, ', ', b, ') OVERLAPS (', c, ', ', d, '))']
    case 'extract':
      return a.kind === 'constant' && typeof a.value === 'string' ? [`EXTRACT(${a.value} FROM `, b, ')'] : undefined
    case 'overlay':
      return ['OVERLAY(', a, ' PLACING ', b, ' FROM ', c, ...(parts.length > 3 ? [' FOR ', d] : []), ')']
    case 'position':
      return ['POSITION((', b, ') IN (', a, '))']
    case 'substring':
      return parts.length > 1
        ? ['SUBSTRING(', a, ' FROM ', b, ...(parts.length > 2 ? [' FOR ', c] : []), ')']
        : undefined
    case 'btrim':
      return trim('BOTH', parts)
    case 'ltrim':
      return trim('LEADING', parts)
    case 'rtrim':
      return trim('TRAILING', parts)
    default:
      return undefined
  }
}

function trim(side: string, [text, characters]: readonly Expression[]): Pieces {
  return [`TRIM(${side}`, ...(characters === undefined ? [] : [' ', characters]), ' FROM ', text!, ')']
}
