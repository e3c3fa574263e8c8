/** What binding one statement shares: the caller's context, parameter types, and what the plan will depend on. */
import type { Catalog, Collection } from '../../../database/catalog/catalog.ts'
import { privilege } from '../../../database/access/privileges.ts'
import { type Rights, unlimited } from '../../../database/access/rights.ts'
import { AccessNeeds } from './access-needs.ts'
import type { SqlContext } from '../contract.ts'
import { failure } from '../failure.ts'
import type { Marked, Progress } from '../progress.ts'
import { oid } from '../types/oids.ts'
import type { Node, SelectStmt } from 'libpg-query'
import type { Expression, ParameterExpression } from '../expression/expression.ts'
import { seal } from '../expression/sealed.ts'
import type { BoundQuery } from './query.ts'
import { type Frame, framesOf, type Scope } from './scope.ts'

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

/** What binding has counted and decided up to a place. */
interface Mark {
  readonly subqueries: number
  readonly weight: number
  readonly decisions: number
  readonly parameters: number
  /** What the enclosing blocks had been asked for. */
  readonly frames: readonly Frame[]
  readonly captures: readonly number[] | undefined
}

/** The same however often it is bound. */
function placeOf({ index, location }: ParameterExpression): string {
  return `${index}@${location ?? -1}`
}

function isLeaf(node: Node): boolean {
  return 'A_Const' in node || 'ColumnRef' in node || 'ParamRef' in node
}

export class Binder {
  readonly context: SqlContext
  readonly catalog: Catalog
  readonly parameterTypes: number[]
  readonly #rules: BindingRules
  readonly #dependencies = new Map<string, Dependency>()
  /** The statement calls a function that writes: nextval, setval. */
  writes = false
  /** Tables whose policies are being bound. */
  readonly securing: Set<number> = new Set()
  /** What its caller must be allowed. */
  readonly access: AccessNeeds = new AccessNeeds()
  /** Of a long text: what is done of it. */
  readonly progress: Progress | undefined
  readonly #givenTypes: readonly number[]
  /** Types of parameters in the order in which they were decided. */
  readonly #decisions: (readonly [index: number, type: number])[] = []
  #decided = 0
  #subqueries = 0
  /** Parameters of which nothing has said the type, by their place; and those that something took after all. */
  readonly #settled = new Map<string, ParameterExpression>()
  readonly #taken = new Set<string>()
  #depth = 0
  /** Expressions bound, those sealed counted as one. */
  #weight = 0

  constructor(context: SqlContext, parameterTypes: readonly number[], rules: BindingRules, progress?: Progress) {
    this.context = context
    this.catalog = context.catalog
    this.#givenTypes = parameterTypes
    this.parameterTypes = [...parameterTypes]
    this.#rules = rules
    this.progress = progress
  }

