/**
 * How the SQL within a function sees its variables: as parameters, made as they are met. What a record's fields are is known once
 * something was assigned; what was bound over them holds as long as they are of the same types.
 */
import type { Expression } from '../expression/expression.ts'
import type { SqlValue } from '../contract.ts'
import type { Variables } from '../bind/variables.ts'
import { rowTypeOf } from '../../../model/table/types/registry.ts'
import { failure } from '../failure.ts'
import { oid } from '../types/oids.ts'
import type { BoundColumn } from '../routine/result.ts'
import type { Frame } from './frame.ts'
import { type Names, type RecordValue, type RecordVariable, rowValueOf, type Variable } from './names.ts'

type Get = (values: readonly unknown[]) => SqlValue

/** The shape of a record when something was bound over it. */
interface Shape {
  readonly slot: number
  /** Undefined: nothing was assigned yet. */
  readonly columns: readonly BoundColumn[] | undefined
}

export class VariablesInSql implements Variables {
  readonly types: number[] = []
  readonly conflict: Variables['conflict']
  readonly #names: Names
  readonly #frame: Frame
  readonly #gets: Get[] = []
  readonly #places = new Map<string, number>()
  readonly #shapes: Shape[] = []

  constructor(names: Names, frame: Frame, conflict: Variables['conflict']) {
    this.#names = names
    this.#frame = frame
    this.conflict = conflict
  }

  find(path: readonly string[], location: number | undefined): Expression | undefined {
    const found = this.#names.find(path)
    if (found === undefined) return undefined
    const { variable, field } = found
    if (variable.kind === 'scalar') return this.#scalar(variable, location)
    return field === undefined ? this.#whole(variable, location) : this.#field(variable, field, location)
  }

  parameter(number: number, location: number | undefined): Expression | undefined {
    const variable = this.#names.find([`$${number}`])?.variable
    if (variable === undefined) return undefined
    return variable.kind === 'scalar' ? this.#scalar(variable, location) : this.#whole(variable, location)
  }

  /** `r.*`. */
  star(path: readonly string[]): readonly { readonly name: string; readonly expression: Expression }[] | undefined {
    const found = this.#names.find(path)
    if (found?.variable.kind !== 'record' || found.field !== undefined) return undefined
    const { variable } = found
    const { columns } = this.#valueOf(variable)
    return columns.map(({ name }) => ({ name, expression: this.#field(variable, name, undefined) }))
  }

  /** What goes into the parameters. */
  valuesIn(frame: Frame): SqlValue[] {
    return this.#gets.map((get) => get(frame.values))
  }

  /** Records have the columns that they had. */
  isCurrent(frame: Frame): boolean {
    return this.#shapes.every(({ slot, columns }) => {
      const now = (frame.values[slot] as RecordValue | null)?.columns
      return now === columns || (now !== undefined && columns !== undefined && sameColumns(now, columns))
    })
  }

  #scalar({ slot, type, modifier, name }: Variable & { kind: 'scalar' }, location: number | undefined): Expression {
    return this.#at(`${slot}`, type, modifier, location, (values) => values[slot] as SqlValue, name)
  }

  #whole(variable: RecordVariable, location: number | undefined): Expression {
    const { slot } = variable
    const columns = (this.#frame.values[slot] as RecordValue | null)?.columns
    this.#note(slot, columns)
    const type = variable.type ?? (columns === undefined ? oid.record : rowTypeOf(columns).oid)
    return this.#at(`${slot}`, type, -1, location, (values) => rowValueOf(values[slot] as RecordValue | null))
  }

  #note(slot: number, columns: Shape['columns']): void {
    if (!this.#shapes.some((shape) => shape.slot === slot)) this.#shapes.push({ slot, columns })
  }

  #valueOf({ slot, name }: RecordVariable): RecordValue {
    const value = this.#frame.values[slot] as RecordValue | null
    if (value !== null) return value
    throw failure('55000', `record "${name}" is not assigned yet`, {
      detail: 'The tuple structure of a not-yet-assigned record is indeterminate.',
    })
  }

  #field(variable: RecordVariable, field: string, location: number | undefined): Expression {
    const { slot, name } = variable
    const { columns } = this.#valueOf(variable)
    const index = columns.findIndex((column) => column.name === field)
    if (index < 0) throw failure('42703', `record "${name}" has no field "${field}"`, { location })
    this.#note(slot, columns)
    const { type, modifier } = columns[index]!
    return this.#at(`${slot}.${index}`, type, modifier, location, (values) => {
      return ((values[slot] as RecordValue).values[index] ?? null) as SqlValue
    })
  }

  #at(key: string, type: number, modifier: number, location: number | undefined, get: Get, _name = ''): Expression {
    let index = this.#places.get(key)
    if (index === undefined) {
      index = this.#gets.push(get) - 1
      this.types[index] = type
      this.#places.set(key, index)
    }
    return { kind: 'parameter', index, type, modifier, location }
  }
}

function sameColumns(a: readonly BoundColumn[], b: readonly BoundColumn[]): boolean {
  return a.length === b.length && a.every(({ name, type }, i) => name === b[i]!.name && type === b[i]!.type)
}
