/** PREPARE, EXECUTE, cursors, DISCARD: things with a name that the session keeps, described for the door. */
import type { DeclareCursorStmt, ExecuteStmt, FetchStmt, Node, PrepareStmt } from 'libpg-query'
import { createBinder } from '../bind/bind.ts'
import type { Binder } from '../bind/binder.ts'
import { Scope } from '../bind/scope.ts'
import { bindTypeName } from '../bind/type-name.ts'
import type { ParsedStatement, StatementEffect } from '../contract.ts'
import { compile } from '../expression/compile.ts'
import { failure } from '../failure.ts'
import { Planner } from '../plan/planner.ts'
import { createRun } from '../plan/run.ts'
import { assignTo } from './assignment.ts'
import { dropTemporary } from '../../../model/table/temporary.ts'
import { type Planned, planEffect, planSteps } from './prepared.ts'

export function planNamed(binder: Binder, node: Node, statement: ParsedStatement): Planned | undefined {
  if ('PrepareStmt' in node) return planEffect(prepareEffect(binder, node.PrepareStmt, statement), 'PREPARE')
  if ('ExecuteStmt' in node) return planEffect(executeEffect(node.ExecuteStmt), 'EXECUTE')
  if ('DeallocateStmt' in node) {
    const { name } = node.DeallocateStmt
    return planEffect({ kind: 'deallocate', name }, name === undefined ? 'DEALLOCATE ALL' : 'DEALLOCATE')
  }
  if ('DeclareCursorStmt' in node) return planDeclare(node.DeclareCursorStmt, statement)
  if ('FetchStmt' in node) return planFetch(node.FetchStmt)
  if ('ClosePortalStmt' in node) {
    const name = node.ClosePortalStmt.portalname
    return planEffect({ kind: 'close', name }, name === undefined ? 'CLOSE CURSOR ALL' : 'CLOSE CURSOR')
  }
  if ('DiscardStmt' in node) {
    const target = (node.DiscardStmt.target ?? 'DISCARD_ALL').replace('DISCARD_', '').toLowerCase() as 'all'
    if (target === ('temp' as string)) {
      return planSteps({ kind: 'schema' }, 'DISCARD TEMP', function* ({ transaction, context }) {
        yield* dropTemporary(transaction, context.temporarySchema)
        return { rowCount: 0 }
      })
    }
    return planEffect({ kind: 'discard', target }, `DISCARD ${target.toUpperCase()}`)
  }
  return undefined
}

function prepareEffect(
  binder: Binder,
  { name, argtypes, query }: PrepareStmt,
  statement: ParsedStatement,
): StatementEffect {
  const parameterTypes = (argtypes ?? []).map((node) =>
    'TypeName' in node ? bindTypeName(binder, node.TypeName).type : 0,
  )
  return { kind: 'prepare', name: name ?? '', statement: { ...statement, tree: query }, parameterTypes }
}

function executeEffect({ name = '', params = [] }: ExecuteStmt): StatementEffect {
  return {
    kind: 'execute',
    name,
    parameters: (target, context, transaction) => {
      const wanted = target.parameterTypes
      if (params.length !== wanted.length) {
        throw failure('42601', `wrong number of parameters for prepared statement "${name}"`, {
          detail: `Expected ${wanted.length} parameters but got ${params.length}.`,
        })
      }
      const binder = createBinder(context, [])
      const run = createRun(transaction, context, [])
      return params.map((node, i) => {
        const column = { name: `$${i + 1}`, type: wanted[i]!, modifier: -1 }
        const bound = assignTo(binder, binder.expression(new Scope(), node), column)
        return compile(bound, new Planner().compilerAt(0))([], run)
      })
    },
  }
}

/** The grammar's FETCH_ALL. */
const all = 0x7fff_ffff

function planFetch(statement: FetchStmt): Planned {
  const { direction = 'FETCH_FORWARD', portalname: name = '', ismove } = statement
  const howMany = Number(statement.howMany ?? 0)
  const many = Math.abs(howMany) >= all ? Math.sign(howMany) * Infinity : howMany
  const count = direction === 'FETCH_BACKWARD' ? -many : many
  const word = direction === 'FETCH_ABSOLUTE' ? 'absolute' : direction === 'FETCH_RELATIVE' ? 'relative' : 'forward'
  const move = ismove === true
  return planEffect({ kind: 'fetch', name, direction: word, count, move }, move ? 'MOVE' : 'FETCH')
}

/** The grammar's CURSOR_OPT_…. */
const option = { binary: 0x1, scroll: 0x2, noScroll: 0x4, insensitive: 0x8, asensitive: 0x10, hold: 0x20 } as const

function planDeclare({ portalname = '', query, options = 0 }: DeclareCursorStmt, statement: ParsedStatement): Planned {
  const has = (one: keyof typeof option): boolean => (options & option[one]) !== 0
  if (has('scroll') && has('noScroll')) throw failure('42P11', 'cannot specify both SCROLL and NO SCROLL')
  if (has('insensitive') && has('asensitive')) {
    throw failure('42P11', 'cannot specify both INSENSITIVE and ASENSITIVE')
  }
  if (writesIn(query)) throw failure('0A000', 'DECLARE CURSOR must not contain data-modifying statements in WITH')
  const locking = lockingOf(query)
  if (locking !== undefined) refuseLocking(has, locking)
  return planEffect(
    {
      kind: 'declare',
      name: portalname,
      statement: { ...statement, tree: query },
      hold: has('hold'),
      scroll: has('scroll') ? true : has('noScroll') || locking !== undefined ? false : undefined,
      isBinary: has('binary'),
    },
    'DECLARE CURSOR',
  )
}

const strengths: Readonly<Record<string, string>> = {
  LCS_FORKEYSHARE: 'FOR KEY SHARE',
  LCS_FORSHARE: 'FOR SHARE',
  LCS_FORNOKEYUPDATE: 'FOR NO KEY UPDATE',
  LCS_FORUPDATE: 'FOR UPDATE',
}

function writesIn(query: Node | undefined): boolean {
  const queries = query !== undefined && 'SelectStmt' in query ? (query.SelectStmt.withClause?.ctes ?? []) : []
  return queries.some((node) => {
    const inner = 'CommonTableExpr' in node ? node.CommonTableExpr.ctequery : undefined
    return inner !== undefined && !('SelectStmt' in inner)
  })
}

/** As it is called where it locks rows. */
function lockingOf(query: Node | undefined): string | undefined {
  const [clause] = query !== undefined && 'SelectStmt' in query ? (query.SelectStmt.lockingClause ?? []) : []
  if (clause === undefined || !('LockingClause' in clause)) return undefined
  return strengths[clause.LockingClause.strength ?? ''] ?? 'FOR UPDATE'
}

function refuseLocking(has: (one: keyof typeof option) => boolean, locking: string): void {
  if (has('hold')) {
    throw failure('0A000', `DECLARE CURSOR WITH HOLD ... ${locking} is not supported`, {
      detail: 'Holdable cursors must be READ ONLY.',
    })
  }
  if (has('scroll')) {
    throw failure('0A000', `DECLARE SCROLL CURSOR ... ${locking} is not supported`, {
      detail: 'Scrollable cursors must be READ ONLY.',
    })
  }
  if (has('insensitive')) {
    throw failure('42P11', `DECLARE INSENSITIVE CURSOR ... ${locking} is not valid`, {
      detail: 'Insensitive cursors must be READ ONLY.',
    })
  }
}
