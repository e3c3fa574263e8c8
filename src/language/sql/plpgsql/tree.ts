/** What a PL/pgSQL body says: its blocks, declarations and statements, with the SQL in them as text. */

/** A piece of SQL, as it stands in the body. */
export interface Fragment {
  readonly text: string
  /** Of the body: 1 is the line on which it begins. */
  readonly line: number
}

export interface BlockNode {
  readonly kind: 'block'
  readonly line: number
  readonly label: string | undefined
  readonly declarations: readonly DeclarationNode[]
  readonly body: readonly StatementNode[]
  readonly handlers: readonly HandlerNode[]
}

export interface HandlerNode {
  /** Names of conditions in lower case, or `sqlstate 22012`. */
  readonly conditions: readonly string[]
  readonly body: readonly StatementNode[]
}

export type DeclarationNode =
  | {
      readonly kind: 'variable'
      readonly line: number
      readonly name: string
      /** As it stands: a type of SQL, `t.c%TYPE`, `t%ROWTYPE`, `record`. */
      readonly type: string
      readonly isConstant: boolean
      readonly isNotNull: boolean
      readonly initial: Fragment | undefined
    }
  | { readonly kind: 'alias'; readonly line: number; readonly name: string; readonly of: string }
  | {
      readonly kind: 'cursor'
      readonly line: number
      readonly name: string
      readonly isScroll: boolean | undefined
      readonly parameters: readonly { readonly name: string; readonly type: string }[]
      readonly query: Fragment
    }

/** `a`, `r.f`, with subscripts: `a[1]`. */
export interface TargetNode {
  readonly path: readonly string[]
  readonly subscripts: readonly Fragment[]
  readonly line: number
}

export interface IntoNode {
  readonly targets: readonly TargetNode[]
  readonly isStrict: boolean
}

export type Body = readonly StatementNode[]

export interface Branch {
  readonly when: Fragment
  readonly body: Body
}

export type RaiseLevel = 'debug' | 'log' | 'info' | 'notice' | 'warning' | 'exception'

export interface RaiseNode {
  readonly kind: 'raise'
  readonly line: number
  readonly level: RaiseLevel
  /** Undefined of a RAISE alone, which throws again what is being handled. */
  readonly message?: string
  readonly parameters: readonly Fragment[]
  /** A name, or `sqlstate 22012`. */
  readonly condition?: string
  readonly options: readonly { readonly name: string; readonly value: Fragment }[]
}

/** Of FETCH and MOVE. */
export interface Direction {
  readonly how: 'relative' | 'absolute'
  readonly count: number | 'all'
  readonly by?: Fragment
}

interface At {
  readonly line: number
}

export type LoopNode = (
  | { readonly kind: 'loop' }
  | { readonly kind: 'while'; readonly condition: Fragment }
  | {
      readonly kind: 'for integer'
      readonly variable: string
      readonly isReverse: boolean
      readonly from: Fragment
      readonly to: Fragment
      readonly by: Fragment | undefined
    }
  | { readonly kind: 'for query'; readonly targets: readonly TargetNode[]; readonly query: Fragment }
  | {
      readonly kind: 'for execute'
      readonly targets: readonly TargetNode[]
      readonly query: Fragment
      readonly using: readonly Fragment[]
    }
  | {
      readonly kind: 'foreach'
      readonly targets: readonly TargetNode[]
      readonly slice: number
      readonly array: Fragment
    }
) & { readonly label: string | undefined; readonly body: Body } & At

export type StatementNode =
  | BlockNode
  | LoopNode
  | RaiseNode
  | ({ readonly kind: 'assign'; readonly target: TargetNode; readonly value: Fragment } & At)
  | ({ readonly kind: 'if'; readonly branches: readonly Branch[]; readonly otherwise: Body } & At)
  | ({
      readonly kind: 'case'
      readonly subject: Fragment | undefined
      readonly branches: readonly { readonly when: readonly Fragment[]; readonly body: Body }[]
      /** Undefined: there is no ELSE. */
      readonly otherwise: Body | undefined
    } & At)
  | ({
      readonly kind: 'exit'
      readonly isExit: boolean
      readonly label: string | undefined
      readonly when: Fragment | undefined
    } & At)
  | ({ readonly kind: 'return'; readonly value: Fragment | undefined } & At)
  | ({ readonly kind: 'return next'; readonly value: Fragment | undefined } & At)
  | ({ readonly kind: 'return query'; readonly query: Fragment } & At)
  | ({ readonly kind: 'return execute'; readonly query: Fragment; readonly using: readonly Fragment[] } & At)
  | ({ readonly kind: 'assert'; readonly condition: Fragment; readonly message: Fragment | undefined } & At)
  | ({
      readonly kind: 'execute'
      readonly query: Fragment
      readonly into: IntoNode | undefined
      readonly using: readonly Fragment[]
    } & At)
  | ({ readonly kind: 'perform'; readonly query: Fragment } & At)
  | ({
      readonly kind: 'sql'
      readonly query: Fragment
      readonly into: IntoNode | undefined
      readonly word: string
    } & At)
  | ({
      readonly kind: 'diagnostics'
      readonly isStacked: boolean
      readonly items: readonly { readonly target: TargetNode; readonly item: string }[]
    } & At)
  | ({
      readonly kind: 'open'
      readonly cursor: string
      readonly isScroll: boolean | undefined
      readonly query: Fragment | undefined
      readonly execute: { readonly query: Fragment; readonly using: readonly Fragment[] } | undefined
      readonly parameters: readonly { readonly name: string | undefined; readonly value: Fragment }[]
    } & At)
  | ({
      readonly kind: 'fetch'
      readonly cursor: string
      readonly direction: Direction
      /** Undefined: MOVE. */
      readonly targets: readonly TargetNode[] | undefined
    } & At)
  | ({ readonly kind: 'close'; readonly cursor: string } & At)
  | ({ readonly kind: 'null' } & At)
  | ({ readonly kind: 'transaction'; readonly isCommit: boolean; readonly isChained: boolean } & At)

/** As a line of context says it. */
export function titleOfStatement(node: StatementNode): string {
  switch (node.kind) {
    case 'block':
      return 'statement block'
    case 'assign':
      return 'assignment'
    case 'if':
      return 'IF'
    case 'case':
      return 'CASE'
    case 'loop':
      return 'LOOP'
    case 'while':
      return 'WHILE'
    case 'for integer':
      return 'FOR with integer loop variable'
    case 'for query':
      return 'FOR over SELECT rows'
    case 'for execute':
      return 'FOR over EXECUTE statement'
    case 'foreach':
      return 'FOREACH over array'
    case 'exit':
      return node.isExit ? 'EXIT' : 'CONTINUE'
    case 'return next':
      return 'RETURN NEXT'
    case 'return query':
    case 'return execute':
      return 'RETURN QUERY'
    case 'sql':
      return node.word === 'call' || node.word === 'do' ? node.word.toUpperCase() : 'SQL statement'
    case 'diagnostics':
      return `GET ${node.isStacked ? 'STACKED ' : ''}DIAGNOSTICS`
    case 'fetch':
      return node.targets === undefined ? 'MOVE' : 'FETCH'
    case 'transaction':
      return node.isCommit ? 'COMMIT' : 'ROLLBACK'
    default:
      return node.kind.toUpperCase()
  }
}
