/** A path of SQL/JSON, parsed. Each item may have what is done with its results behind it: `next`. */
import type { Decimal } from '../../../../base/decimal.ts'

export type PathMethod = 'abs' | 'size' | 'type' | 'floor' | 'double' | 'ceiling' | 'keyvalue'
export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>='
export type Arithmetic = '+' | '-' | '*' | '/' | '%'

export type PathItem = (
  | { readonly kind: 'null' | 'root' | 'current' | 'last' | 'anyElement' | 'anyKey' }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'string' | 'variable' | 'key'; readonly value: string }
  | { readonly kind: 'number'; readonly value: Decimal }
  | { readonly kind: 'elements'; readonly ranges: readonly (readonly [from: PathItem, to: PathItem | undefined])[] }
  /** `**{first to last}`: levels below; `Infinity` is the last one. */
  | { readonly kind: 'any'; readonly first: number; readonly last: number }
  | { readonly kind: 'method'; readonly name: PathMethod }
  | { readonly kind: 'datetime'; readonly template: string | undefined }
  | { readonly kind: 'filter' | 'not' | 'isUnknown' | 'exists'; readonly argument: PathItem }
  | { readonly kind: 'sign'; readonly sign: '+' | '-'; readonly argument: PathItem }
  | { readonly kind: 'arithmetic'; readonly operator: Arithmetic; readonly left: PathItem; readonly right: PathItem }
  | { readonly kind: 'compare'; readonly operator: Comparison; readonly left: PathItem; readonly right: PathItem }
  | { readonly kind: 'and' | 'or' | 'startsWith'; readonly left: PathItem; readonly right: PathItem }
  | { readonly kind: 'likeRegex'; readonly argument: PathItem; readonly pattern: string; readonly flags: string }
) & { readonly next?: PathItem }

export interface JsonPath {
  readonly isLax: boolean
  readonly item: PathItem
}

const predicates: ReadonlySet<PathItem['kind']> = new Set<PathItem['kind']>([
  'and',
  'or',
  'not',
  'isUnknown',
  'exists',
  'compare',
  'startsWith',
  'likeRegex',
])

export function isPredicate(item: PathItem): boolean {
  return predicates.has(item.kind) && item.next === undefined
}
