/** Bound windows: what OVER and WINDOW say, over the row that the SELECT list reads. */
import type { Expression, SortKey } from '../../expression/expression.ts'

export type InRange = (value: never, base: never, offset: never, subtracts: boolean, isUpper: boolean) => boolean

/** One end of a frame; an offset is computed once per execution. */
export type FrameBound =
  | { readonly kind: 'unbounded preceding' | 'unbounded following' | 'current row' }
  | { readonly kind: 'preceding' | 'following'; readonly offset: Expression }

export interface WindowFrame {
  readonly mode: 'rows' | 'range' | 'groups'
  readonly start: FrameBound
  readonly end: FrameBound
  readonly exclude: 'nothing' | 'current row' | 'group' | 'ties'
  /** Of RANGE with offsets: whether a value lies within, by the types of the column that is sorted by and the offset. */
  readonly startInRange?: InRange | undefined
  readonly endInRange?: InRange | undefined
}

export interface BoundWindow {
  /** What its calls have as their `window`. */
  readonly id: string
  /** Of a WINDOW clause. */
  readonly name?: string | undefined
  readonly partition: readonly Expression[]
  readonly order: readonly SortKey[]
  readonly frame: WindowFrame
  readonly location?: number | undefined
}

/** The expressions of a window, in the order in which `mapWindow` changes them. */
export function expressionsOfWindow({ partition, order, frame }: BoundWindow): readonly Expression[] {
  return [...partition, ...order.map(({ expression }) => expression), ...offsetsOf(frame)]
}

export function offsetsOf({ start, end }: WindowFrame): readonly Expression[] {
  return [start, end].flatMap((bound) => ('offset' in bound ? [bound.offset] : []))
}

/** With each expression over its row replaced; offsets read none. */
export function mapWindow(window: BoundWindow, change: (one: Expression) => Expression): BoundWindow {
  const order = window.order.map((key) => ({ ...key, expression: change(key.expression) }))
  return { ...window, partition: window.partition.map(change), order }
}
