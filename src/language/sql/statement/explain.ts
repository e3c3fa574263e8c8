/** EXPLAIN, with the counts of ANALYZE. There are no costs: plans are chosen by rules. */
import type { ExplainStmt, Node } from 'libpg-query'
import type { Binder } from '../bind/binder.ts'
import { Scope } from '../bind/scope.ts'
import { optionText } from '../bind/tree.ts'
import { failure, notBuilt } from '../failure.ts'
import { planAsJson, renderPlan } from '../plan/explain-text.ts'
import type { ExplainNode } from '../plan/plan-node.ts'
import { oid } from '../types/oids.ts'
import { collect } from './execution.ts'
import { type Planned, planSteps } from './prepared.ts'
import { planOutput } from './select.ts'
import { bindTargetTable } from './found-rows.ts'
import { Planner } from '../plan/planner.ts'

interface Options {
  readonly analyze: boolean
  readonly json: boolean
}

export function planExplain(binder: Binder, statement: ExplainStmt, plan: (node: Node) => Planned): Planned {
  const options = readOptions(statement.options ?? [])
  const node = statement.query!
  const columns = [{ name: 'QUERY PLAN', type: options.json ? oid.json : oid.text, modifier: -1 }]
  if ('SelectStmt' in node) {
    const { plan: query } = planOutput(binder.query(new Scope(), node.SelectStmt), binder.progress)
    return planSteps(
      { kind: options.analyze ? 'write' : 'read' },
      'EXPLAIN',
      function* (run) {
        if (options.analyze) {
          run.profile = new Map()
          yield* collect(query, run)
        }
        return answer(query.explain, options, run.profile)
      },
      columns,
    )
  }
  const explain = describeWrite(binder, node)
  if (options.analyze) throw notBuilt('EXPLAIN ANALYZE of a statement that writes')
  // Bound whole, so that EXPLAIN refuses what the statement would refuse.
  plan(node)
  return planSteps({ kind: 'read' }, 'EXPLAIN', () => answer(explain, options, undefined), columns)
}

function describeWrite(binder: Binder, node: Node): ExplainNode {
  if ('InsertStmt' in node) {
    const name = node.InsertStmt.relation?.relname ?? ''
    return { title: `Insert on ${name}`, details: [], children: [{ title: 'Result', details: [], children: [] }] }
  }
  const [word, inner, others] =
    'UpdateStmt' in node
      ? (['Update', node.UpdateStmt, node.UpdateStmt.fromClause] as const)
      : 'DeleteStmt' in node
        ? (['Delete', node.DeleteStmt, node.DeleteStmt.usingClause] as const)
        : ([undefined, undefined, undefined] as const)
  if (word === undefined) throw failure('42601', 'EXPLAIN is not possible for this statement')
  const target = bindTargetTable(binder, inner.relation!, others ?? [], inner.whereClause, inner.withClause)
  const source = new Planner(binder.progress).planSource(target.from, target.where, [], [])
  return { title: `${word} on ${target.relation.name}`, details: [], children: [source.explain] }
}

function answer(explain: ExplainNode, { json }: Options, counts: Parameters<typeof renderPlan>[1]) {
  const rows = json
    ? [[JSON.stringify([{ Plan: planAsJson(explain, counts) }], undefined, 2)]]
    : renderPlan(explain, counts).map((line) => [line])
  return { rows, rowCount: rows.length }
}

function readOptions(nodes: readonly Node[]): Options {
  let analyze = false
  let json = false
  for (const node of nodes) {
    if (!('DefElem' in node)) continue
    const { defname = '', arg } = node.DefElem
    const text = (optionText(arg) ?? 'true').toLowerCase()
    const isOn = text !== 'false' && text !== 'off' && text !== '0'
    if (defname === 'analyze') analyze = isOn
    else if (defname === 'format') {
      if (text !== 'text' && text !== 'json') throw notBuilt(`EXPLAIN (FORMAT ${text.toUpperCase()})`)
      json = text === 'json'
    } else if (!['costs', 'timing', 'verbose', 'summary', 'buffers', 'settings', 'wal'].includes(defname)) {
      throw failure('42601', `unrecognized EXPLAIN option "${defname}"`)
    }
  }
  return { analyze, json }
}
