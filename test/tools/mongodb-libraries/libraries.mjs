/** What some libraries make of a server: `node libraries.mjs NAME PORT` prints what came of it as JSON. */
import { promisify } from 'node:util'

const [name, port] = [process.argv[2], Number(process.argv[3])]
const url = (database) => `mongodb://127.0.0.1:${port}/${database}`

/** Sessions that end by an index of their time. */
async function sessions() {
  const { default: MongoStore } = await import('connect-mongo')
  const store = MongoStore.create({ mongoUrl: url('sessions'), ttl: 60, touchAfter: 0, crypto: { secret: 'a secret' } })
  const call = (method, ...given) => promisify(store[method].bind(store))(...given)
  const cookie = { originalMaxAge: 60_000, expires: new Date(Date.now() + 60_000) }
  await call('set', 'a', { cookie, user: 'ada' })
  await call('set', 'b', { cookie, user: 'bob' })
  await call('set', 'late', { cookie: { expires: new Date(Date.now() - 1000) }, user: 'eve' })
  const found = await call('get', 'a')
  await call('touch', 'a', { cookie })
  const collection = await store.collectionP
  const indexes = (await collection.indexes()).map(({ key, expireAfterSeconds }) => ({ key, expireAfterSeconds }))
  const late = (await call('get', 'late')) ?? null
  await call('destroy', 'b')
  const gone = (await call('get', 'b')) ?? null
  await call('clear')
  const left = await call('length')
  await store.close()
  return { user: found.user, indexes, late, gone, left }
}

/** Jobs that are taken once, come back, and are canceled. */
async function agenda() {
  const { Agenda } = await import('agenda')
  const { MongoBackend } = await import('@agendajs/mongo-backend')
  const backend = () => new MongoBackend({ address: url('jobs') })
  const ran = []
  let resolve
  const enough = new Promise((done) => void (resolve = done))
  const workers = [1, 2].map(() => new Agenda({ backend: backend(), processEvery: '50 milliseconds' }))
  for (const worker of workers) {
    worker.define('mail', async (job) => {
      ran.push(job.attrs.data.to)
      if (ran.length === 20) resolve()
    })
    worker.define('later', async () => ran.push('later'))
  }
  const [first] = workers
  await first.start()
  for (let i = 0; i < 20; i++) await first.now('mail', { to: i })
  await workers[1].start()
  await enough
  await first.schedule('in 1 hour', 'later', {})
  await first.every('1 hour', 'mail', { to: 'nobody' }, { skipImmediate: true })
  const { total } = await first.queryJobs({ name: 'later' })
  const canceled = await first.cancel({ name: 'later' })
  for (const worker of workers) await worker.stop()
  return { ran: ran.filter((one) => one !== 'nobody').toSorted((a, b) => a - b), total, canceled }
}

/** A shop: schemas with rules, references, kinds, hooks, transactions and a stream of changes. */
async function mongoose() {
  const { default: library } = await import('mongoose')
  const { model, Schema } = library
  await library.connect(url('shop'))
  const place = new Schema({ type: { type: String, enum: ['Point'] }, coordinates: [Number] }, { _id: false })
  const customerSchema = new Schema(
    {
      name: { type: String, required: true, trim: true },
      mail: { type: String, unique: true, lowercase: true },
      place: { type: place, index: '2dsphere' },
      tags: [String],
      settings: { type: Map, of: String },
      balance: library.Schema.Types.Decimal128,
    },
    { timestamps: true, optimisticConcurrency: true },
  )
  customerSchema.virtual('orders', { ref: 'Order', localField: '_id', foreignField: 'customer' })
  const Customer = model('Customer', customerSchema)
  const orderSchema = new Schema(
    {
      customer: { type: Schema.Types.ObjectId, ref: 'Customer', index: true },
      lines: [{ product: String, count: Number, price: Number }],
      expires: { type: Date, expires: 0 },
    },
    { discriminatorKey: 'kind' },
  )
  orderSchema.pre('save', function () {
    this.$locals.total = this.lines.reduce((sum, { count, price }) => sum + count * price, 0)
  })
  const Order = model('Order', orderSchema)
  const Gift = Order.discriminator('Gift', new Schema({ wish: String }))
  await Promise.all([Customer.init(), Order.init()])

  const stream = Order.watch([], { fullDocument: 'updateLookup' })
  const heard = []
  stream.on('change', ({ operationType, fullDocument }) => heard.push([operationType, fullDocument?.kind ?? null]))
  await new Promise(
    (resolve) => stream.driverChangeStream?.once('resumeTokenChanged', resolve) ?? stream.once('ready', resolve),
  )

  const [ada, bob] = await Customer.create([
    {
      name: ' Ada ',
      mail: 'ADA@example.org',
      place: { type: 'Point', coordinates: [13.4, 52.5] },
      tags: ['a', 'b'],
      balance: '10.50',
    },
    {
      name: 'Bob',
      mail: 'bob@example.org',
      place: { type: 'Point', coordinates: [2.35, 48.86] },
      settings: { tone: 'low' },
    },
  ])
  const twice = await Customer.create({ name: 'Eve', mail: 'bob@example.org' }).catch(({ code }) => code)
  const invalid = await Customer.create({ mail: 'x' }).catch((error) => error.name)
  await library.connection.transaction(async (session) => {
    await Order.create([{ customer: ada._id, lines: [{ product: 'tea', count: 2, price: 3 }] }], { session })
    await Customer.updateOne(
      { _id: ada._id },
      { $inc: { balance: -6 }, $push: { tags: { $each: ['c'], $slice: -2 } } },
      { session },
    )
  })
  const failed = await library.connection
    .transaction(async (session) => {
      await Order.create([{ customer: bob._id, lines: [] }], { session })
      throw new Error('not so')
    })
    .catch(({ message }) => message)
  await Gift.create({ customer: ada._id, wish: 'luck', lines: [{ product: 'cup', count: 1, price: 9 }] })
  const again = await Customer.findById(ada._id)
  const other = await Customer.findById(ada._id)
  again.tags.push('d')
  await again.save()
  other.tags = ['late']
  const conflict = await other.save().catch((error) => error.name)
  const filled = await Customer.findOne({ name: 'Ada' }).populate({ path: 'orders', options: { sort: { _id: 1 } } })
  const near = await Customer.find({ place: { $near: { $geometry: { type: 'Point', coordinates: [13, 52] } } } })
  const totals = await Order.aggregate([
    { $unwind: '$lines' },
    { $group: { _id: '$customer', total: { $sum: { $multiply: ['$lines.count', '$lines.price'] } } } },
    { $lookup: { from: 'customers', localField: '_id', foreignField: '_id', as: 'customer' } },
    { $project: { _id: 0, total: 1, name: { $first: '$customer.name' } } },
  ])
  const scripted = await Customer.find({ $where: 'this.tags.length > 1' }).select('name')
  await Gift.updateOne({}, { wish: 'rain' })
  while (heard.length < 3) await new Promise((resolve) => setTimeout(resolve, 5))
  await stream.close()
  const indexes = await Promise.all([Customer, Order].map(async (one) => (await one.diffIndexes()).toCreate.length))
  await library.disconnect()
  return {
    balance: String(filled.balance),
    tags: filled.tags,
    orders: filled.orders.map(({ kind, lines: [{ product }] }) => [kind ?? null, product]),
    near: near.map((one) => one.name),
    totals,
    scripted: scripted.map((one) => one.name),
    heard,
    failures: [twice, invalid, failed, conflict],
    indexes,
  }
}

const found = await { sessions, agenda, mongoose }[name]()
console.log(JSON.stringify(found))
process.exit(0)
