/** What a role and a database may have, and what happens where it is more. */
import { mutationsOf, type Mutation } from './mutation.ts'

const limits = ['src/server/limits.test.ts']

export const limitMutations: readonly Mutation[] = [
  ...mutationsOf(
    'src/base/memory-account.ts',
    ['src/base/memory-account.test.ts'],
    [
      ['what is counted beside is not refused there', 'if (exact > roomBytes)', 'if (false)'],
      ['what is given back stays counted beside', 'this.#beside?.release(bytes)', ''],
      ['another one is not told what is there', 'beside?.force(beside.#usedBytes + this.#grantedBytes)', ''],
    ],
  ),
  ...mutationsOf('src/session/principal-budgets.ts', limits, [
    ['a role may have a connection more', 'connections < limit', 'connections <= limit'],
    ['superusers are refused', '?.isSuperuser !== true)', '?.isSuperuser !== undefined)'],
    ['a Redis client needs a second place', '(before?.user === user ? 1 : 0)', '0'],
    ['connections that ended are counted', 'counted.connections--', ''],
    ['a principal may have any memory', "limitBytes(settings, 'polylog.principal_memory')", 'Infinity'],
  ]),
  ...mutationsOf(
    'src/session/connection-counts.ts',
    ['src/session/connection-counts.test.ts'],
    [
      ['an address is one with each port', "remote.replace(/:\\d+$/, '')", 'remote'],
      ['this machine has the limit of others', 'isLocal ? Infinity : defaultPerAddress', 'defaultPerAddress'],
      [
        'connections of an address that have gone count',
        'if (--of.count === 0) this.#byAddress.delete(of.address)',
        '',
      ],
    ],
  ),
  ...mutationsOf(
    'src/session/connection-counts.ts',
    ['src/server/places.test.ts'],
    [
      ['the last places are for everybody', 'if (this.areReserved)', 'if (this.most < 0)'],
      ['one place too many is kept', 'this.free < Math.min', 'this.free <= Math.min'],
    ],
  ),
  ...mutationsOf(
    'src/gateway/mongodb/conversation.ts',
    ['src/server/places.test.ts'],
    [['who only looks keeps a reserved place', 'if (!this.isIdentified && !areReserved)', 'if (!this.isIdentified)']],
  ),
  ...mutationsOf(
    'src/gateway/redis/idle-clients.ts',
    ['src/gateway/redis/idle-clients.test.ts'],
    [
      [
        'a command that runs is idleness',
        'client.isBlocked || client.session.running !== undefined',
        'client.isBlocked',
      ],
      ['two limits at once', '    this.stop()\n    if (seconds', '    if (seconds'],
    ],
  ),
  ...mutationsOf('src/session/limits.ts', limits, [
    ['nothing that is spilled is limited', '...(this.#space && { space: this.#space }),', ''],
    ['work_mem changes nothing', 'operatorBytes: Math.min(', 'operatorBytes: Math.max('],
  ]),
  ...mutationsOf('src/session/statement-runner.ts', limits, [
    ['locks are waited for without a limit', 'if (limitMs === 0) return granted', 'return granted'],
  ]),
  ...mutationsOf('src/principal/settings.ts', limits, [
    [
      "a role's settings are those of all databases",
      "    { roleId, database: '' },\n    { roleId, database },",
      "    { roleId, database },\n    { roleId, database: '' },",
    ],
    ['settings of a role outlive it', '(placed) => placed.roleId === roleId)', '() => false)'],
    [
      'settings of a database outlive it',
      '(placed) => placed.database === database)\n  setFacts',
      '() => false)\n  setFacts',
    ],
  ]),
  ...mutationsOf('src/principal/role-rules.ts', limits, [
    ['who is limited takes the limit away', 'if (isLimit) throw', 'if (false) throw'],
    [
      'anybody alters settings of others',
      "asker!.roleId !== role.id) throw denied('permission denied')",
      'false) throw 1',
    ],
  ]),
  ...mutationsOf('src/language/sql/settings/settings.ts', limits, [
    ['a session raises its own limit', 'if (find(lower)?.isFixed === true) throw', 'if (false) throw'],
  ]),
  ...mutationsOf('src/gateway/redis/conversation.ts', limits, [
    [
      'statement_timeout is for SQL only',
      'if (statementTimeoutMs > 0 && this.#blocked === undefined) {',
      'if (statementTimeoutMs < 0) {',
    ],
    [
      'a stranger has a connection of a role',
      'this.#openSession({ isConnection: !server.sessions.principals.areProved })',
      'this.#openSession({ isConnection: true })',
    ],
  ]),
  ...mutationsOf('src/gateway/mongodb/execute.ts', limits, [
    ['maxTimeMS goes before statement_timeout', 'Math.max(a, b) : Math.min(a, b)', 'Math.max(a, b) : a'],
  ]),
  ...mutationsOf('src/gateway/mongodb/conversation.ts', limits, [
    ['too many of MongoDB come in', "error.code === 'too_many_connections'", "error.code === 'internal'"],
  ]),
  ...mutationsOf('src/gateway/connection.ts', limits, [
    ['replies queue up to the limit of all', 'limits?.queuedBytes ?? Infinity', 'Infinity'],
  ]),
  ...mutationsOf(
    'src/session/limits.ts',
    ['src/session/session.test.ts'],
    [
      [
        'what one session limits is limited in all',
        'if (!this.areShared) return this',
        'if (this.areShared) return this',
      ],
    ],
  ),
  ...mutationsOf(
    'src/gateway/redis/wire.ts',
    ['src/gateway/redis/spare-parsers.test.ts'],
    [
      ['a parser of half a request is given to another', 'return this.bufferedBytes === 0 &&', 'return'],
      [
        'arguments stay charged to who has sent them',
        '      this.arguments.forget()\n      this.#releaseArguments()\n',
        '      this.arguments.forget()\n',
      ],
    ],
  ),
]
