/** The system views themselves, for the views that list them: filled as they are made, read when a query runs. */
import type { Relation } from '../../../query/relation.ts'

const all: Relation[] = []

export function registerView(view: Relation): void {
  all.push(view)
}

export function registeredViews(): readonly Relation[] {
  return all
}
