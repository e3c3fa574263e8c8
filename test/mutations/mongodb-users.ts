/** Who may do what at MongoDB's door, and who is given it there. */
import { mutationsOf, type Mutation } from './mutation.ts'

const access = ['src/server/mongodb-access.test.ts']
const users = ['src/server/mongodb-users.test.ts']

export const mongodbUserMutations: readonly Mutation[] = [
  ...mutationsOf('src/gateway/mongodb/access.ts', access, [
    ['a collection that is there is not asked for', 'else rights.require(collection, wanted)', ''],
    [
      'what is not there is not asked for',
      'if (collection === undefined) requireInAll(asked, namespace, wanted)',
      'if (collection === undefined) return undefined',
    ],
    ['anybody sees the state of the server', "access === 'monitor' && !mayMonitor(rights)", 'false'],
  ]),
  ...mutationsOf('src/language/mql/lookup.ts', access, [
    ['a $lookup is asked for where a document comes', 'context.reader.names.add(lookup.from)', ''],
  ]),
  ...mutationsOf('src/gateway/mongodb/commands/writes.ts', access, [
    [
      'a condition looks at what may not be read',
      'condition !== undefined && isEmptyDocument(condition) ? noPrivileges : privilege.read',
      'condition === undefined ? privilege.read : noPrivileges',
    ],
    ['an upsert needs no right to insert', '(creates ? privilege.insert : noPrivileges)', 'noPrivileges'],
  ]),
  ...mutationsOf('src/gateway/mongodb/cursors.ts', access, [
    ['a cursor is anybody’s', 'if (cursor.owner !== asker.roleId) {', 'if (false) {'],
    ['anybody kills a cursor', 'cursor.owner !== asker.roleId && !asker.mayEndAll', 'false'],
  ]),
  ...mutationsOf('src/gateway/mongodb/logical-sessions.ts', access, [
    [
      'a logical session is of all users',
      'ownRoleId === undefined ? `${database} ${lsid}`',
      'ownRoleId !== -7 ? `${database} ${lsid}`',
    ],
  ]),
  ...mutationsOf('src/gateway/mongodb/commands/server.ts', access, [
    [
      'anybody ends what others do',
      'target.identity.ownRoleId !== identity.ownRoleId && !mayAdminister(rights)',
      'false',
    ],
    ['anybody sees what others do', '!(options.all || isOwn)', 'false'],
  ]),
  ...mutationsOf('src/session/sessions.ts', access, [
    ['a session is of who has the name now', 'if (roleId !== undefined) return roleId', ''],
  ]),
  ...mutationsOf('src/gateway/mongodb/users/granting.ts', users, [
    [
      'anybody gives anything',
      'const own = rights.owns({ ownerId }) ? ofOwner : noPrivileges',
      'const own = rights.owns({ ownerId }) ? ofOwner : allPrivileges',
    ],
    [
      'what other roles stand for is taken away, too',
      'all.roles.filter(named).reduce(together, nothing)',
      'all.roles.reduce(together, nothing)',
    ],
    ['what is given on a collection does not let anybody come to it', 'give(transaction, namespace, to, {', 'void ({'],
    ['who goes leaves what it has been given', 'to !== role.id && by !== role.id', 'to !== -7 && by !== -7'],
  ]),
  ...mutationsOf('src/gateway/mongodb/users/built-in-roles.ts', users, [
    [
      'a role of all databases is known in each',
      'database === adminDatabase ? ofAllDatabases.find',
      'database !== "" ? ofAllDatabases.find',
    ],
    ['read is told of who may only write', '(all.may & some.may) === some.may', '(all.may & some.may) !== 0'],
  ]),
  ...mutationsOf('src/gateway/mongodb/users/actions.ts', users, [
    [
      'an action that cannot be given alone is left out',
      'else if (!meant.has(action)) throw notAlone(action, kind)',
      '',
    ],
  ]),
  ...mutationsOf('src/gateway/mongodb/commands/collections.ts', users, [
    [
      'what was given on a database goes with it',
      'const isGiven = transaction.catalog.access.has(namespace.id)',
      'const isGiven = false',
    ],
  ]),
]
