/** The tree of an expression that stands alone: of a text that a definition keeps. */
import type { Node } from 'libpg-query'
import { failure } from './failure.ts'
import { parseText } from './parse.ts'

export function parseExpression(text: string): Node {
  const tree = parseText(`SELECT ${text}`)[0]?.tree as Node | undefined
  const target = tree !== undefined && 'SelectStmt' in tree ? tree.SelectStmt.targetList?.[0] : undefined
  if (target === undefined || !('ResTarget' in target) || target.ResTarget.val === undefined) {
    throw failure('XX000', `the stored expression "${text}" cannot be read`)
  }
  return target.ResTarget.val
}
