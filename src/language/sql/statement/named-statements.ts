/** PREPARE, EXECUTE, cursors, DISCARD: things with a name that the session keeps, described for the door. */
import type { ExecuteStmt, FetchStmt, Node, PrepareStmt } from 'libpg-query'
import { createBinder } from '../bind/bind.ts'
import type { Binder } from '../bind/binder.ts'
import { Scope } from '../bind/scope.ts'
import { bindTypeName } from '../bind/type-name.ts'
import type { ParsedStatement, StatementEffect } from '../contract.ts'
import { compile } from '../expression/compile.ts'
import { failure, notBuilt } from '../failure.ts'
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
  if ('DeclareCursorStmt' in node) {
    const { portalname, query, options = 0 } = node.DeclareCursorStmt
    // CURSOR_OPT_SCROLL is bit 2, CURSOR_OPT_HOLD bit 32 of the grammar's options.
    if ((options & 0x2) !== 0) throw notBuilt('a SCROLL cursor')
    const inner = { ...statement, tree: query }
    return planEffect(
      { kind: 'declare', name: portalname ?? '', statement: inner, hold: (options & 0x20) !== 0 },
      'DECLARE CURSOR',
    )
  }
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
  const direction = statement.direction ?? 'FETCH_FORWARD'
  const howMany = Number(statement.howMany ?? 0)
  if (direction !== 'FETCH_FORWARD' || howMany < 0)
    throw failure('55000', 'cursor can only scan forward', {
      hint: 'Declare it with SCROLL option to enable backward scan.',
    })
  const count = howMany >= all ? Infinity : howMany
  const move = statement.ismove === true
  return planEffect({ kind: 'fetch', name: statement.portalname ?? '', count, move }, move ? 'MOVE' : 'FETCH')
}
