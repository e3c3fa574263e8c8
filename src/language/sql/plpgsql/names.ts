/** Variables of a function, block within block, and what a name means at a place. */
import { RowValue } from '../../../model/table/types/user/row-value.ts'
import type { SqlValue } from '../contract.ts'
import type { BoundColumn } from '../routine/result.ts'
import type { Fragment } from './tree.ts'

export interface ScalarVariable {
  readonly kind: 'scalar'
  readonly name: string
  readonly slot: number
  readonly type: number
  readonly modifier: number
  readonly isConstant: boolean
  readonly isNotNull: boolean
  /** It is a cursor whose query was declared. */
  readonly cursor?: BoundCursor | undefined
}

export interface RecordVariable {
  readonly kind: 'record'
  readonly name: string
  readonly slot: number
  /** Of a row of a table; a `record` has those of what was assigned last. */
  readonly columns: readonly BoundColumn[] | undefined
  /** The type of a row that has a name. */
  readonly type?: number | undefined
  readonly isConstant: boolean
}

export type Variable = ScalarVariable | RecordVariable

export interface BoundCursor {
  readonly query: Fragment
  readonly parameters: readonly ScalarVariable[]
  readonly isScroll: boolean | undefined
  /** In which the query's names mean something. */
  readonly names: Names
}

/** The value of a record variable; undefined where nothing was assigned yet, with null values where it is NULL. */
export interface RecordValue {
  readonly columns: readonly BoundColumn[]
  readonly values: unknown[]
  /** NEW of a row that goes, OLD of one that comes: NULL until a field is given a value. */
  readonly isAbsent?: boolean
}

/** As SQL has it; one of nulls alone is NULL. */
export function rowValueOf(record: RecordValue | null): RowValue | null {
  const isNull = record === null || record.values.every((value) => value === null)
  return isNull ? null : new RowValue(record.values as SqlValue[])
}

export interface Found {
  readonly variable: Variable
  /** Of a record. */
  readonly field: string | undefined
}

export class Names {
  readonly parent: Names | undefined
  readonly label: string | undefined
  readonly #variables = new Map<string, Variable>()

  /** The label is a loop's. */
  readonly isLoop: boolean

  constructor(parent: Names | undefined, label: string | undefined, isLoop = false) {
    this.parent = parent
    this.label = label
    this.isLoop = isLoop
  }

  /** The block or loop that has the label. */
  labeledBy(label: string): Names | undefined {
    return this.labeled(label)
  }

  add(variable: Variable, name: string = variable.name): void {
    this.#variables.set(name, variable)
  }

  own(name: string): Variable | undefined {
    return this.#variables.get(name)
  }

  /** `a`, `r.f`, `label.a`, `label.r.f`. */
  find(path: readonly string[]): Found | undefined {
    const [first = '', second, third] = path
    const named = this.nameIn(first)
    if (named !== undefined) {
      if (second === undefined) return { variable: named, field: undefined }
      if (third === undefined && named.kind === 'record') return { variable: named, field: second }
    }
    if (second === undefined) return undefined
    const labeled = this.labeled(first)?.own(second)
    if (labeled === undefined || path.length > 3) return undefined
    if (third === undefined) return { variable: labeled, field: undefined }
    return labeled.kind === 'record' ? { variable: labeled, field: third } : undefined
  }

  private nameIn(name: string): Variable | undefined {
    return this.#variables.get(name) ?? this.parent?.nameIn(name)
  }

  private labeled(label: string): Names | undefined {
    return this.label === label ? this : this.parent?.labeled(label)
  }
}
