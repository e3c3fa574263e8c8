/** What concerns the server, other users, and what others do. `$pid` and `$clerk`, `$root`: sessions of others. */
import { type Operation, operationsOf } from './operation.ts'
import type { Holdings } from './rules.ts'

const server = { thing: 'server', on: 'database' } as const
const watches = 'administer or monitor'

const seesAll = ({ is = [], on = {} }: Holdings): boolean =>
  is.includes('superuser') || is.includes('monitor') || on['database']?.includes('administer') === true

export const serverOperations: readonly Operation[] = [
  ...operationsOf(
    { door: 'sql', ...server },
    {
      users: [
        ['createrole', 'CREATE ROLE eve', { sql: 'DROP ROLE eve' }],
        ['superuser', 'CREATE ROLE eve SUPERUSER', { sql: 'DROP ROLE eve' }],
        ['createrole', 'ALTER ROLE clerk NOCREATEDB', 'nothing'],
        ['superuser', 'ALTER ROLE clerk SUPERUSER', { sql: 'ALTER ROLE clerk NOSUPERUSER' }],
        ['superuser', 'ALTER ROLE boss CREATEDB', 'nothing'],
        ['createrole', "ALTER ROLE clerk SET work_mem = '4MB'", { sql: 'ALTER ROLE clerk RESET ALL' }],
        ['superuser', "ALTER ROLE ALL SET work_mem = '4MB'", { sql: 'ALTER ROLE ALL RESET ALL' }],
        ['superuser', "ALTER ROLE ada SET temp_file_limit = '1GB'", { sql: 'ALTER ROLE ada RESET ALL' }],
        ['anybody', "ALTER ROLE ada SET work_mem = '4MB'", { sql: 'ALTER ROLE ada RESET ALL' }],
        ['createrole', 'DROP ROLE spare', { sql: 'CREATE ROLE spare' }],
        ['superuser', 'DROP ROLE boss', { sql: 'CREATE ROLE boss SUPERUSER' }],
        ['createrole', 'ALTER ROLE spare RENAME TO eve', { sql: 'ALTER ROLE eve RENAME TO spare' }],
        ['createrole', 'GRANT spare TO clerk', { sql: 'REVOKE spare FROM clerk' }],
        ['superuser', 'GRANT boss TO clerk', { sql: 'REVOKE boss FROM clerk' }],
        ['superuser', 'SELECT rolpassword FROM pg_authid'],
        [
          'anybody',
          "SELECT rolname, rolpassword FROM pg_roles WHERE rolname = 'root'",
          { tells: () => [['root', '********']] },
        ],
        ['superuser', 'DROP OWNED BY clerk', 'nothing'],
        ['superuser', 'REASSIGN OWNED BY clerk TO ada', 'nothing'],
      ],
      databases: [
        ['createdb', 'CREATE DATABASE fresh', { sql: 'DROP DATABASE fresh' }],
        ['superuser', "ALTER DATABASE polylog SET work_mem = '4MB'", { sql: 'ALTER DATABASE polylog RESET ALL' }],
        [
          'all schema of database',
          "COMMENT ON DATABASE polylog IS 'x'",
          { sql: 'COMMENT ON DATABASE polylog IS NULL' },
        ],
        ['anybody', "SELECT datname FROM pg_database WHERE datname = 'polylog'"],
      ],
      watch: [
        ['superuser', 'SELECT * FROM polylog.audit'],
        ['superuser', 'SELECT * FROM polylog_verify()'],
        [
          'anybody',
          "SELECT remote IS NULL FROM polylog.sessions WHERE user_name = 'clerk'",
          { tells: (held) => [[!seesAll(held)]] },
        ],
      ],
      follow: [
        ['all create of database', 'CREATE PUBLICATION fresh', { sql: 'DROP PUBLICATION fresh' }],
        [
          'all create of database + owner of shop.items',
          'CREATE PUBLICATION fresh FOR TABLE shop.items',
          { sql: 'DROP PUBLICATION fresh' },
        ],
        ['superuser', 'CREATE PUBLICATION fresh FOR ALL TABLES', { sql: 'DROP PUBLICATION fresh' }],
        ['superuser', 'CREATE PUBLICATION fresh FOR TABLES IN SCHEMA shop', { sql: 'DROP PUBLICATION fresh' }],
        [
          'superuser',
          'ALTER PUBLICATION told ADD TABLE shop.guarded',
          { sql: 'ALTER PUBLICATION told DROP TABLE shop.guarded' },
        ],
        ['superuser', 'DROP PUBLICATION told', { sql: 'CREATE PUBLICATION told FOR TABLE shop.items' }],
        [
          'all feed of database',
          "SELECT pg_drop_replication_slot(slot_name) FROM pg_create_logical_replication_slot('fresh', 'pgoutput')",
          'nothing',
        ],
      ],
      settings: [
        ['anybody', 'SET temp_file_limit = 1000', { lacks: '55P02' }],
        ['anybody', "SET work_mem = '4MB'"],
      ],
      'own session': [
        ['superuser', 'SET SESSION AUTHORIZATION clerk; RESET SESSION AUTHORIZATION'],
        ['superuser', 'SET ROLE clerk; RESET ROLE'],
        ['anybody', 'SELECT 1'],
        ['anybody', 'CREATE TEMP TABLE mine (id int); DROP TABLE mine', { sql: 'SELECT 1' }],
      ],
    },
  ),
  ...operationsOf(
    { door: 'mongodb', ...server },
    {
      users: [
        ['createrole', { createUser: 'eve', pwd: 'x', roles: [] }, { sql: 'DROP ROLE eve' }],
        ['superuser', { createUser: 'eve', pwd: 'x', roles: ['root'], $db: 'admin' }, { sql: 'DROP ROLE eve' }],
        ['createrole', { createRole: 'eve', roles: [], privileges: [] }, { sql: 'DROP ROLE eve' }],
        ['createrole', { dropUser: 'temp' }, { sql: "CREATE ROLE temp LOGIN PASSWORD 'x'" }],
        ['createrole', { dropRole: 'spare' }, { sql: 'CREATE ROLE spare' }],
        ['createrole', { grantRolesToUser: 'clerk', roles: ['spare'] }, { sql: 'REVOKE spare FROM clerk' }],
        [
          'superuser',
          { grantRolesToUser: 'clerk', roles: ['root'], $db: 'admin' },
          { sql: 'ALTER ROLE clerk NOSUPERUSER' },
        ],
        ['anybody', { usersInfo: 'ada' }],
      ],
      give: [
        [
          'give read of shop',
          { grantRolesToUser: 'clerk', roles: [{ role: 'read', db: 'shop' }] },
          { sql: 'DROP OWNED BY clerk' },
        ],
        [
          'give read of shop.notes',
          {
            grantPrivilegesToRole: 'spare',
            privileges: [{ resource: { db: 'shop', collection: 'notes' }, actions: ['find'] }],
          },
          { sql: 'DROP OWNED BY spare' },
        ],
      ],
      watch: [
        [watches, { serverStatus: 1 }],
        [watches, { getLog: 'startupWarnings' }],
        [watches, { getParameter: 1, featureCompatibilityVersion: 1 }],
        ['anybody', { currentOp: 1 }],
      ],
      'end others': [['administer', { killOp: 1, op: '$clerk' }]],
      'own session': [
        ['anybody', { ping: 1 }],
        ['anybody', { connectionStatus: 1 }],
        ['anybody', { hello: 1 }],
        ['anybody', { endSessions: [] }],
      ],
    },
  ),
  ...operationsOf(
    { door: 'redis', ...server },
    {
      users: [
        ['createrole', 'ACL SETUSER eve', { sql: 'DROP ROLE eve' }],
        ['createrole', 'ACL SETUSER spare reset', { sql: 'ALTER ROLE spare NOLOGIN' }],
        ['createrole', 'ACL DELUSER spare', { sql: 'CREATE ROLE spare' }],
        ['createrole', 'ACL LIST'],
        ['createrole', 'ACL USERS'],
        ['createrole', 'ACL GETUSER clerk'],
        ['createrole', 'ACL LOG'],
        ['createrole', 'ACL DRYRUN clerk PING'],
      ],
      watch: [
        [watches, 'CLIENT LIST'],
        [watches, 'CONFIG GET maxclients'],
        [watches, 'SLOWLOG GET'],
        [watches, 'SLOWLOG LEN'],
      ],
      'end others': [['administer', 'CLIENT KILL ID 99999999']],
      settings: [
        ['administer', 'CONFIG SET maxclients 20000'],
        ['administer', 'CONFIG RESETSTAT'],
        ['administer', 'SLOWLOG RESET'],
        ['administer', 'CLIENT NO-EVICT off'],
      ],
      'own session': [
        ['anybody', 'PING'],
        ['anybody', 'ECHO x'],
        ['anybody', 'TIME'],
        ['anybody', 'CLIENT ID'],
        ['anybody', 'CLIENT GETNAME'],
        ['anybody', 'ACL WHOAMI'],
        ['anybody', 'ACL CAT'],
        ['anybody', 'COMMAND COUNT'],
        ['anybody', 'SELECT 0'],
        ['anybody', 'INFO server'],
        ['anybody', 'UNWATCH'],
      ],
    },
  ),
]
