/** The functions and procedures of a schema by their names: overloads of one name in the order in which they were made. */
import type { Catalog, Collection } from '../../../database/catalog/catalog.ts'
import { definitionOf } from '../../../database/catalog/objects.ts'
import { inputsOf, isRoutine, type RoutineDefinition, routineKind, type RoutineParameter } from './definition.ts'

export interface Routine {
  readonly collection: Collection
  readonly definition: RoutineDefinition
  readonly inputs: readonly RoutineParameter[]
}

const routines = new WeakMap<Collection, Routine>()

export function routineOf(collection: Collection): Routine {
  let routine = routines.get(collection)
  if (routine === undefined) {
    const definition = definitionOf(routineKind, collection)
    routine = { collection, definition, inputs: inputsOf(definition) }
    routines.set(collection, routine)
  }
  return routine
}

type Overloads = ReadonlyMap<string, readonly Routine[]>

/** Made once for as long as nothing of a schema but its relations changes. */
const overloads = new WeakMap<ReadonlyMap<string, Collection>, Overloads>()

function overloadsIn(catalog: Catalog, schema: string): Overloads {
  const others = catalog.othersOf(schema)
  let found = overloads.get(others)
  if (found === undefined) {
    const lists = new Map<string, Routine[]>()
    const all = [...others.values()].filter(isRoutine).sort((a, b) => a.id - b.id)
    for (const routine of all.map(routineOf)) {
      const { name } = routine.definition
      const list = lists.get(name)
      if (list === undefined) lists.set(name, [routine])
      else list.push(routine)
    }
    overloads.set(others, (found = lists))
  }
  return found
}

const none: readonly Routine[] = []

export function routinesNamed(catalog: Catalog, schema: string, name: string): readonly Routine[] {
  return overloadsIn(catalog, schema).get(name) ?? none
}

export function* allRoutines(catalog: Catalog): Generator<Routine> {
  for (const schema of catalog.namespaces.keys()) {
    for (const list of overloadsIn(catalog, schema).values()) yield* list
  }
}