  /** Before binding is begun, or begun again. */
  beginTurn(): void {
    this.progress?.beginTurn()
    this.#depth = 0
    this.#subqueries = 0
    this.#weight = 0
    this.#decided = 0
    this.parameterTypes.length = 0
    for (const type of this.#givenTypes) this.parameterTypes.push(type)
  }

  expression(scope: Scope, node: Node): Expression {
    if (++this.#depth > maxDepth) throw failure('54001', 'stack depth limit exceeded')
    const { progress } = this
    const bound =
      progress === undefined || isLeaf(node)
        ? this.#rules.expression(this, scope, node)
        : progress.each([node], () => this.#bindWide(scope, node, progress), this.#markedIn(scope))[0]!
    this.#weight++
    this.#depth--
    return bound
  }

  #bindWide(scope: Scope, node: Node, progress: Progress): Expression {
    const before = this.#weight
    const bound = this.#rules.expression(this, scope, node)
    if (this.#weight - before < progress.limits.openWeight) return bound
    const sealed = seal(bound, progress)
    if (sealed !== bound) this.#weight = before
    return sealed
  }

  /** `nodes.map(bind)`: of a long text in turns. */
  each<T, R>(scope: Scope, items: readonly T[], bind: (item: T, index: number) => R): readonly R[] {
    if (this.progress === undefined) return items.map(bind)
    return this.progress.each(items, bind, this.#markedIn(scope))
  }

  #markedIn(scope: Scope): Marked<Mark> {
    const frames = framesOf(scope)
    return {
      mark: () => ({
        subqueries: this.#subqueries,
        weight: this.#weight,
        decisions: this.#decided,
        parameters: this.parameterTypes.length,
        frames,
        captures: frames.length === 0 ? undefined : frames.map((frame) => frame.captures.length),
      }),
      restore: (mark) => {
        this.#subqueries = mark.subqueries
        this.#weight = mark.weight
        while (this.parameterTypes.length < mark.parameters) this.parameterTypes.push(0)
        while (this.#decided < mark.decisions) {
          const [index, type] = this.#decisions[this.#decided++]!
          this.parameterTypes[index] = type
        }
        for (const [i, frame] of frames.entries()) frame.adopt(mark.frames[i]!, mark.captures![i]!)
      },
    }
  }

  query(scope: Scope, statement: SelectStmt): BoundQuery {
    if (++this.#depth > maxDepth) throw failure('54001', 'stack depth limit exceeded')
    const bound =
      this.progress === undefined
        ? this.#rules.query(this, scope, statement)
        : this.each(scope, [statement], () => this.#rules.query(this, scope, statement))[0]!
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

  /** The caller's context for lookups by name whose answers go into the plan, which depends on them from then on. */
  get noting(): SqlContext {
    const { catalog } = this
    const noting: Catalog = {
      version: catalog.version,
      namespaces: catalog.namespaces,
      namespaceById: (id) => catalog.namespaceById(id),
      collectionById: (id) => catalog.collectionById(id),
      findCollection: (namespace, name) => this.findCollection(namespace, name),
      collectionsOf: (namespace) => catalog.collectionsOf(namespace),
      findOwnerOfPart: (namespace, name) => catalog.findOwnerOfPart(namespace, name),
      referrersOf: (id) => catalog.referrersOf(id),
      findGlobal: (kind, name) => catalog.findGlobal(kind, name),
      globalById: (id) => catalog.globalById(id),
      globals: () => catalog.globals(),
      globalsOf: (kind) => catalog.globalsOf(kind),
      commentOn: (address) => catalog.commentOn(address),
      commentsOn: (id) => catalog.commentsOn(id),
      access: catalog.access,
    }
    return Object.create(this.context, { catalog: { value: noting } }) as SqlContext
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
    if (known === type) return
    this.parameterTypes[index] = type
    if (this.progress !== undefined) this.#decisions[this.#decided++] = [index, type]
  }

  /** Text, unless what takes the value says otherwise before the statement is bound. */
  settleParameter(parameter: ParameterExpression): Expression {
    const text = { ...parameter, type: oid.text, isSettled: true }
    this.#settled.set(placeOf(text), text)
    return text
  }

  /** Whether it is still open; what takes it decides its type. */
  takeSettled(parameter: ParameterExpression): boolean {
    const place = placeOf(parameter)
    this.#taken.add(place)
    return this.#settled.has(place)
  }

  /** Every parameter must have a type in the end. */
  checkParameters(): void {
    for (const [place, { index, location }] of this.#settled) {
      if (!this.#taken.has(place)) this.decideParameter(index, oid.text, location)
    }
    for (const [i, type] of this.parameterTypes.entries()) {
      if (type === 0 || type === oid.unknown) {
        throw failure('42P18', `could not determine data type of parameter $${i + 1}`)
      }
    }
  }

  get rights(): Rights {
    return this.context.rights ?? unlimited
  }

  /** Errors: `AccessError` where the caller may not look anything up there. */
  requireSchema(schema: string): void {
    // Names in policies were looked up when those were made.
    const namespace = this.securing.size > 0 ? undefined : this.catalog.namespaces.get(schema)
    if (namespace !== undefined) this.rights.requireUse(namespace)
  }

  /** A schema of the search path that may not be used is passed over. */
  maySearch(schema: string): boolean {
    const namespace = this.securing.size > 0 ? undefined : this.catalog.namespaces.get(schema)
    return namespace === undefined || (this.rights.ofNamespace(namespace) & privilege.usage) !== 0
  }

  /** The schemas that unqualified names are looked for in, `pg_catalog` first. */
  get searchPath(): readonly string[] {
    const path = this.context.searchPath.map((name) =>
      name === '"$user"' || name === '$user' ? this.context.user : name,
    )
    return path.includes('pg_catalog') ? path : ['pg_catalog', ...path]
  }
}
