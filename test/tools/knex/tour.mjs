/** Knex and Objection: migrations up and down, relations, enums, arrays, JSON, transactions, what is there. */
import knexModule from 'knex'
import { Model } from 'objection'

const knex = knexModule({ client: 'pg', connection: process.argv[2], pool: { min: 1, max: 3 } })
const steps = {
  '1-tables': {
    up: async (k) => {
      await k.schema.createTable('people', (t) => {
        t.increments('id')
        t.string('name', 80).notNullable().index()
        t.enu('mood', ['sad', 'happy'], { useNative: true, enumName: 'knex_mood' }).defaultTo('happy')
        t.specificType('tags', 'text[]').defaultTo('{}')
        t.jsonb('settings').defaultTo('{}')
        t.decimal('credit', 12, 2).defaultTo(0)
        t.timestamps(true, true)
        t.uuid('code').unique()
        t.comment('who is here')
      })
      await k.schema.createTable('pets', (t) => {
        t.bigIncrements('id')
        t.integer('owner_id').references('people.id').onDelete('CASCADE').index()
        t.string('name').notNullable()
        t.unique(['owner_id', 'name'])
        t.enu('kind', ['cat', 'dog'])
      })
    },
    down: async (k) => {
      await k.schema.dropTable('pets')
      await k.schema.dropTable('people')
      await k.raw('drop type knex_mood')
    },
  },
  '2-change': {
    up: async (k) => {
      await k.schema.alterTable('people', (t) => {
        t.string('name', 120).notNullable().alter()
        t.boolean('active').notNullable().defaultTo(true)
        t.renameColumn('credit', 'balance')
        t.index(['name', 'active'], 'people_name_active')
      })
    },
    down: async (k) => {
      await k.schema.alterTable('people', (t) => {
        t.dropIndex(['name', 'active'], 'people_name_active')
        t.renameColumn('balance', 'credit')
        t.dropColumn('active')
      })
    },
  },
}
const migrationSource = {
  getMigrations: async () => Object.keys(steps),
  getMigrationName: (name) => name,
  getMigration: async (name) => steps[name],
}
class Pet extends Model {
  static tableName = 'pets'
}
class Person extends Model {
  static tableName = 'people'
  static jsonAttributes = ['settings']
  static relationMappings = {
    pets: { relation: Model.HasManyRelation, modelClass: Pet, join: { from: 'people.id', to: 'pets.owner_id' } },
  }
}
Model.knex(knex)
const print = (name, value) => console.log(name, JSON.stringify(value))

print('up', await knex.migrate.latest({ migrationSource }))
const described = Object.entries(await knex('people').columnInfo())
print(
  'columns',
  described.map(([name, { type, maxLength, nullable }]) => [name, type, maxLength, nullable]),
)
print('has', [await knex.schema.hasTable('pets'), await knex.schema.hasColumn('people', 'active')])
await Person.query().insertGraph([
  {
    name: 'Anna',
    tags: ['a', 'b c'],
    settings: { deep: { x: 1 } },
    balance: '10.50',
    pets: [{ name: 'Rex', kind: 'dog' }, { name: 'Tom' }],
  },
  { name: 'Bert', mood: 'sad' },
])
const shown = ({ created_at: _, updated_at: __, ...rest }) => rest
print('graph', (await Person.query().withGraphFetched('pets').orderBy('id')).map(shown))
print('joined', (await Person.query().withGraphJoined('pets').orderBy('people.id').orderBy('pets.id')).map(shown))
print(
  'json',
  await Person.query()
    .whereJsonSupersetOf('settings', { deep: { x: 1 } })
    .select('name'),
)
print(
  'upsert',
  await knex('people').insert({ id: 1, name: 'Anne' }).onConflict('id').merge(['name']).returning(['id', 'name']),
)
await knex
  .transaction(async (trx) => {
    await trx('people').insert({ name: 'Gone' })
    await trx.transaction(async (inner) => inner('people').where({ name: 'Bert' }).update({ balance: 3 }))
    throw new Error('back')
  })
  .catch((error) => print('rolled back', error.message))
print('count', await knex('people').count('* as n').first())
print(
  'raised',
  await knex('pets')
    .insert({ owner_id: 99, name: 'x' })
    .catch(({ code, constraint, table, detail }) => ({ code, constraint, table, detail })),
)
const names = []
for await (const row of knex('people').select('name').orderBy('id').stream()) names.push(row.name)
print('stream', names)
print('sql', await knex.with('few', knex('people').select('id').orderBy('id').limit(1)).select('*').from('few'))
print('current', await knex.migrate.currentVersion({ migrationSource }))
print('down', await knex.migrate.rollback({ migrationSource }, true))
print(
  'left',
  await knex('pg_catalog.pg_tables')
    .where('schemaname', 'public')
    .whereIn('tablename', ['people', 'pets'])
    .select('tablename'),
)
await knex.destroy()
