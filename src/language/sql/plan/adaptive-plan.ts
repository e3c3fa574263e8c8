/**
 * A plan that depends on counts is made when it is opened, by what is there then and by the parameters, and made anew when
 * that has changed. A few are kept, so that parameters of different skew each find theirs.
 */
import { Measures } from './measures.ts'
import type { PlanNode } from './plan-node.ts'
import type { SqlRun } from './run.ts'

const mostKept = 4

interface Kept {
  readonly measures: Measures
  readonly plan: PlanNode
}

/** `make` plans without counts first, which finds the statement's errors, and whether anything depends on them. */
export function adaptive(make: (measures: Measures) => PlanNode): PlanNode {
  const uncounted = new Measures()
  const first = make(uncounted)
  if (!uncounted.wasAsked) return first
  /** The one that was used last comes first. */
  let kept: Kept[] = []
  const planFor = (run: SqlRun): PlanNode => {
    const at = kept.findIndex(({ measures }) => measures.holdsFor(run))
    if (at === 0) return kept[0]!.plan
    const found = at > 0 ? kept[at]! : made(make, run)
    kept = [found, ...kept.filter((one) => one !== found)].slice(0, mostKept)
    return found.plan
  }
  return { explain: first.explain, open: (run) => planFor(run).open(run) }
}

function made(make: (measures: Measures) => PlanNode, run: SqlRun): Kept {
  const measures = new Measures(run)
  const plan = make(measures)
  measures.close()
  return { measures, plan }
}
