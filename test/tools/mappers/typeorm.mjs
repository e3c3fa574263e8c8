/** TypeORM: synchronize, what it would change when asked again, relations, queries, transactions, migrations. */
// oxlint-disable-next-line import/no-unassigned-import -- TypeORM asks for it by this
import 'reflect-metadata'
import typeorm from 'typeorm'

const { DataSource, EntitySchema, In, MoreThan, Table, TableColumn, TableForeignKey, TableIndex } = typeorm
const show = (name, value) => console.log(name, JSON.stringify(value))

const User = new EntitySchema({
  name: 'User',
  tableName: 'users',
  columns: {
    id: { type: 'int', primary: true, generated: 'increment' },
    code: { type: 'uuid', generated: 'uuid' },
    name: { type: 'varchar', length: 80 },
    email: { type: 'text', unique: true, nullable: true },
    role: { type: 'enum', enum: ['admin', 'guest'], default: 'guest' },
    tags: { type: 'text', array: true, default: '{}' },
    profile: { type: 'jsonb', default: {} },
    credit: { type: 'numeric', precision: 12, scale: 2, default: 0 },
    createdAt: { type: 'timestamptz', createDate: true },
    deletedAt: { type: 'timestamptz', deleteDate: true, nullable: true },
    version: { type: 'int', version: true },
  },
  indices: [
    { name: 'users_name', columns: ['name'] },
    { name: 'users_rich', columns: ['credit'], where: '"credit" > 100' },
  ],
  checks: [{ name: 'users_credit', expression: '"credit" >= 0' }],
  relations: { posts: { type: 'one-to-many', target: 'Post', inverseSide: 'author', cascade: true } },
})
const Post = new EntitySchema({
  name: 'Post',
  tableName: 'posts',
  columns: {
    id: { type: 'bigint', primary: true, generated: 'identity' },
    title: { type: 'text' },
    score: { type: 'double precision', nullable: true },
    published: { type: 'date', nullable: true },
    at: { type: 'time', default: '12:00:00' },
  },
  uniques: [{ name: 'posts_title_author', columns: ['title', 'author'] }],
  relations: {
    author: {
      type: 'many-to-one',
      target: 'User',
      inverseSide: 'posts',
      onDelete: 'CASCADE',
      joinColumn: { name: 'author_id' },
    },
    labels: { type: 'many-to-many', target: 'Label', joinTable: { name: 'post_labels' } },
  },
})
const Label = new EntitySchema({
  name: 'Label',
  tableName: 'labels',
  columns: { name: { type: 'varchar', length: 20, primary: true } },
})

const statements = []
const logger = { logQuery: (sql) => statements.push(sql) }
for (const name of ['logQueryError', 'logQuerySlow', 'logSchemaBuild', 'logMigration', 'log'])
  logger[name] = () => undefined
