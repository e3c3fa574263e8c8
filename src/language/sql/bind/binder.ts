/** What binding one statement shares: the caller's context, parameter types, and what the plan will depend on. */
import type { Catalog, Collection } from '../../../database/catalog.ts'
import type { SqlContext } from '../contract.ts'
import { failure } from '../failure.ts'
import { oid } from '../types/oids.ts'
import type { Node, SelectStmt } from 'libpg-query'
import type { Expression } from '../expression/expression.ts'
import type { BoundQuery } from './query.ts'
import type { Scope } from './scope.ts'

/** Nested expressions and queries: the JavaScript stack holds several times as many. */
const maxDepth = 1000

export interface Dependency {
  readonly namespace: string
  readonly name: string
  /** An immutable value: any change makes another one. Undefined: it was looked for and was not there. */
  readonly collection: Collection | undefined
}

/** The two entrances that binding code calls back into: the files of this folder need each other, imports must not. */
export interface BindingRules {
  expression(binder: Binder, scope: Scope, node: Node): Expression
  query(binder: Binder, scope: Scope, statement: SelectStmt): BoundQuery
  operator(binder: Binder, name: string, parts: readonly Expression[], location: number | undefined): Expression
  callFunction(binder: Binder, name: string, parts: readonly Expression[], location: number | undefined): Expression
}

export class Binder {
  readonly context: SqlContext
  readonly catalog: Catalog
  readonly parameterTypes: number[]
  readonly #rules: BindingRules
  readonly #dependencies = new Map<string, Dependency>()
  /** The statement calls a function that writes: nextval, setval. */
  writes = false
  #subqueries = 0
  #depth = 0

  constructor(context: SqlContext, parameterTypes: readonly number[], rules: BindingRules) {
    this.context = context
    this.catalog = context.catalog
    this.parameterTypes = [...parameterTypes]
    this.#rules = rules
  }

  expression(scope: Scope, node: Node): Expression {
    if (++this.#depth > maxDepth) throw failure('54001', 'stack depth limit exceeded')
    const bound = this.#rules.expression(this, scope, node)
    this.#depth--
    return bound
  }

  query(scope: Scope, statement: SelectStmt): BoundQuery {
    if (++this.#depth > maxDepth) throw failure('54001', 'stack depth limit exceeded')
    const bound = this.#rules.query(this, scope, statement)
    this.#depth--
    return bound
  }

  nextSubquery(): number {
    return this.#subqueries++
  }

  /** An operator over bound arguments. */
  operator(name: string, parts: readonly Expression[], location?: number): Expression {
    return this.#rules.operator(this, name, parts, location)
  }

  /** A function over bound arguments. */
  call(name: string, parts: readonly Expression[], location?: number): Expression {
    return this.#rules.callFunction(this, name, parts, location)
  }

  /** Looks a collection up and notes that the plan depends on the answer. */
  findCollection(namespace: string, name: string): Collection | undefined {
    const found = this.catalog.findCollection(namespace, name)
    this.#dependencies.set(`${namespace}\0${name}`, { namespace, name, collection: found })
    return found
  }

  get dependencies(): readonly Dependency[] {
    return [...this.#dependencies.values()]
  }

  parameterType(number: number): number {
    if (number < 1 || number > 65_535) throw failure('42P02', `there is no parameter $${number}`)
    while (this.parameterTypes.length < number) this.parameterTypes.push(0)
    const type = this.parameterTypes[number - 1]!
    return type === 0 ? oid.unknown : type
  }

  /** The first use of a parameter whose type the client left open decides it. */
  decideParameter(index: number, type: number, location: number | undefined): void {
    const known = this.parameterTypes[index]!
    if (known !== 0 && known !== oid.unknown && known !== type) {
      throw failure('42P08', `inconsistent types deduced for parameter $${index + 1}`, { location })
    }
    this.parameterTypes[index] = type
  }

  /** Every parameter must have a type in the end. */
  checkParameters(): void {
    for (const [i, type] of this.parameterTypes.entries()) {
      if (type === 0 || type === oid.unknown) {
        throw failure('42P18', `could not determine data type of parameter $${i + 1}`)
      }
    }
  }

  /** The schemas that unqualified names are looked for in, `pg_catalog` first. */
  get searchPath(): readonly string[] {
    const path = this.context.searchPath.map((name) =>
      name === '"$user"' || name === '$user' ? this.context.user : name,
    )
    return path.includes('pg_catalog') ? path : ['pg_catalog', ...path]
  }
}
