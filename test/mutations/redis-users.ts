/** Who may do what at Redis's door, and what ACL makes of it. */
import { mutationsOf, type Mutation } from './mutation.ts'

const access = ['src/gateway/redis/permissions.test.ts']
const users = ['src/gateway/redis/acl.test.ts']
const guests = ['src/gateway/redis/guests.test.ts']

export const redisUserMutations: readonly Mutation[] = [
  ...mutationsOf('src/gateway/redis/permissions.ts', access, [
    [
      'only the first key of a command is asked for',
      'for (const at of positions) if',
      'for (const at of positions.slice(0, 1)) if',
    ],
    [
      'two patterns together allow what neither does',
      '((may | this.#whole) & wanted) === wanted && glob',
      '(may & wanted) !== 0 && glob',
    ],
    ['all may administer', 'return (rights.ofDatabase & administer) !== 0', 'return true'],
    ['what was given for one numbered database counts in all', ' && database === this.#number) return', ') return'],
  ]),
  ...mutationsOf('src/gateway/redis/commands/keys.ts', access, [
    [
      'KEYS tells of all',
      'if (!glob.matches(key) || visibleKeys?.(key) === false) return',
      'if (!glob.matches(key)) return',
    ],
  ]),
  ...mutationsOf('src/gateway/redis/commands/transactions.ts', access, [
    ['what is queued is not asked for again', '    call.checkMay(command)\n', ''],
  ]),
  ...mutationsOf('src/gateway/redis/commands/polylog.ts', access, [
    ['a party does what it could not do alone', '    call.checkMay(command)\n', ''],
  ]),
  ...mutationsOf('src/gateway/redis/key-rules.ts', users, [
    ['patterns give what no command could do', '| (privilegesOf(rule) & under)', '| privilegesOf(rule)'],
    ['what is not said any more stays given', 'const may = item.may & wanted', 'const may = item.may'],
  ]),
  ...mutationsOf('src/gateway/redis/commands/acl.ts', users, [
    [
      'who makes roles gives what it has not',
      'if (rights.areUnlimited) return noOwner',
      'if (!rights.areUnlimited) return noOwner',
    ],
  ]),
  ...mutationsOf('src/gateway/redis/commands/acl.ts', guests, [
    ['everybody is changed before there is a user', '    checkStaysEverybody(edit)\n', ''],
    [
      '`default` becomes a role before there is a user',
      'checkStaysEverybody(edit)\n    call.reply.ok()\n    return\n',
      'checkStaysEverybody(edit)\n',
    ],
    ['everybody of one command is that of the next', 'return { ...everybody }', 'return everybody'],
  ]),
  ...mutationsOf('src/gateway/redis/commands/connection.ts', guests, [
    ['guests are believed', "(principals.haveGuests && name !== 'default')", 'false'],
    ['a guest has everything', 'becomeUser(call, role.name, role.id)', 'becomeUser(call, role.name)'],
    ['who was believed stays so', 'roleId === session.identity.ownRoleId && ', ''],
  ]),
  ...mutationsOf('src/principal/roles.ts', guests, [
    [
      'a guest that becomes a superuser closes nothing',
      'if (asGuest && !attributes.superuser) return',
      'if (asGuest) return',
    ],
    ['guests close the server', 'if (asGuest && !attributes.superuser) return', ''],
    ['a guest that is changed closes the server', 'asGuest: asGuest || isUser(before)', 'asGuest'],
    ['every door makes guests', 'if (asGuest && !attributes.superuser) return', 'if (!attributes.superuser) return'],
  ]),
  ...mutationsOf('src/principal/proofs.ts', users, [
    ['a hash of Redis is right at every door', '(door === redisDoor && isRight) ||', 'isRight ||'],
  ]),
  ...mutationsOf('src/database/access/rights.ts', users, [
    [
      'rules about commands pass by superusers',
      'if (member.redisCommands === undefined && member.redisChannels === undefined) return unlimited',
      'if (member.isSuperuser) return unlimited',
    ],
  ]),
]
