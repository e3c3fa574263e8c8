/** What binding one statement shares: the caller's context, parameter types, and what the plan will depend on. */
import type { Catalog, Collection, NameSpace } from '../../../database/catalog/catalog.ts'
import { privilege } from '../../../database/access/privileges.ts'
import { type Rights, unlimited } from '../../../database/access/rights.ts'
import { noOwner } from '../../../database/access/access-list.ts'
import { AccessNeeds } from './access-needs.ts'
import type { SqlContext } from '../contract.ts'
import { schemaNamed, searchPathOf } from './names.ts'
import { failure } from '../failure.ts'
import type { Marked, Progress } from '../progress.ts'
import { oid } from '../types/oids.ts'
import type { CommonTableExpr, Node, SelectStmt } from 'libpg-query'
import type { Expression, ParameterExpression } from '../expression/expression.ts'
import { seal } from '../expression/sealed.ts'
import { typeOfNumber } from './made-types.ts'
import { Repetition } from './repetition.ts'
import type { BoundQuery, OutputColumn } from './query.ts'
import { type Frame, framesOf, type Scope } from './scope.ts'
import type { FrozenRelation } from './with/frozen-relation.ts'
import type { Variables } from './variables.ts'

/** Nested expressions and queries: the JavaScript stack holds several times as many. */
const maxDepth = 1000
/** Of one statement: views over views are bound once for each way that leads to them. */
const mostViewsRead = 1000

export interface Dependency {
  readonly namespace: string
  readonly name: string
  readonly space?: NameSpace
  /** An immutable value: any change makes another one. Undefined: it was looked for and was not there. */
  readonly collection: Collection | undefined
  /** Only its number is in the plan, as that of `'orders'::regclass`: nothing of it is read, and nobody need be kept from it. */
  readonly isValue?: true
}

/** Whether the catalog still gives the answer. */
export function holdsIn(catalog: Catalog, { namespace, name, space, collection }: Dependency): boolean {
  return catalog.findCollection(namespace, name, space) === collection
}

/** The two entrances that binding code calls back into: the files of this folder need each other, imports must not. */
export interface BindingRules {
  expression(binder: Binder, scope: Scope, node: Node): Expression
  query(binder: Binder, scope: Scope, statement: SelectStmt): BoundQuery
  operator(binder: Binder, name: string, parts: readonly Expression[], location: number | undefined): Expression
  callFunction(binder: Binder, name: string, parts: readonly Expression[], location: number | undefined): Expression
}

/** Somebody as who a part of a statement is bound, and what it must be allowed. */
export interface Owner {
  readonly roleId: number
  readonly rights: Rights
  readonly access: AccessNeeds
}

/** What a statement in WITH returns, and what does it. */
export type PlanWriting = (
  binder: Binder,
  scope: Scope,
  node: Node,
) => { readonly columns: readonly OutputColumn[] | undefined; readonly work: unknown }

/** What binding has counted and decided up to a place. */
interface Mark {
  readonly subqueries: number
  readonly weight: number
  readonly repeated: number
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
  /** False: what it binds is run, if ever, without any. */
  takesParameters = true
  readonly #rules: BindingRules
  readonly #dependencies = new Map<string, Dependency>()
  /** The statement calls a function that writes: as `nextval` does. */
  writes = false
  /** It has FOR UPDATE or its kin, or a query in it has. */
  locksRows = false
  /** How statements in WITH are planned: what is above binding says so. */
  planWriting: PlanWriting | undefined
  /** Collections that statements in WITH, or the one around them, write: how many of those do. */
  written: ReadonlyMap<number, number> | undefined
  /** Statements in WITH, by their places in the tree. */
  readonly writing: Map<CommonTableExpr, object> = new Map()
  /** Queries in WITH that something reads, by their numbers. */
  readonly readInWith: Set<number> = new Set()
  readonly frozen: FrozenRelation[] = []
  /** It calls a function that may. */
  calls = false
  /** Those of the function that the statement is part of. */
  variables: Variables | undefined
  /** Collections of the types that the text names. */
  readonly usedTypes: Set<number> = new Set()
  /** Functions of users that it calls. */
  readonly usedRoutines: Set<number> = new Set()
  /** Tables whose policies are being bound. */
  readonly securing: Set<number> = new Set()
  /** That are being bound, one within the other. */
  #policies = 0
  /** What its caller must be allowed, */
  readonly #ownAccess = new AccessNeeds()
  /** and what owners of views must be, by their roles. */
  readonly #owners = new Map<number, Owner>()
  /** The views whose queries are being bound. */
  readonly #views = new Set<number>()
  #viewsRead = 0
  #acting: Owner | undefined
  #isSilent = false
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
  #bound = 0
  readonly repetition: Repetition

