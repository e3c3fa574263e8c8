/** Sequelize: sync, sync with changes, associations, queries, transactions, what it reads of the catalogs. */
import { DataTypes, Op, Sequelize, Transaction, col, fn, literal } from 'sequelize'

const sequelize = new Sequelize(process.argv[2], { dialect: 'postgres', logging: false })
const show = (name, value) => console.log(name, JSON.stringify(value))
const shape = () => ({
  name: { type: DataTypes.STRING(80), allowNull: false },
  email: { type: DataTypes.TEXT, unique: true },
  mood: { type: DataTypes.ENUM('sad', 'happy'), defaultValue: 'happy' },
  tags: { type: DataTypes.ARRAY(DataTypes.STRING), defaultValue: [] },
  settings: { type: DataTypes.JSONB, defaultValue: {} },
  credit: { type: DataTypes.DECIMAL(12, 2), defaultValue: 0, comment: 'what is left' },
  code: { type: DataTypes.UUID, defaultValue: DataTypes.UUIDV4 },
  born: DataTypes.DATEONLY,
  span: DataTypes.RANGE(DataTypes.INTEGER),
  picture: DataTypes.BLOB,
})
function define(on, changed) {
  const User = on.define(
    'User',
    { ...shape(), ...changed },
    {
      tableName: 'users',
      paranoid: true,
      indexes: [{ fields: ['name'] }, { fields: ['credit'], where: { mood: 'sad' }, name: 'sad_credit' }],
    },
  )
  const Post = on.define(
    'Post',
    { title: DataTypes.STRING, score: DataTypes.DOUBLE, big: DataTypes.BIGINT },
    { tableName: 'posts', timestamps: false },
  )
  const Label = on.define(
    'Label',
    { name: { type: DataTypes.STRING(20), primaryKey: true } },
    { tableName: 'labels', timestamps: false },
  )
  User.hasMany(Post, { as: 'posts', foreignKey: { name: 'authorId', allowNull: false }, onDelete: 'CASCADE' })
  Post.belongsTo(User, { as: 'author', foreignKey: 'authorId' })
  Post.belongsToMany(Label, { through: 'post_labels', timestamps: false })
  Label.belongsToMany(Post, { through: 'post_labels', timestamps: false })
  return { User, Post, Label }
}
const before = new Sequelize(process.argv[2], { dialect: 'postgres', logging: false })
define(before, {})
await before.sync({ force: true })
await before.close()
const { User, Post, Label } = define(sequelize, {
  mood: { type: DataTypes.ENUM('sad', 'happy', 'calm'), defaultValue: 'calm' },
  nick: DataTypes.STRING(10),
  name: { type: DataTypes.STRING(120), allowNull: false },
})
await sequelize.sync({ alter: true })
await sequelize.sync({ alter: true })
const api = sequelize.getQueryInterface()
const described = await api.describeTable('users')
show(
  'described',
  Object.fromEntries(
    Object.entries(described).map(([name, one]) => [
      name,
      [
        one.type,
        one.allowNull,
        name === 'tags' ? 'some' : one.defaultValue?.toString(),
        one.primaryKey,
        one.comment,
        one.special,
      ],
    ]),
  ),
)
show(
  'indexes',
  (await api.showIndex('users'))
    .map(({ name, unique, primary, fields }) => [name, unique, primary, fields.map(({ attribute }) => attribute)])
    .filter(([name]) => !/_key\d+$/.test(name)),
)
show(
  'references',
  (await api.getForeignKeyReferencesForTable('posts')).map(
    ({ columnName, referencedTableName, referencedColumnName }) => [
      columnName,
      referencedTableName,
      referencedColumnName,
    ],
  ),
)
show('tables', (await api.showAllTables()).map((one) => one.tableName ?? one).sort())
const ada = await User.create(
  {
    name: 'Ada',
    email: 'ada@x',
    tags: ['a', 'b'],
    settings: { deep: { n: 1 }, on: true },
    credit: '10.25',
    born: '1990-02-28',
    span: [1, 10],
    picture: Buffer.from('ab'),
    posts: [{ title: 'one', score: 1.5, big: '9007199254740993' }, { title: 'two' }],
  },
  { include: 'posts' },
)
await User.bulkCreate([
  { name: 'Bob', email: 'bob@x', mood: 'sad' },
  { name: 'Cyd', email: 'cyd@x' },
])
await Label.bulkCreate([{ name: 'new' }, { name: 'old' }])
await ada.posts[0].addLabels(['new', 'old'])
const whole = await User.findOne({
  where: { name: 'Ada' },
  include: [
    {
      association: 'posts',
      attributes: ['title', 'score', 'big'],
      include: [{ model: Label, through: { attributes: [] } }],
    },
  ],
  order: [
    ['posts', 'title', 'ASC'],
    ['posts', Label, 'name', 'ASC'],
  ],
  attributes: { exclude: ['createdAt', 'updatedAt', 'code'] },
})
show('whole', whole)
show(
  'found',
  await User.findAll({
    where: { [Op.or]: [{ settings: { deep: { n: 1 } } }, { mood: 'sad' }], tags: { [Op.contained]: ['a', 'b', 'c'] } },
    attributes: ['name'],
    order: ['name'],
  }),
)
show('like', await User.findAndCountAll({ where: { name: { [Op.iLike]: '%B%' } }, limit: 1, attributes: ['name'] }))
show('range', await User.count({ where: { span: { [Op.contains]: 5 } } }))
show(
  'grouped',
  await Post.findAll({
    attributes: ['authorId', [fn('count', col('id')), 'n'], [literal('max(score)'), 'best']],
    group: ['authorId'],
    raw: true,
  }),
)
show('upserted', (await User.upsert({ email: 'bob@x', name: 'Bobby' }, { conflictFields: ['email'] }))[0].name)
show('found or made', (await User.findCreateFind({ where: { email: 'eve@x' }, defaults: { name: 'Eve' } }))[1])
show('found again', (await User.findCreateFind({ where: { email: 'eve@x' }, defaults: { name: 'Eve' } }))[1])
show(
  'updated',
  await User.update(
    { credit: literal('credit + 1') },
    { where: { name: { [Op.ne]: 'Ada' } }, returning: ['name', 'credit'] },
  ).then(([count, rows]) => [count, rows.map(({ name, credit }) => [name, credit]).sort()]),
)
await ada.increment('credit', { by: 2 })
show('incremented', (await ada.reload()).credit)
show('twin', await User.create({ name: 'x', email: 'ada@x' }).catch((error) => [error.name, error.fields]))
show(
  'orphan',
  await Post.create({ title: 'x', authorId: 999 }).catch((error) => [error.name, error.table, error.fields]),
)
await sequelize.transaction({ isolationLevel: Transaction.ISOLATION_LEVELS.SERIALIZABLE }, async (transaction) => {
  await User.update({ nick: 'b' }, { where: { email: 'bob@x' }, transaction })
  await sequelize
    .transaction({ transaction }, async (inner) => {
      await User.destroy({ where: {}, transaction: inner })
      throw new Error('no')
    })
    .catch(() => undefined)
})
await sequelize.transaction(async (transaction) => {
  const locked = await User.findAll({
    where: { nick: 'b' },
    lock: transaction.LOCK.UPDATE,
    skipLocked: true,
    transaction,
  })
  show(
    'locked',
    locked.map(({ name }) => name),
  )
})
await User.destroy({ where: { name: 'Cyd' } })
show('left', [await User.count(), await User.count({ paranoid: false })])
await api.addColumn('posts', 'more', { type: DataTypes.INTEGER, defaultValue: 7 })
await api.changeColumn('posts', 'more', { type: DataTypes.BIGINT })
await api.renameColumn('posts', 'more', 'less')
await api.addConstraint('posts', { fields: ['title'], type: 'unique', name: 'posts_title' })
await api.addConstraint('posts', {
  fields: ['less'],
  type: 'check',
  where: { less: { [Op.gt]: 0 } },
  name: 'posts_less',
})
show(
  'constraints',
  (await api.showConstraint('posts'))
    .map(({ constraintName, constraintType }) => [constraintName, constraintType])
    .filter(([name]) => !name.includes('_not_null'))
    .sort(),
)
await api.removeConstraint('posts', 'posts_title')
await api.removeColumn('posts', 'less')
await sequelize.drop({})
show('tables left', await api.showAllTables())
await sequelize.close()
