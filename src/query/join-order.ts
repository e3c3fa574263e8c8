/**
 * How inputs are joined: by which method, and in which order; for every language.
 *
 * A join looks an input up by an index for each row of the other one, or makes a hash table of the smaller one, or compares
 * every pair. Orders are left-deep: one input after the other is joined with all before it. Up to `exhaustiveMembers` all
 * of them are compared, by dynamic programming over the sets of inputs that have been joined; beyond that each step takes the
 * cheapest next one. Inputs that no condition connects are joined last.
 *
 * The order of the text stays where no other costs less by more than estimates are worth.
 */
import { type Estimate, hashJoinCost, lookUpJoinCost, loopJoinCost } from './cost.ts'

/** `hash left`: of the rows before it, and the new input streams. */
export type JoinMethod = 'look up' | 'hash' | 'hash left' | 'loop'

export interface JoinChoices {
  readonly left: Estimate
  readonly right: Estimate
  /** Rows that come out. */
  readonly rows: number
  /** By an index of the right one: the entries that each look-up reads. */
  readonly lookUp: { readonly entries: number; readonly isPrimary: boolean } | undefined
  /** Some condition is an equality of both. */
  readonly hasKeys: boolean
  /** The rows of the right one are counted, not assumed. */
  readonly isCounted: boolean
}

export interface JoinChoice {
  readonly method: JoinMethod
  readonly cost: number
}

/** Reading all of an input has to gain so much over looking it up: it conflicts with more, and meets more missing pages. */
const hashGain = { factor: 2, units: 1000 }
/** A table of the left rows has to be so many times smaller than one of many rows: rows come out in the order of the right. */
const swapGain = { factor: 2, rows: 1000 }

export function chooseJoin({ left, right, rows, lookUp, hasKeys, isCounted }: JoinChoices): JoinChoice {
  const looked: JoinChoice | undefined = lookUp && {
    method: 'look up',
    cost: lookUpJoinCost(left, lookUp.entries, lookUp.isPrimary),
  }
  const read: JoinChoice = hasKeys
    ? isCounted && right.rows > swapGain.rows && left.rows * swapGain.factor < right.rows
      ? { method: 'hash left', cost: hashJoinCost(right, left, rows) }
      : { method: 'hash', cost: hashJoinCost(left, right, rows) }
    : { method: 'loop', cost: loopJoinCost(left, right) }
  if (looked === undefined) return read
  const isWorthIt = read.cost * hashGain.factor < looked.cost && read.cost + hashGain.units < looked.cost
  return isWorthIt ? read : looked
}

export interface JoinStep extends JoinChoice {
  readonly rows: number
}

export interface JoinGraph {
  /** Of each input by itself. */
  readonly members: readonly Estimate[]
  /** For each member those with which it shares a condition: a bit for each. */
  readonly neighbors: readonly number[]
  /** Joins the member with those of the set, which share a bit each. */
  step(set: number, joined: Estimate, member: number): JoinStep
}

export interface JoinOrder {
  readonly order: readonly number[]
  /** Of all members but the first. */
  readonly methods: readonly JoinMethod[]
  /** That come out. */
  readonly rows: number
}

const exhaustiveMembers = 8
const sameCost = { factor: 1.2, units: 100 }

export function orderJoins(graph: JoinGraph): JoinOrder {
  const { members } = graph
  let asWritten = startAt(graph, 0)
  for (let member = 1; member < members.length; member++) asWritten = extended(graph, asWritten, member)
  const best = members.length <= exhaustiveMembers ? exhaustive(graph) : greedy(graph)
  return orderOf(best.cost * sameCost.factor + sameCost.units < asWritten.cost ? best : asWritten)
}

/** Some members joined, and how they came together. */
interface Joined extends Estimate {
  readonly set: number
  readonly member: number
  readonly method: JoinMethod | undefined
  readonly before: Joined | undefined
}

function startAt({ members }: JoinGraph, member: number): Joined {
  const { rows, cost } = members[member]!
  return { rows, cost, set: 1 << member, member, method: undefined, before: undefined }
}

function extended(graph: JoinGraph, before: Joined, member: number): Joined {
  const { rows, cost, method } = graph.step(before.set, before, member)
  return { rows, cost, set: before.set | (1 << member), member, method, before }
}

function orderOf(last: Joined): JoinOrder {
  const order: number[] = []
  const methods: JoinMethod[] = []
  for (let at: Joined | undefined = last; at !== undefined; at = at.before) {
    order.unshift(at.member)
    if (at.method !== undefined) methods.unshift(at.method)
  }
  return { order, methods, rows: last.rows }
}

/** What may come next: what is connected, and where nothing is, all that is left. */
function candidates({ members, neighbors }: JoinGraph, { set }: Joined): number[] {
  const connected: number[] = []
  const others: number[] = []
  for (let member = 0; member < members.length; member++) {
    if ((set & (1 << member)) !== 0) continue
    if ((neighbors[member]! & set) !== 0) connected.push(member)
    else others.push(member)
  }
  return connected.length > 0 ? connected : others
}

function cheapest(orders: readonly Joined[]): Joined {
  return orders.reduce((a, b) => (b.cost < a.cost ? b : a))
}

function exhaustive(graph: JoinGraph): Joined {
  let bySet = new Map(graph.members.map((_, member) => [1 << member, startAt(graph, member)]))
  for (let size = 1; size < graph.members.length; size++) {
    const larger = new Map<number, Joined>()
    for (const made of bySet.values()) {
      for (const member of candidates(graph, made)) {
        const next = extended(graph, made, member)
        const known = larger.get(next.set)
        if (known === undefined || next.cost < known.cost) larger.set(next.set, next)
      }
    }
    bySet = larger
  }
  return cheapest([...bySet.values()])
}

/** From each of the smallest few inputs. */
function greedy(graph: JoinGraph): Joined {
  const starts = graph.members.map((_, member) => startAt(graph, member))
  starts.sort((a, b) => a.rows - b.rows)
  return cheapest(
    starts.slice(0, 3).map((start) => {
      let made = start
      for (let i = 1; i < graph.members.length; i++) {
        made = cheapest(candidates(graph, made).map((member) => extended(graph, made, member)))
      }
      return made
    }),
  )
}
