/** EXPLAIN: the plan, what each node was expected to hand out and to cost, and the counts of ANALYZE. */
import type { ExplainStmt, InsertStmt, MergeStmt, Node } from 'libpg-query'
import type { Binder } from '../bind/binder.ts'
import { Scope } from '../bind/scope.ts'
import { optionText } from '../bind/tree.ts'
import { failure, notBuilt } from '../failure.ts'
import { planAsJson } from '../plan/explain-json.ts'
import { renderPlan, type Shown } from '../plan/explain-text.ts'
import { Measures } from '../plan/measures.ts'
import { type ExplainNode, explainNode } from '../plan/plan-node.ts'
import { oid } from '../types/oids.ts'
import { collect } from './execution.ts'
import { type Planned, planSteps } from './prepared.ts'
import { planOutput } from './select.ts'
import { readsTarget } from './update.ts'
import { bindMergeTarget } from './merge.ts'
import { bindTargetTable } from './found-rows.ts'
import { isLong, Planner } from '../plan/planner.ts'

interface Options {
  readonly analyze: boolean
  readonly json: boolean
  readonly costs: boolean
}

export function planExplain(binder: Binder, statement: ExplainStmt, plan: (node: Node) => Planned): Planned {
  const options = readOptions(statement.options ?? [])
  const node = statement.query!
  const columns = [{ name: 'QUERY PLAN', type: options.json ? oid.json : oid.text, modifier: -1 }]
  if ('SelectStmt' in node) {
    const bound = binder.query(new Scope(), node.SelectStmt)
    const { progress } = binder
    if (options.analyze && binder.written !== undefined) throw notBuilt('EXPLAIN ANALYZE of a statement that writes')
    // Bound whole, so that EXPLAIN refuses what the statement would refuse.
    const planned = planOutput(bound, progress)
    return planSteps(
      { kind: options.analyze ? 'write' : 'read' },
      'EXPLAIN',
      function* (run) {
        const { plan: query } = isLong(progress) ? planned : planOutput(bound, undefined, new Measures(run))
        if (options.analyze) {
          run.profile = new Map()
          yield* collect(query, run)
        }
        return answer(query.explain, options, run.profile)
      },
      columns,
    )
  }
  const describe = describeWrite(binder, node)
  if (options.analyze) throw notBuilt('EXPLAIN ANALYZE of a statement that writes')
  // Bound whole, so that EXPLAIN refuses what the statement would refuse.
  plan(node)
  return planSteps(
    { kind: 'read' },
    'EXPLAIN',
    (run) => answer(describe(new Measures(run)), options, undefined),
    columns,
  )
}

function describeWrite(binder: Binder, node: Node): (measures: Measures) => ExplainNode {
  if ('InsertStmt' in node) return describeInsert(binder, node.InsertStmt)
  if ('MergeStmt' in node) return describeMerge(binder, node.MergeStmt)
  const [word, inner, others] =
    'UpdateStmt' in node
      ? (['Update', node.UpdateStmt, node.UpdateStmt.fromClause] as const)
      : 'DeleteStmt' in node
        ? (['Delete', node.DeleteStmt, node.DeleteStmt.usingClause] as const)
        : ([undefined, undefined, undefined] as const)
  if (word === undefined) throw failure('42601', 'EXPLAIN is not possible for this statement')
  const command = word === 'Update' ? 'update' : 'delete'
  const target = bindTargetTable(binder, inner.relation!, others ?? [], inner.whereClause, inner.withClause, command)
  readsTarget(binder, target.relation)
  return (measures) => {
    const source = new Planner(undefined, measures).planSource(target.from, target.where, [], [])
    const { name } = target.relation
    return writeNode(word, { name, alias: inner.relation?.alias?.aliasname ?? name }, source.explain)
  }
}

function describeMerge(binder: Binder, statement: MergeStmt): (measures: Measures) => ExplainNode {
  const { from, relation } = bindMergeTarget(binder, statement)
  const { name } = relation
  return (measures) => {
    const source = new Planner(undefined, measures).planSource(from, undefined, [], [])
    return writeNode('Merge', { name, alias: statement.relation?.alias?.aliasname ?? name }, source.explain)
  }
}

function describeInsert(binder: Binder, { relation, selectStmt }: InsertStmt): (measures: Measures) => ExplainNode {
  const name = relation?.relname ?? ''
  const target = { name, alias: relation?.alias?.aliasname ?? name }
  const select = selectStmt !== undefined && 'SelectStmt' in selectStmt ? selectStmt.SelectStmt : undefined
  if (select === undefined || select.valuesLists !== undefined) {
    const rows = select?.valuesLists?.length ?? 1
    const values = explainNode(rows > 1 ? 'Values Scan' : 'Result', [], () => ({ rows, cost: rows, startup: 0 }))
    return () => writeNode('Insert', target, values)
  }
  const bound = binder.query(new Scope(), select)
  return (measures) => writeNode('Insert', target, planOutput(bound, undefined, measures).plan.explain)
}

/** Nothing comes out of it. */
function writeNode(
  operation: string,
  { name, alias }: { readonly name: string; readonly alias: string },
  source: ExplainNode,
): ExplainNode {
  const facts = { 'Node Type': 'ModifyTable', Operation: operation, 'Relation Name': name, Alias: alias }
  return explainNode(`${operation} on ${name}`, [source], (rows) => ({ ...rows, rows: 0 }), { facts })
}

function answer(explain: ExplainNode, { json, costs }: Options, counts: Shown['counts']) {
  const shown = { costs, counts }
  const rows = json
    ? [[JSON.stringify([{ Plan: planAsJson(explain, shown) }], undefined, 2)]]
    : renderPlan(explain, shown).map((line) => [line])
  return { rows, rowCount: rows.length }
}

function readOptions(nodes: readonly Node[]): Options {
  let analyze = false
  let json = false
  let costs = true
  for (const node of nodes) {
    if (!('DefElem' in node)) continue
    const { defname = '', arg } = node.DefElem
    const text = (optionText(arg) ?? 'true').toLowerCase()
    const isOn = text !== 'false' && text !== 'off' && text !== '0'
    if (defname === 'analyze') analyze = isOn
    else if (defname === 'costs') costs = isOn
    else if (defname === 'format') {
      if (text !== 'text' && text !== 'json') throw notBuilt(`EXPLAIN (FORMAT ${text.toUpperCase()})`)
      json = text === 'json'
    } else if (!['timing', 'verbose', 'summary', 'buffers', 'settings', 'wal'].includes(defname)) {
      throw failure('42601', `unrecognized EXPLAIN option "${defname}"`)
    }
  }
  return { analyze, json, costs }
}