class Change1700000000000 {
  name = 'Change1700000000000'
  async up(runner) {
    await runner.createTable(
      new Table({
        name: 'audit',
        columns: [
          { name: 'id', type: 'int', isPrimary: true, isGenerated: true, generationStrategy: 'increment' },
          { name: 'user_id', type: 'int' },
          {
            name: 'what',
            type: 'varchar',
            length: '50',
            isNullable: true,
            default: "'nothing'",
            comment: 'what was done',
          },
        ],
      }),
      true,
    )
    await runner.createForeignKey(
      'audit',
      new TableForeignKey({
        columnNames: ['user_id'],
        referencedColumnNames: ['id'],
        referencedTableName: 'users',
        onDelete: 'CASCADE',
      }),
    )
    await runner.createIndex('audit', new TableIndex({ name: 'audit_what', columnNames: ['what'] }))
    await runner.addColumn('audit', new TableColumn({ name: 'at', type: 'timestamp', default: 'now()' }))
    await runner.changeColumn('audit', 'what', new TableColumn({ name: 'deed', type: 'text', isNullable: true }))
  }
  async down(runner) {
    await runner.dropTable('audit')
  }
}
const source = new DataSource({
  type: 'postgres',
  url: process.argv[2],
  entities: [User, Post, Label],
  logging: true,
  logger,
  uuidExtension: 'pgcrypto',
  migrations: [Change1700000000000],
})
await source.initialize()
await source.synchronize()
show(
  'what is left to synchronize',
  (await source.driver.createSchemaBuilder().log()).upQueries.map(({ query }) => query),
)
const users = source.getRepository('User')
const posts = source.getRepository('Post')
await source.getRepository('Label').save([{ name: 'new' }, { name: 'old' }])
const ada = await users.save({
  name: 'Ada',
  email: 'ada@x',
  role: 'admin',
  tags: ['a', 'b'],
  profile: { langs: ['en'], deep: { n: 1 } },
  credit: '120.50',
  posts: [{ title: 'one', score: 1.5, published: '2024-02-29' }, { title: 'two' }],
})
await users.save([{ name: 'Bob', email: 'bob@x' }, { name: 'Cyd' }])
show('saved', {
  id: ada.id,
  code: /^[0-9a-f-]{36}$/.test(ada.code),
  role: ada.role,
  version: ada.version,
  created: ada.createdAt instanceof Date,
})
const [first] = await posts.find({ order: { id: 'ASC' } })
await posts.save({ ...first, labels: [{ name: 'new' }, { name: 'old' }] })
show(
  'with relations',
  await users.find({
    select: { name: true, tags: true, profile: true, credit: true },
    relations: { posts: { labels: true } },
    order: { name: 'ASC', posts: { id: 'ASC', labels: { name: 'ASC' } } },
  }),
)
show(
  'found',
  await users.findBy({ name: In(['Ada', 'Bob']), id: MoreThan(1) }).then((all) => all.map(({ name }) => name)),
)
show(
  'page',
  await users
    .findAndCount({ order: { id: 'DESC' }, take: 2, skip: 1, relations: { posts: true } })
    .then(([all, count]) => [all.map(({ name }) => name), count]),
)
show(
  'built',
  await users
    .createQueryBuilder('u')
    .leftJoin('u.posts', 'p')
    .select('u.name', 'name')
    .addSelect('count(p.id)', 'posts')
    .groupBy('u.name')
    .having('count(p.id) >= :n', { n: 0 })
    .orderBy('u.name')
    .getRawMany(),
)
show(
  'json',
  await users
    .createQueryBuilder('u')
    .where("u.profile -> 'deep' ->> 'n' = :n", { n: '1' })
    .andWhere(':tag = any(u.tags)', { tag: 'a' })
    .getCount(),
)
show(
  'upserted',
  (
    await users.upsert(
      [
        { email: 'ada@x', name: 'Ada L.' },
        { email: 'dan@x', name: 'Dan' },
      ],
      ['email'],
    )
  ).identifiers,
)
show(
  'inserted',
  (
    await users
      .createQueryBuilder()
      .insert()
      .values({ name: 'Eve', email: 'eve@x' })
      .orIgnore()
      .returning('id, name')
      .execute()
  ).raw,
)
await users.softDelete({ name: 'Bob' })
show('left', await users.count())
await users.restore({ name: 'Bob' })
await users.increment({ name: 'Bob' }, 'credit', 5)
show('incremented', await users.findOneBy({ name: 'Bob' }).then(({ credit }) => credit))
await users.delete({ name: 'Cyd' })
const failed = await users
  .insert({ name: 'Twin', email: 'ada@x' })
  .catch(({ code, constraint, detail, table }) => ({ code, constraint: constraint?.startsWith('UQ_'), detail, table }))
show('failed', failed)
show('check', await users.insert({ name: 'Poor', credit: -1 }).catch(({ code, constraint }) => ({ code, constraint })))
await source.transaction('SERIALIZABLE', async (manager) => {
  await manager.update('User', { name: 'Bob' }, { role: 'admin' })
  await manager
    .transaction(async (inner) => {
      await inner.delete('User', { name: 'Dan' })
      throw new Error('no')
    })
    .catch(() => undefined)
})
show(
  'after the transaction',
  await users.find({ order: { id: 'ASC' } }).then((all) => all.map(({ name, role, version }) => [name, role, version])),
)
await source.transaction((manager) =>
  manager
    .findOne('User', { where: { name: 'Bob' }, lock: { mode: 'pessimistic_write', onLocked: 'skip_locked' } })
    .then((one) => show('locked', one.name)),
)
const stream = await users.createQueryBuilder('u').select('u.name').orderBy('u.id').stream()
const streamed = []
for await (const row of stream) streamed.push(row)
show('streamed', streamed)
show(
  'migrations',
  (await source.runMigrations()).map(({ name }) => name),
)
const runner = source.createQueryRunner()
const audit = await runner.getTable('audit')
show('table', {
  columns: audit.columns.map((one) => [one.name, one.type, one.isNullable, one.default, one.comment, one.isPrimary]),
  keys: audit.foreignKeys.map((one) => [one.columnNames, one.referencedTableName, one.onDelete]),
  indexes: audit.indices.map(({ name, columnNames }) => [name, columnNames]),
})
await runner.release()
await source.undoLastMigration()
await source.dropDatabase()
show(
  'tables left',
  await source.query("select table_name from information_schema.tables where table_schema = 'public'"),
)
await source.destroy()
