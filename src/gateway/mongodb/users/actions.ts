/**
 * MongoDB's actions, as privileges. A privilege stands for one or several actions that are given together here; what comes
 * along with them may be named beside them, and nothing else may, so that nobody is given more than was said, nor less.
 */
import {
  noPrivileges,
  ofCollections,
  ofNamespaces,
  privilege,
  type PrivilegeName,
  privilegeNames,
  type Privileges,
} from '../../../database/access/privileges.ts'
import { mongoCode, mongoError } from '../../../model/document/mongo-error.ts'

interface Meaning {
  readonly privileges: Privileges
  readonly actions: readonly string[]
  /** What may be done with it, too. */
  readonly along: readonly string[]
}

const looking = ['listCollections', 'listIndexes', 'collStats', 'dbStats']

const onCollections: readonly Meaning[] = [
  { privileges: privilege.read, actions: ['find'], along: [...looking, 'killCursors'] },
  { privileges: privilege.insert, actions: ['insert'], along: [] },
  { privileges: privilege.update, actions: ['update'], along: [] },
  { privileges: privilege.delete, actions: ['remove'], along: [] },
  {
    privileges: privilege.schema,
    actions: ['createCollection', 'dropCollection', 'createIndex', 'dropIndex'],
    along: [...looking, 'renameCollectionSameDB', 'dropDatabase'],
  },
  { privileges: privilege.create, actions: ['createCollection'], along: [] },
  { privileges: privilege.feed, actions: ['changeStream'], along: [] },
]

const onCluster: readonly Meaning[] = [{ privileges: privilege.administer, actions: ['inprog', 'killop'], along: [] }]

export type ResourceKind = 'collection' | 'namespace' | 'database' | 'cluster'

/** Of privileges that MongoDB has no action for. */
const ownPrefix = 'polylog:'

function meaningsFor(kind: ResourceKind): readonly Meaning[] {
  const all = kind === 'cluster' ? onCluster : onCollections
  return all.filter(({ privileges }) => (privileges & ~mostPrivileges[kind]) === noPrivileges)
}

const mostPrivileges: Readonly<Record<ResourceKind, Privileges>> = {
  collection: ofCollections | privilege.usage,
  namespace: ofNamespaces,
  database: ofNamespaces | privilege.connect | privilege.temporary | privilege.fork,
  cluster: privilege.administer,
}

/** Errors: BadValue for an action that is not known, or cannot be given alone. */
export function privilegesOfActions(actions: readonly string[], kind: ResourceKind): Privileges {
  const named = new Set(actions)
  let privileges = noPrivileges
  const meant = new Set<string>()
  for (const meaning of meaningsFor(kind)) {
    if (!meaning.actions.every((action) => named.has(action))) continue
    privileges |= meaning.privileges
    for (const action of [...meaning.actions, ...meaning.along]) meant.add(action)
  }
  for (const action of named) {
    if (action.startsWith(ownPrefix)) privileges |= ownPrivilege(action)
    else if (!meant.has(action)) throw notAlone(action, kind)
  }
  if ((privileges & ~mostPrivileges[kind]) === noPrivileges) return privileges
  throw mongoError(mongoCode.badValue, `${[...named].join(', ')} cannot be given on a ${kind}`)
}

function ownPrivilege(action: string): Privileges {
  const name = action.slice(ownPrefix.length)
  if (Object.hasOwn(privilege, name)) return privilege[name as PrivilegeName]
  throw mongoError(mongoCode.badValue, `Unrecognized action privilege string: ${action}`)
}

function notAlone(action: string, kind: ResourceKind): Error {
  const partOf = meaningsFor(kind).filter(({ actions, along }) => actions.includes(action) || along.includes(action))
  if (partOf.length === 0) {
    return mongoError(
      mongoCode.badValue,
      `Unrecognized or unsupported action privilege string: ${action}`,
      'unsupported',
    )
  }
  const sets = partOf.map(({ actions }) => actions.join(', ')).join('; or ')
  return mongoError(mongoCode.badValue, `${action} cannot be given alone here: give ${sets}`, 'unsupported')
}

/** What is told of privileges: the actions that they stand for, and the others by Polylog's names. */
export function actionsOfPrivileges(privileges: Privileges): readonly string[] {
  const found = new Set<string>()
  let left = privileges
  for (const meaning of [...onCollections, ...onCluster]) {
    if ((privileges & meaning.privileges) === noPrivileges) continue
    for (const action of meaning.actions) found.add(action)
    left &= ~meaning.privileges
  }
  for (const name of privilegeNames(left)) found.add(`${ownPrefix}${name}`)
  return [...found]
}
