/** EXPLAIN: the plan, what each node was expected to hand out and to cost, and the counts of ANALYZE. */
import type { ExplainStmt, InsertStmt, MergeStmt, Node } from 'libpg-query'
import type { Binder } from '../bind/binder.ts'
import { Scope } from '../bind/scope.ts'
import { findRelation } from '../bind/bind-from.ts'
import type { BoundQuery } from '../bind/query.ts'
import type { SqlContext } from '../contract.ts'
import { deparse } from '../expression/deparse.ts'
import type { SqlRun } from '../plan/run.ts'
import { parameters } from '../settings/parameters.ts'
import { type ExplainOptions, readExplainOptions } from './explain-options.ts'
import type { Relation } from '../../../query/relation.ts'
import { failure, notBuilt } from '../failure.ts'
import { planAsJson } from '../plan/explain-json.ts'
import { renderPlan, type Shown } from '../plan/explain-text.ts'
import { Measures } from '../plan/measures.ts'
import { type ExplainNode, explainNode } from '../plan/plan-node.ts'
import { oid } from '../types/oids.ts'
import { collect, type Outcome } from './execution.ts'
import { type Planned, planSteps } from './prepared.ts'
import { planOutput } from './select.ts'
import { readsTarget } from './update.ts'
import { bindMergeTarget } from './merge.ts'
import { bindTargetTable } from './found-rows.ts'
import { isLong, Planner } from '../plan/planner.ts'

export function planExplain(binder: Binder, statement: ExplainStmt, plan: (node: Node) => Planned): Planned {
  const options = readExplainOptions(statement.options ?? [])
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
        const watch = new Watch(run)
        const { plan: query } = isLong(progress) ? planned : planOutput(bound, undefined, new Measures(run))
        watch.planned()
        if (options.analyze) {
          run.profile = new Map()
          yield* collect(query, run)
        }
        return answer(query.explain, options, run, { output: outputOf(bound), ...watch.done() })
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
    (run) => {
      const watch = new Watch(run)
      const explain = describe(new Measures(run))
      watch.planned()
      return answer(explain, options, run, watch.done())
    },
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
    return writeNode(word, target.relation, inner.relation?.alias?.aliasname, source.explain)
  }
}

function describeMerge(binder: Binder, statement: MergeStmt): (measures: Measures) => ExplainNode {
  const { from, relation } = bindMergeTarget(binder, statement)
  const alias = statement.relation?.alias?.aliasname
  return (measures) => {
    const source = new Planner(undefined, measures).planSource(from, undefined, [], [])
    return writeNode('Merge', relation, alias, source.explain)
  }
}

function describeInsert(binder: Binder, { relation, selectStmt }: InsertStmt): (measures: Measures) => ExplainNode {
  const target = findRelation(binder, relation!)
  const alias = relation?.alias?.aliasname
  const select = selectStmt !== undefined && 'SelectStmt' in selectStmt ? selectStmt.SelectStmt : undefined
  if (select === undefined || select.valuesLists !== undefined) {
    const rows = select?.valuesLists?.length ?? 1
    const values = explainNode(rows > 1 ? 'Values Scan' : 'Result', [], () => ({ rows, cost: rows, startup: 0 }))
    return () => writeNode('Insert', target, alias, values)
  }
  const bound = binder.query(new Scope(), select)
  return (measures) => writeNode('Insert', target, alias, planOutput(bound, undefined, measures).plan.explain)
}

/** Nothing comes out of it. */
function writeNode(
  operation: string,
  { name, schema }: Pick<Relation, 'name' | 'schema'>,
  alias: string = name,
  source: ExplainNode,
): ExplainNode {
  const facts = { 'Node Type': 'ModifyTable', Operation: operation, 'Relation Name': name, Alias: alias }
  const qualified = { title: `${operation} on ${schema}.${name}`, schema }
  return explainNode(`${operation} on ${name}`, [source], (rows) => ({ ...rows, rows: 0 }), { facts, qualified })
}

/** The columns of a SELECT, as its list has them. */
function outputOf({ body, columns }: BoundQuery): readonly string[] | undefined {
  return body.kind === 'select' ? body.targets.slice(0, columns.length).map((one) => deparse(one)) : undefined
}

interface Watched {
  readonly planningUs: number
  readonly runningUs: number
  readonly writes: number
}

/** How long planning takes and how long what follows, and how much that writes. */
class Watch {
  readonly #run: SqlRun
  readonly #startUs: number
  #plannedUs = 0
  #writes = 0

  constructor(run: SqlRun) {
    this.#run = run
    this.#startUs = run.transaction.services.monotonic()
  }

  planned(): void {
    const { transaction } = this.#run
    this.#plannedUs = transaction.services.monotonic()
    this.#writes = transaction.savepoint().writes
  }

  done(): Watched {
    const { transaction } = this.#run
    return {
      planningUs: this.#plannedUs - this.#startUs,
      runningUs: transaction.services.monotonic() - this.#plannedUs,
      writes: transaction.savepoint().writes - this.#writes,
    }
  }
}

function answer(
  explain: ExplainNode,
  options: ExplainOptions,
  run: SqlRun,
  { planningUs, runningUs, ...more }: Watched & { readonly output?: readonly string[] | undefined },
): Outcome {
  const shown: Shown = { ...options, ...more, counts: run.profile }
  const settings = options.settings ? planSettings(run.context) : []
  const { analyze, json, summary } = options
  if (json) {
    const whole = {
      Plan: planAsJson(explain, shown),
      ...(options.settings ? { Settings: Object.fromEntries(settings) } : {}),
      ...(summary ? { 'Planning Time': Math.round(planningUs) / 1000 } : {}),
      ...(summary && analyze ? { 'Execution Time': Math.round(runningUs) / 1000 } : {}),
    }
    return { rows: [[JSON.stringify([whole], undefined, 2)]], rowCount: 1 }
  }
  const lines = renderPlan(explain, shown)
  if (settings.length > 0) {
    lines.push(`Settings: ${settings.map(([name, value]) => `${name} = '${value}'`).join(', ')}`)
  }
  if (summary) lines.push(`Planning Time: ${(planningUs / 1000).toFixed(3)} ms`)
  if (summary && analyze) lines.push(`Execution Time: ${(runningUs / 1000).toFixed(3)} ms`)
  return { rows: lines.map((line) => [line]), rowCount: lines.length }
}

/** Those that bear on plans and are not as they begin. */
function planSettings(context: SqlContext): readonly (readonly [string, string])[] {
  const set: [string, string][] = []
  for (const { name, category, initial } of parameters.values()) {
    if (!category.startsWith('Query Tuning') && !otherPlanSettings.has(name)) continue
    const value = context.getSetting(name.toLowerCase())
    if (value !== undefined && value !== initial) set.push([name, value])
  }
  return set.sort(([a], [b]) => (a < b ? -1 : 1))
}

const otherPlanSettings: ReadonlySet<string> = new Set([
  'work_mem',
  'hash_mem_multiplier',
  'temp_buffers',
  'search_path',
  'effective_io_concurrency',
  'max_parallel_workers',
  'max_parallel_workers_per_gather',
])
