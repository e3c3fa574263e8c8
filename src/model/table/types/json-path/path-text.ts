/** A path's canonical text: keys quoted, operations with no more parentheses than PostgreSQL writes. */
import { quoteJson } from '../json.ts'
import type { JsonPath, PathItem } from './path-nodes.ts'

export function formatPath({ isLax, item }: JsonPath): string {
  return (isLax ? '' : 'strict ') + format(item, false, true)
}

function priorityOf(item: PathItem): number {
  switch (item.kind) {
    case 'or':
      return 0
    case 'and':
      return 1
    case 'compare':
    case 'startsWith':
      return 2
    case 'arithmetic':
      return item.operator === '+' || item.operator === '-' ? 3 : 4
    case 'sign':
      return 5
    default:
      return 6
  }
}

/** `isKey`: what stands behind another item. */
function format(item: PathItem, isKey: boolean, hasParentheses: boolean): string {
  const own = formatOwn(item, isKey, hasParentheses)
  return item.next === undefined ? own : own + format(item.next, true, true)
}

function formatOwn(item: PathItem, isKey: boolean, hasParentheses: boolean): string {
  const within = (text: string): string => (hasParentheses ? `(${text})` : text)
  const operand = (one: PathItem): string => format(one, false, priorityOf(one) <= priorityOf(item))
  const dot = isKey ? '.' : ''
  switch (item.kind) {
    case 'null':
      return 'null'
    case 'boolean':
      return String(item.value)
    case 'string':
      return quoteJson(item.value)
    case 'key':
      return `${dot}${quoteJson(item.value)}`
    case 'variable':
      return `$${quoteJson(item.value)}`
    case 'number':
      return item.next === undefined ? item.value.toString() : `(${item.value.toString()})`
    case 'root':
      return '$'
    case 'current':
      return '@'
    case 'last':
      return 'last'
    case 'anyElement':
      return '[*]'
    case 'anyKey':
      return `${dot}*`
    case 'any':
      return `${dot}**${levelsText(item.first, item.last)}`
    case 'elements': {
      const ranges = item.ranges.map(([from, to]) => {
        return format(from, false, false) + (to === undefined ? '' : ` to ${format(to, false, false)}`)
      })
      return `[${ranges.join(',')}]`
    }
    case 'method':
      return `.${item.name}()`
    case 'datetime':
      return `.datetime(${item.template === undefined ? '' : quoteJson(item.template)})`
    case 'filter':
      return `?(${format(item.argument, false, false)})`
    case 'not':
      return `!(${format(item.argument, false, false)})`
    case 'isUnknown':
      return `(${format(item.argument, false, false)}) is unknown`
    case 'exists':
      return `exists (${format(item.argument, false, false)})`
    case 'sign':
      return within(`${item.sign}${operand(item.argument)}`)
    case 'likeRegex': {
      const flags = item.flags === '' ? '' : ` flag "${item.flags}"`
      return within(`${operand(item.argument)} like_regex ${quoteJson(item.pattern)}${flags}`)
    }
    default:
      return within(`${operand(item.left)} ${symbolOf(item)} ${operand(item.right)}`)
  }
}

function symbolOf(item: PathItem): string {
  if (item.kind === 'compare' || item.kind === 'arithmetic') return item.operator
  return item.kind === 'and' ? '&&' : item.kind === 'or' ? '||' : 'starts with'
}

function levelsText(first: number, last: number): string {
  const shown = (level: number): string => (level === Infinity ? 'last' : String(level))
  if (first === 0 && last === Infinity) return ''
  return first === last ? `{${shown(first)}}` : `{${shown(first)} to ${shown(last)}}`
}
