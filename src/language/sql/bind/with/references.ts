/**
 * Which queries of a WITH RECURSIVE read which others, found in the grammar's tree before anything is bound; and the rules
 * for a query that reads itself (PostgreSQL's parse_cte.c).
 */
import type { CommonTableExpr, Node, SelectStmt } from 'libpg-query'
import { failure, notBuilt } from '../../failure.ts'
import { locationOf } from '../tree.ts'

type Tree = Readonly<Record<string, unknown>>

/** Where a reference stands, where it may stand nowhere like that. */
const places = {
  nonRecursive: 'its non-recursive term',
  subquery: 'a subquery',
  outerJoin: 'an outer join',
  intersect: 'INTERSECT',
  except: 'EXCEPT',
} as const
type Place = keyof typeof places | 'allowed'

type Visit = (name: string, place: Place, location: number | undefined) => void

/** Goes through a part of the tree and tells of all names of relations that are no WITH query of its own. */
class Walk {
  readonly #visit: Visit
  #hidden: ReadonlySet<string> = new Set()

  constructor(visit: Visit) {
    this.#visit = visit
  }

  go(tree: unknown, place: Place): void {
    if (Array.isArray(tree)) for (const one of tree) this.go(one, place)
    else if (typeof tree === 'object' && tree !== null) this.#goInto(tree as Tree, place)
  }

  #goInto(tree: Tree, place: Place): void {
    const { RangeVar: name, SubLink: link, JoinExpr: join, withClause } = tree as Readonly<Record<string, Tree>>
    if (name !== undefined) {
      const { schemaname, relname, location } = name as { schemaname?: string; relname?: string; location?: number }
      if (schemaname === undefined && !this.#hidden.has(relname ?? '')) this.#visit(relname ?? '', place, location)
      return
    }
    if (link !== undefined) {
      this.go(link['subselect'], 'subquery')
      this.go(link['testexpr'], place)
      return
    }
    if (join !== undefined) {
      this.#goIntoJoin(join, place)
      return
    }
    const outer = this.#hidden
    if (withClause !== undefined) this.#enterWith(withClause, place)
    if ('op' in tree && 'larg' in tree) this.#goIntoSet(tree, place)
    else for (const key in tree) if (key !== 'withClause') this.go(tree[key], place)
    this.#hidden = outer
  }

  #enterWith(clause: Tree, place: Place): void {
    const queries = (clause['ctes'] ?? []) as readonly { CommonTableExpr?: CommonTableExpr }[]
    const hide = (name: string | undefined): void => void (this.#hidden = new Set([...this.#hidden, name ?? '']))
    if (clause['recursive'] === true) for (const { CommonTableExpr: one } of queries) hide(one?.ctename)
    for (const { CommonTableExpr: one } of queries) {
      this.go(one?.ctequery, place)
      hide(one?.ctename)
    }
  }

  #goIntoJoin(join: Tree, place: Place): void {
    const kind = join['jointype']
    const outer: Place = place === 'allowed' ? 'outerJoin' : place
    this.go(join['larg'], kind === 'JOIN_RIGHT' || kind === 'JOIN_FULL' ? outer : place)
    this.go(join['rarg'], kind === 'JOIN_LEFT' || kind === 'JOIN_FULL' ? outer : place)
    this.go(join['quals'], place)
  }

  #goIntoSet(tree: Tree, place: Place): void {
    const { op, all, larg, rarg, ...rest } = tree
    const isAll = all === true
    const left: Place =
      isAll && op === 'SETOP_INTERSECT' ? 'intersect' : isAll && op === 'SETOP_EXCEPT' ? 'except' : place
    this.#goInto(larg as Tree, left)
    this.#goInto(rarg as Tree, op === 'SETOP_EXCEPT' ? 'except' : left)
    for (const key in rest) if (key !== 'withClause') this.go(rest[key], place)
  }
}

function namesReadIn(query: Node | undefined): ReadonlySet<string> {
  const names = new Set<string>()
  new Walk((name) => names.add(name)).go(query, 'allowed')
  return names
}

export interface OrderedQuery {
  readonly query: CommonTableExpr
  readonly isRecursive: boolean
}

/** Each behind those that it reads. */
export function orderedByReferences(queries: readonly CommonTableExpr[]): readonly OrderedQuery[] {
  const left = queries.map((query) => {
    const names = namesReadIn(query.ctequery)
    const others = queries.filter((one) => one !== query && names.has(one.ctename ?? ''))
    return { query, isRecursive: names.has(query.ctename ?? ''), others }
  })
  const ordered: OrderedQuery[] = []
  const done = new Set<CommonTableExpr>()
  while (left.length > 0) {
    const at = left.findIndex(({ others }) => others.every((one) => done.has(one)))
    if (at < 0) {
      const { location } = left[0]!.query
      throw failure('0A000', 'mutual recursion between WITH items is not implemented', { location })
    }
    const [{ query, isRecursive }] = left.splice(at, 1) as [(typeof left)[number]]
    ordered.push({ query, isRecursive })
    done.add(query)
  }
  return ordered
}

/** The two sides of a query that reads itself; throws where it has another form, or reads itself elsewhere. */
export function recursiveSides({ ctename: name = '', ctequery, location }: CommonTableExpr): SelectStmt {
  if (ctequery === undefined || !('SelectStmt' in ctequery)) {
    throw failure('42P19', `recursive query "${name}" must not contain data-modifying statements`, { location })
  }
  const statement = ctequery.SelectStmt
  if (statement.op !== 'SETOP_UNION') {
    const message = `recursive query "${name}" does not have the form non-recursive-term UNION [ALL] recursive-term`
    throw failure('42P19', message, { location })
  }
  let count = 0
  const walk = new Walk((other, place, at) => {
    if (other !== name) return
    const what = `recursive reference to query "${name}" must not appear`
    if (place !== 'allowed') throw failure('42P19', `${what} within ${places[place]}`, { location: at })
    if (++count > 1) throw failure('42P19', `${what} more than once`, { location: at })
  })
  walk.go(statement.withClause?.ctes, 'subquery')
  walk.go({ larg: statement.larg }, 'nonRecursive')
  walk.go({ rarg: statement.rarg }, 'allowed')
  refuseTail(statement)
  return statement
}

function refuseTail({ sortClause, limitOffset, limitCount, lockingClause }: SelectStmt): void {
  const [sort] = sortClause ?? []
  refuse('ORDER BY', sort !== undefined && 'SortBy' in sort ? sort.SortBy.node : undefined)
  refuse('OFFSET', limitOffset)
  refuse('LIMIT', limitCount)
  refuse('FOR UPDATE/SHARE', lockingClause?.[0])
}

function refuse(what: string, node: Node | undefined): void {
  if (node === undefined) return
  throw failure('0A000', `${what} in a recursive query is not implemented`, { location: locationOf(node) })
}

export function queriesOf(nodes: readonly Node[] | undefined): readonly CommonTableExpr[] {
  return (nodes ?? []).map((node) => {
    if ('CommonTableExpr' in node) return node.CommonTableExpr
    throw notBuilt('this WITH')
  })
}