  constructor(context: SqlContext, parameterTypes: readonly number[], rules: BindingRules, progress?: Progress) {
    this.context = context
    this.catalog = context.catalog
    this.#givenTypes = parameterTypes.map((number) => typeOfNumber(this, number)?.oid ?? number)
    this.parameterTypes = [...this.#givenTypes]
    this.#rules = rules
    this.progress = progress
    this.repetition = new Repetition(progress !== undefined)
  }

  /** Before binding is begun, or begun again. */
  beginTurn(): void {
    this.progress?.beginTurn()
    this.#depth = 0
    this.#subqueries = 0
    this.#weight = 0
    this.repetition.parts = 0
    this.#viewsRead = 0
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
    this.#bound++
    this.#depth--
    return bound
  }

  /** For one of several places in which an expression stands that the text has once. */
  repeated(scope: Scope, node: Node): Expression {
    const before = this.#bound
    const bound = this.expression(scope, node)
    this.repetition.bound(this.#bound - before)
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
        repeated: this.repetition.parts,
        decisions: this.#decided,
        parameters: this.parameterTypes.length,
        frames,
        captures: frames.length === 0 ? undefined : frames.map((frame) => frame.captures.length),
      }),
      restore: (mark) => {
        this.#subqueries = mark.subqueries
        this.#weight = mark.weight
        this.repetition.parts = mark.repeated
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
  findCollection(namespace: string, name: string, space?: NameSpace): Collection | undefined {
    return this.#lookUp(namespace, name, space, {})
  }

  #lookUp(
    namespace: string,
    name: string,
    space: NameSpace | undefined,
    as: Pick<Dependency, 'isValue'>,
  ): Collection | undefined {
    const found = this.catalog.findCollection(namespace, name, space)
    const asked = { namespace, name, ...(space !== undefined && { space }), ...as }
    const key = `${namespace}\0${name}\0${space ?? ''}\0${as.isValue === true}`
    this.#dependencies.set(key, { ...asked, collection: found })
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
      findCollection: (namespace, name, space) => this.#lookUp(namespace, name, space, { isValue: true }),
      collectionsOf: (namespace) => catalog.collectionsOf(namespace),
      relationsOf: (namespace) => catalog.relationsOf(namespace),
      othersOf: (namespace) => catalog.othersOf(namespace),
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
    if (number < 1 || number > 65_535 || !this.takesParameters)
      throw failure('42P02', `there is no parameter $${number}`)
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

  /** Of whom is asked what is bound. */
  get rights(): Rights {
    return this.#acting?.rights ?? this.context.rights ?? unlimited
  }

  get access(): AccessNeeds {
    return this.#acting?.access ?? this.#ownAccess
  }

  /** As who views are read, beside the caller. */
  get owners(): readonly Owner[] {
    return [...this.#owners.values()]
  }

  /** Errors: `AccessError`. */
  checkAccess(): void {
    this.#ownAccess.check(this.context.rights ?? unlimited)
    for (const { access, rights } of this.#owners.values()) access.check(rights)
  }

  /**
   * Binds the text that a view keeps, as its owner or as who calls, also within a view of somebody else: its names are found
   * wherever they lie.
   * Errors: 42P17 where it comes back to itself, 54001 where it is one of too many.
   */
  within<T>(view: Collection, as: 'owner' | 'caller', bind: () => T): T {
    const { id, name, ownerId } = view
    if (this.#views.has(id)) throw failure('42P17', `infinite recursion detected in rules for relation "${name}"`)
    if (++this.#viewsRead > mostViewsRead) throw failure('54001', `more than ${mostViewsRead} views are read`)
    const outer = this.#acting
    this.#views.add(id)
    if (!this.#isSilent) this.#acting = as === 'owner' ? this.#ownerOf(ownerId) : undefined
    try {
      return bind()
    } finally {
      this.#acting = outer
      this.#views.delete(id)
    }
  }

  /** Nothing that `bind` binds is asked of anybody: whoever binds it asks for what it comes to. */
  withoutAsking<T>(bind: () => T): T {
    const outer = this.#acting
    const isSilent = this.#isSilent
    this.#acting = { roleId: noOwner, rights: unlimited, access: new AccessNeeds() }
    this.#isSilent = true
    try {
      return bind()
    } finally {
      this.#acting = outer
      this.#isSilent = isSilent
    }
  }

  /** What was made before there were roles is the server's. */
  #ownerOf(ownerId: number | undefined): Owner {
    const roleId = this.context.rightsOf === undefined ? noOwner : (ownerId ?? noOwner)
    let owner = this.#owners.get(roleId)
    if (owner === undefined) {
      const rights = roleId === noOwner ? unlimited : this.context.rightsOf!(roleId)
      this.#owners.set(roleId, (owner = { roleId, rights, access: new AccessNeeds() }))
    }
    return owner
  }

  /** Stored text is being bound: it has all names in full. */
  get isStored(): boolean {
    return this.#policies > 0 || this.#views.size > 0
  }

  /** Binds what a policy asks. */
  ofPolicy<T>(bind: () => T): T {
    this.#policies++
    try {
      return bind()
    } finally {
      this.#policies--
    }
  }

  /** Errors: `AccessError` where the caller may not look anything up there. */
  requireSchema(name: string): void {
    const schema = schemaNamed(this.context, name)
    // Names in policies and views were looked up when those were made.
    const namespace = this.isStored ? undefined : this.catalog.namespaces.get(schema)
    if (namespace !== undefined) this.rights.requireUse(namespace)
  }

  /** A schema of the search path that may not be used is passed over. */
  maySearch(schema: string): boolean {
    const namespace = this.isStored ? undefined : this.catalog.namespaces.get(schema)
    return namespace === undefined || (this.rights.ofNamespace(namespace) & privilege.usage) !== 0
  }

  /** The schemas that unqualified names are looked for in, `pg_catalog` first. */
  get searchPath(): readonly string[] {
    if (this.#views.size > 0) return ['pg_catalog']
    return searchPathOf(this.context)
  }
}
