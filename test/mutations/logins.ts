/** Who may come in: secrets, proofs, what is told of them and when. */
import { mutationsOf, type Mutation } from './mutation.ts'

const logins = ['src/server/logins.test.ts']

export const loginMutations: readonly Mutation[] = [
  ...mutationsOf(
    'src/principal/scram.ts',
    ['src/principal/scram.test.ts'],
    [
      [
        'a proof of another secret is taken',
        'if (!timingSafeEqual(sha256(clientKey), storedKey)) return undefined',
        'timingSafeEqual(sha256(clientKey), storedKey)',
      ],
      [
        'a proof of another exchange is taken',
        "if (nonces !== this.#nonces) throw new ScramError('another nonce')",
        '',
      ],
      ['any channel binding is taken', "throw new ScramError('another channel binding')", 'void 0'],
      ['an escaped name stays escaped', "replaceAll('=2C', ',')", "replaceAll('=2C', '=2C')"],
    ],
  ),
  ...mutationsOf(
    'src/principal/secret.ts',
    ['src/principal/scram.test.ts'],
    [
      [
        'letters of a password are taken as they come',
        'return saslprep(password)',
        'saslprep(password)\n    return password',
      ],
      ['a given secret may have any number of iterations', 'secret.iterations > mostIterations', 'false'],
    ],
  ),
  ...mutationsOf(
    'src/principal/throttle.ts',
    ['src/principal/throttle.test.ts'],
    [
      [
        'an address is not counted',
        'return isHere ? [nameKey(name)] : ',
        'return isHere || !isHere ? [nameKey(name)] : ',
      ],
      ['one right password frees its address', 'this.#failures.delete(nameKey(name))', 'this.#failures.clear()'],
      ['one may try at once as often as one likes', 'await before\n', ''],
      ['any number may wait', 'if (tries.count >= mostWaiting) throw', 'if (false) throw'],
      ['failures are remembered without a bound', 'if (this.#failures.size <= mostRemembered) break', 'break'],
    ],
  ),
  ...mutationsOf('src/principal/proofs.ts', logins, [
    ['a password counts for ever', 'host.now() >= role.validUntilMs', 'false'],
    ['a role that may not log in does', 'if (!role.login) throw', 'if (false) throw'],
    ['a password that was right stays right', 'this.#known.get(name)?.equals(seal) === true', 'this.#known.has(name)'],
    ['a proof counts whatever has become of the secret', 'proof !== this.#proofOf(name, from)', 'false'],
  ]),
  ...mutationsOf('src/principal/principals.ts', logins, [
    ['what users there are is asked once', 'if (this.#looked?.catalog !== catalog)', 'if (this.#looked === undefined)'],
  ]),
  ...mutationsOf(
    'src/principal/principals.ts',
    ['src/principal/principals.test.ts'],
    [
      [
        'where users are not known nobody is asked',
        'catalog === undefined ? this.#parts.exists()',
        'catalog === undefined ? false',
      ],
    ],
  ),
  ...mutationsOf(
    'src/principal/audit.ts',
    ['src/principal/audit.test.ts'],
    [
      ['each failure is told', 'if (known !== undefined) {', 'if (false && known) {'],
      [
        'kinds of failures have no bound',
        'if (kinds.size < mostKinds) return undefined',
        'if (kinds) return undefined',
      ],
      ['what is counted is not told', 'if (count === 0) kinds.delete(key)', 'if (count >= 0) kinds.delete(key)'],
      ['what cannot be written is forgotten', 'return false', 'void 0'],
      ['rows wait without a bound', 'if (this.#waiting.length < mostWaiting)', 'if (this.#waiting)'],
      ['a follower writes', 'if (!this.#parts.writes()) return', ''],
    ],
  ),
  ...mutationsOf(
    'src/principal/audit-rows.ts',
    ['src/server/audit.test.ts'],
    [
      ['pages of the audit overlap', 'copied(collection, after + 1n)', 'copied(collection, after)'],
      ['many failures push out changes of roles', 'isFrequent(row.event) ? 1 : 0', '1'],
      ['old rows stay', 'decode(cursor.value).row.atMs >= fromMs', 'true'],
    ],
  ),
  ...mutationsOf(
    'src/session/evidence.ts',
    ['src/server/audit.test.ts'],
    [['everybody reads the audit', 'if (!session.rights.areUnlimited) throw', 'if (false) throw']],
  ),
  ...mutationsOf('src/principal/roles.ts', logins, [
    [
      'the last superuser may go',
      'if (rules || chanceOf(catalog) === undefined) return',
      'if (!rules || rules) return',
    ],
    [
      'of several roles the first are dropped',
      'const object = transaction.catalog.findGlobal(roleKind, name)\n  if (object !== undefined) return object',
      'const object = transaction.catalog.findGlobal(roleKind, name) ?? transaction.catalog.globalsOf(roleKind)[0]\n  if (object !== undefined) return object',
    ],
  ]),
  ...mutationsOf('src/gateway/redis/conversation.ts', logins, [
    ['RESET leaves the client known', 'this.#mustIdentify()\n    const { database }', 'const { database }'],
    [
      'a stranger may send commands',
      'this.#isIdentified ? this.#homeFailure :',
      'this !== undefined ? this.#homeFailure :',
    ],
  ]),
  ...mutationsOf('src/gateway/redis/commands/connection.ts', logins, [
    ['a login goes on for one who has gone', 'if (call.client.hasEnded) return\n', ''],
  ]),
  ...mutationsOf('src/gateway/mongodb/conversation.ts', logins, [
    ['a stranger of MongoDB opens databases', ' || !this.isIdentified) return undefined', ') return undefined'],
    ['a stranger of MongoDB is greeted', 'if (!this.isIdentified) return\n', ''],
  ]),
  ...mutationsOf('src/gateway/mongodb/execute.ts', logins, [
    ['a stranger may send commands of MongoDB', 'if (!connection.isIdentified) throw', 'if (false) throw'],
  ]),
  ...mutationsOf('src/gateway/postgres/conversation.ts', logins, [
    ['PostgreSQL believes everybody', 'if (!principals.areProved) return', 'if (principals) return'],
  ]),
  ...mutationsOf('src/session/sessions.ts', logins, [
    [
      'everybody may look into the database of roles',
      'if (name === systemDatabase && !ownDoors.has(options.door))',
      'if (name === systemDatabase && false)',
    ],
    [
      'the database of roles is listed',
      'return names.filter((name) => name !== systemDatabase).sort()',
      'return names.sort()',
    ],
  ]),
  ...mutationsOf(
    'src/database/catalog/global-changes.ts',
    ['src/session/global-objects.test.ts'],
    [
      [
        'two give one name at once',
        "transaction.locks.lockName(`\\xffglobal ${JSON.stringify([kind, name])}`, 'update')",
        '',
      ],
      [
        'what others have changed is written over',
        'if (newest?.version !== transaction.baseCatalog.globalById(id)?.version)',
        'if (false)',
      ],
    ],
  ),
  ...mutationsOf(
    'src/database/catalog/catalog-state.ts',
    ['src/database/catalog/catalog-model.test.ts'],
    [
      [
        'a renamed object keeps its old name',
        'if (before !== undefined) globalNames = withoutNested(globalNames, before.kind, before.name)',
        '',
      ],
    ],
  ),
]
