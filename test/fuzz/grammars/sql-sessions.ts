/** Statements of sessions: transactions, settings, cursors, privileges; and bodies of PL/pgSQL, which may end transactions. */
import type { Choices } from '../choices.ts'

const privileges = [
  'select',
  'all',
  'insert, update',
  'update (a)',
  'usage',
  'nope',
  'create',
  'select (a, b)',
  'reader',
]

const settings = [
  'work_mem',
  '__proto__',
  'constructor',
  'search_path',
  'timezone',
  'datestyle',
  'intervalstyle',
  'role',
  'all',
  'extra_float_digits',
  'bytea_output',
  'transaction_isolation',
  'statement_timeout',
  'session authorization',
]

/** What they are about. */
interface Statements {
  statement(): string
  select(): string
  expression(): string
}

export class SqlSessions {
  readonly #choices: Choices
  readonly #sql: Statements

  constructor(choices: Choices, sql: Statements) {
    this.#choices = choices
    this.#sql = sql
  }

  session(): string {
    return this.#choices.way([
      () =>
        `${this.#of(['set', 'show', 'reset', 'set local', 'set session'])} ${this.#of(settings)} ` +
        `${this.#of(['', "= '1'", 'to default', '= -1', "= 'a, b'", "to 'UTC'", '= off'])}`,
      () =>
        this.#of([
          'begin',
          'commit',
          'rollback',
          'start transaction isolation level serializable, read only',
          'savepoint a',
          "prepare transaction 'a'",
          "commit prepared 'a'",
          "rollback prepared 'a'",
          "begin; update t set b = b; prepare transaction 'a'",
          'rollback to a',
          'release a',
          'end',
          'abort and chain',
          "prepare transaction 'x'",
          'begin deferrable',
        ]),
      () => this.#publishing(),
      () => `prepare p${this.#of(['', '(int)', '(text, int)', '(nope)'])} as ${this.#sql.statement()}`,
      () => `execute p${this.#of(['', `(${this.#sql.expression()})`, '(1, 2)'])}`,
      () => `deallocate ${this.#of(['p', 'all', 'nope'])}`,
      () =>
        `declare c ${this.#of(['', 'scroll ', 'binary '])}cursor ${this.#of(['', 'with hold '])}for ${this.#sql.select()}`,
      () =>
        `${this.#of(['fetch', 'move'])} ` +
        `${this.#of(['all from', 'backward 1 in', 'absolute -1 from', '0 from', 'relative 9223372036854775807 in', ''])}` +
        ` c`,
      () =>
        this.#of([
          'close c',
          'close all',
          'discard all',
          'discard temp',
          'listen x',
          "notify x, 'y'",
          'checkpoint',
          'set constraints all deferred',
          'set constraints k immediate',
          'set role reader',
          'reset role',
          'set session authorization default',
        ]),
    ])
  }

  /** What subscribers are told of, and where they read from. */
  #publishing(): string {
    const what = this.#of([
      'table t',
      'table t, u',
      'table only t (a, b)',
      'all tables',
      'tables in schema public',
      'table w',
    ])
    const options = this.#of([
      '',
      " with (publish = 'insert, delete')",
      ' with (publish_via_partition_root)',
      ' with (x)',
    ])
    return this.#choices.way([
      () => `create publication p for ${what}${options}`,
      () => `create publication p for table t where (${this.#sql.expression()})${options}`,
      () => `alter publication p ${this.#of(['add', 'drop', 'set'])} ${what}`,
      () => `alter publication p ${this.#of(['rename to q', 'owner to reader', "set (publish = 'update')"])}`,
      () => `drop publication ${this.#of(['', 'if exists '])}${this.#of(['p', 'q, p'])}`,
      () =>
        `alter table ${this.#of(['t', 'u'])} replica identity ` +
        this.#of(['full', 'nothing', 'default', 'using index t_pkey', 'using index i']),
      () =>
        `select * from pg_create_logical_replication_slot(${this.#of(["'s'", "'S'", "''", 'null', this.#sql.expression()])}, ` +
        `'pgoutput'${this.#of(['', ', true', ', false, true'])})`,
      () =>
        this.#of([
          "select pg_drop_replication_slot('s')",
          "select * from pg_replication_slot_advance('s', pg_current_wal_lsn())",
          `select * from pg_get_publication_tables(${this.#sql.expression()})`,
          'table pg_publication_tables',
          'table pg_replication_slots',
          `select pg_logical_emit_message(true, 'x', ${this.#sql.expression()})`,
          'select pg_export_snapshot()',
          "set transaction snapshot '00000000-00000001-1'",
        ]),
    ])
  }

  granting(): string {
    return this.#choices.way([() => this.#given(), () => this.#given(), () => this.#policy(), () => this.#role()])
  }

  #role(): string {
    const options = this.#of([
      '',
      ' login',
      " password 'x' valid until 'infinity'",
      ' superuser',
      ' nosuperuser noinherit',
      ' bypassrls replication',
      ' connection limit 0',
      ' connection limit -5',
      ' in role reader',
      ' in group nope, reader',
      ' role current_user admin reader',
      " valid until 'x'",
      ' login login',
    ])
    const name = this.#of(['reader', 'writer', 'current_user', 'public', 'none', 'pg_x', '"__proto__"', '""'])
    return this.#choices.way([
      () => `create ${this.#of(['role', 'user', 'group'])} ${name}${options}`,
      () => `alter role ${name}${options}`,
      () => `alter role ${name} ${this.#of(['', 'in database postgres '])}set work_mem = ${this.#of(["'1MB'", 'x'])}`,
      () => `alter role ${this.#of([name, 'all'])} reset ${this.#of(['all', 'work_mem', 'x'])}`,
      () => `alter role ${name} rename to ${this.#of(['writer', 'public', '""'])}`,
      () => `drop role ${this.#of(['', 'if exists '])}${name}, writer`,
      () => `${this.#of(['drop owned by', 'reassign owned by'])} ${name}${this.#of(['', ' cascade', ' to reader'])}`,
      () => `grant ${name} to ${this.#of(['reader', 'writer'])}${this.#of(['', ' with admin option'])}`,
      () =>
        `alter default privileges ${this.#of(['', 'in schema public ', 'for role reader '])}` +
        `${this.#of(['grant', 'revoke grant option for'])} ${this.#of(privileges)} on ` +
        `${this.#of(['tables', 'sequences', 'schemas', 'functions', 'types', 'x'])} ${this.#of(['to', 'from'])} ${name}`,
      () => `alter ${this.#of(['table t', 'view v', 'schema public', 'sequence n'])} owner to ${name}`,
    ])
  }

  #policy(): string {
    const parts =
      this.#of(['', ' as permissive', ' as restrictive', ' as x']) +
      this.#of(['', ' for all', ' for select', ' for insert', ' for update', ' for delete']) +
      this.#of(['', ' to public', ' to reader, current_user', ' to nope'])
    const using = this.#below(2) === 0 ? '' : ` using (${this.#sql.expression()})`
    const check = this.#below(3) === 0 ? ` with check (${this.#sql.expression()})` : ''
    const table = this.#of(['t', 'u', 'w', 'v', 'nope'])
    return this.#choices.way([
      () => `create policy ${this.#of(['y', 'z'])} on ${table}${parts}${using}${check}`,
      () => `create policy y on t using (a in (select a from ${table}))`,
      () => `alter policy y on ${table}${this.#of(['', ' rename to z', ' to reader'])}${using}${check}`,
      () => `drop policy ${this.#of(['', 'if exists '])}y on ${table}`,
      () =>
        `alter table ${table} ` +
        this.#of(['enable row level security', 'disable row level security', 'force row level security']),
      () => this.#of(['set row_security = off', 'table pg_policies', "select row_security_active('t')"]),
    ])
  }

  #given(): string {
    const on = this.#of([
      '',
      'on t',
      'on table w',
      'on all tables in schema public',
      'on schema public',
      'on sequence n',
      'on database postgres',
      'on function abs',
    ])
    return this.#below(2) === 0
      ? `grant ${this.#of(privileges)} ${on} to ` +
          `${this.#of(['reader', 'public', 'nope', 'current_user', 'reader, postgres'])} ` +
          `${this.#of(['', 'with grant option', 'with admin option', 'granted by postgres'])}`
      : `revoke ${this.#of(['', 'grant option for ', 'admin option for '])}${this.#of(privileges)} ${on}` +
          ` from ${this.#of(['reader', 'public', 'nope'])} ${this.#of(['', 'cascade'])}`
  }

  /** DO, and procedures that are called. */
  body(): string {
    const body = `begin ${this.#steps(0)}end`
    return this.#choices.way([
      () => `do $x$ ${this.#declarations()}${body} $x$`,
      () =>
        `create or replace procedure pr(inout x int default 1) language plpgsql ` +
        `${this.#of(['', 'security definer ', "set work_mem = '1MB' "])}as $x$ ${this.#declarations()}${body} $x$`,
      () => this.#of(['call pr()', 'call pr(1)', 'call pr(null)', 'do $x$ begin call pr(2); end $x$']),
    ])
  }

  #declarations(): string {
    return this.#of(['', 'declare r record; v int; ', 'declare c cursor for select a from t; v int; r record; '])
  }

  #steps(depth: number): string {
    return this.#choices.some(3, () => this.#step(depth), 1).join('')
  }

  #step(depth: number): string {
    const inner = (): string => (depth > 1 ? 'null; ' : this.#steps(depth + 1))
    return this.#choices.way([
      () => this.#of(['commit; ', 'rollback; ', 'commit and chain; ']),
      () =>
        `${this.#of(['perform a from t', 'update t set c = c + 1', 'insert into u values (3)', 'delete from u', 'call pr(3)'])}; `,
      () =>
        `for r in ${this.#of(['select a from t', 'select * from u for update', 'insert into u values (4) returning a'])} loop ${inner()}end loop; `,
      () => `for v in 1..2 loop ${inner()}end loop; `,
      () => `begin ${inner()}exception when ${this.#of(['others', 'division_by_zero'])} then ${inner()}end; `,
      () =>
        this.#of(['for r in c loop commit; end loop; ', 'open c; ', 'fetch c into v; ', 'close c; ', 'v := 1 / v; ']),
      () => `execute $y$${this.#of(['commit', 'call pr(1)', this.#sql.statement()])}$y$; `,
      () => this.#of(['set transaction isolation level serializable; ', 'return; ', 'savepoint a; ', 'exit; ']),
      () => `if ${this.#sql.expression()} then ${inner()}end if; `,
    ])
  }

  #of<T>(some: readonly T[]): T {
    return this.#choices.of(some)
  }

  #below(bound: number): number {
    return this.#choices.below(bound)
  }
}
