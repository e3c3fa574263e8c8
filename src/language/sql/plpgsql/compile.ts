/**
 * A body as it runs: names are resolved to places, types are known, each statement is a function of the frame.
 *
 * Most statements do their work at once and answer nothing, so that a loop of them makes no generator; what may wait answers
 * steps. A signal says how control goes on where it does not go to the next statement.
 */
import type { Catalog } from '../../../database/catalog/catalog.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import type { Variables } from '../bind/variables.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import type { BoundColumn } from '../routine/result.ts'
import type { Frame } from './frame.ts'
import type { Found, Names, RecordVariable, ScalarVariable, Variable } from './names.ts'
import { PlExpression, PlStatement } from './sql-parts.ts'
import type { Fragment, StatementNode, TargetNode } from './tree.ts'
import { variableType } from './variable-type.ts'

/** EXIT, CONTINUE and RETURN on their way out. */
export interface Signal {
  readonly kind: 'exit' | 'continue' | 'return'
  readonly label: string | undefined
}

export const returned: Signal = { kind: 'return', label: undefined }

/** What a statement comes to; undefined: the next one follows. */
export type Done = Signal | undefined
export type Exec = (frame: Frame) => Done | StatementSteps<Done>

export interface CompiledStatement {
  readonly node: StatementNode
  readonly run: Exec
}

/** What is asked of the function as a whole. */
export interface Purpose {
  readonly kind: 'function' | 'procedure' | 'block' | 'trigger'
  readonly isSet: boolean
  /** Of its rows; undefined of a record whose columns nobody has said. */
  readonly columns: readonly BoundColumn[] | undefined
  /** It gives one value. */
  readonly isScalar: boolean
  /** Its output parameters. */
  readonly outputs: readonly Variable[]
}

export class Compiler {
  readonly run: SqlRun
  readonly conflict: Variables['conflict']
  purpose: Purpose
  /** How many variables there are. */
  slots = 0

  constructor(run: SqlRun, conflict: Variables['conflict'], purpose: Purpose) {
    this.run = run
    this.conflict = conflict
    this.purpose = purpose
  }

  get catalog(): Catalog {
    return this.run.transaction.catalog
  }

  expression(fragment: Fragment, names: Names): PlExpression {
    return new PlExpression(fragment, names, this.conflict)
  }

  statement(fragment: Fragment, names: Names): PlStatement {
    return PlStatement.of(fragment, names, this.conflict)
  }

  /** A variable of a type as it stands in the text. */
  declare(
    names: Names,
    name: string,
    type: string,
    { isConstant = false, isNotNull = false }: { isConstant?: boolean; isNotNull?: boolean } = {},
  ): Variable {
    const found = variableType(this.run, names, type)
    if (found.kind === 'record') {
      return this.record(names, name, found, isConstant)
    }
    return this.scalar(names, name, found.type, found.modifier, { isConstant, isNotNull })
  }

  scalar(
    names: Names,
    name: string,
    type: number,
    modifier = -1,
    { isConstant = false, isNotNull = false, cursor }: Partial<ScalarVariable> = {},
  ): ScalarVariable {
    const base = { kind: 'scalar', name, slot: this.slots++, type, modifier, isConstant, isNotNull } as const
    const variable: ScalarVariable = cursor === undefined ? base : { ...base, cursor }
    names.add(variable)
    return variable
  }

  record(
    names: Names,
    name: string,
    { columns, type }: Partial<Pick<RecordVariable, 'columns' | 'type'>> = {},
    isConstant = false,
  ): RecordVariable {
    const variable: RecordVariable = { kind: 'record', name, slot: this.slots++, columns, type, isConstant }
    names.add(variable)
    return variable
  }

  /** What is assigned to. Errors: 42601 where there is no such variable, 22005 of a constant. */
  target(node: TargetNode, names: Names): Found & { readonly subscripts: readonly PlExpression[] } {
    const found = names.find(node.path)
    if (found === undefined) throw failure('42601', `"${node.path.join('.')}" is not a known variable`)
    if (found.variable.isConstant) throw failure('22005', `variable "${node.path.join('.')}" is declared CONSTANT`)
    return { ...found, subscripts: node.subscripts.map((one) => this.expression(one, names)) }
  }

  /** A cursor variable. */
  cursor(name: string, names: Names): ScalarVariable {
    const variable = names.find([name])?.variable
    if (variable === undefined) throw failure('42601', `"${name}" is not a known variable`)
    if (variable.kind !== 'scalar' || variable.type !== refcursor) {
      throw failure('42804', `variable "${name}" must be of type cursor or refcursor`)
    }
    return variable
  }
}

/** PostgreSQL's number of the type. */
export const refcursor = 1790
