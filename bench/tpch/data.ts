/**
 * Rows as TPC-H's generator makes them, by another generator of our own: the same tables, sizes, ranges, texts in kind, and
 * the same dependencies between columns that its queries ask about. A scale always gives the same rows.
 */

export type Rows = Iterable<readonly (string | number)[]>

/** Mulberry32: good enough, and the same everywhere. */
function randomOf(seed: number): (low: number, high: number) => number {
  let state = seed
  return (low, high) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return low + Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * (high - low + 1))
  }
}

type Random = ReturnType<typeof randomOf>

const pick = (random: Random, from: readonly string[]): string => from[random(0, from.length - 1)]!

const regions = ['AFRICA', 'AMERICA', 'ASIA', 'EUROPE', 'MIDDLE EAST']
/** With the number of the region. */
const nations: readonly (readonly [string, number])[] = [
  ['ALGERIA', 0],
  ['ARGENTINA', 1],
  ['BRAZIL', 1],
  ['CANADA', 1],
  ['EGYPT', 4],
  ['ETHIOPIA', 0],
  ['FRANCE', 3],
  ['GERMANY', 3],
  ['INDIA', 2],
  ['INDONESIA', 2],
  ['IRAN', 4],
  ['IRAQ', 4],
  ['JAPAN', 2],
  ['JORDAN', 4],
  ['KENYA', 0],
  ['MOROCCO', 0],
  ['MOZAMBIQUE', 0],
  ['PERU', 1],
  ['CHINA', 2],
  ['ROMANIA', 3],
  ['SAUDI ARABIA', 4],
  ['VIETNAM', 2],
  ['RUSSIA', 3],
  ['UNITED KINGDOM', 3],
  ['UNITED STATES', 1],
]
const colors =
  'almond antique aquamarine azure beige bisque black blanched blue blush brown burlywood chartreuse chiffon chocolate coral cornflower cream cyan dark deep dim dodger drab firebrick floral forest frosted gainsboro ghost goldenrod green grey honeydew hot indian ivory khaki lace lavender lawn lemon light lime linen magenta maroon medium metallic midnight mint misty moccasin navajo navy olive orange orchid pale papaya peach peru pink plum powder puff purple red rose rosy royal saddle salmon sandy seashell sienna sky slate smoke snow spring steel tan thistle tomato turquoise violet wheat white yellow'.split(
    ' ',
  )
const words =
  'furiously quickly carefully blithely slyly fluffily packages deposits accounts instructions theodolites pinto beans foxes ideas platelets requests special express regular final ironic even bold pending silent unusual sleep wake nag haggle cajole boost detect along among about above after the of to'.split(
    ' ',
  )
const sizes = ['STANDARD', 'SMALL', 'MEDIUM', 'LARGE', 'ECONOMY', 'PROMO']
const finishes = ['ANODIZED', 'BURNISHED', 'PLATED', 'POLISHED', 'BRUSHED']
const metals = ['TIN', 'NICKEL', 'BRASS', 'STEEL', 'COPPER']
const boxes = ['SM', 'LG', 'MED', 'JUMBO', 'WRAP']
const containers = ['CASE', 'BOX', 'BAG', 'JAR', 'PKG', 'PACK', 'CAN', 'DRUM']
const segments = ['AUTOMOBILE', 'BUILDING', 'FURNITURE', 'MACHINERY', 'HOUSEHOLD']
const priorities = ['1-URGENT', '2-HIGH', '3-MEDIUM', '4-NOT SPECIFIED', '5-LOW']
const instructions = ['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN']
const modes = ['REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB']

const dayMs = 86_400_000
const firstDay = Date.UTC(1992, 0, 1) / dayMs
/** Of orders. */
const lastDay = Date.UTC(1998, 7, 2) / dayMs
const currentDay = Date.UTC(1995, 5, 17) / dayMs

const dateOf = (day: number): string => new Date(day * dayMs).toISOString().slice(0, 10)
const moneyOf = (cents: number): string => (cents / 100).toFixed(2)
const numbered = (name: string, key: number): string => `${name}#${String(key).padStart(9, '0')}`

function textOf(random: Random, low: number, high: number): string {
  const length = random(low, high)
  let text = pick(random, words)
  while (text.length < length) text += ` ${pick(random, words)}`
  return text.slice(0, length).trimEnd()
}

function phoneOf(random: Random, nation: number): string {
  return `${nation + 10}-${random(100, 999)}-${random(100, 999)}-${random(1000, 9999)}`
}

export interface TpchSizes {
  readonly suppliers: number
  readonly parts: number
  readonly customers: number
  readonly orders: number
}

export function tpchSizes(scale: number): TpchSizes {
  const of = (count: number): number => Math.max(1, Math.round(count * scale))
  return { suppliers: of(10_000), parts: of(200_000), customers: of(150_000), orders: of(1_500_000) }
}

const retailCents = (part: number): number => 90_000 + (((part / 10) % 20_001) | 0) + 100 * (part % 1000)

/** One of the four suppliers of a part. */
function supplierOf({ suppliers }: TpchSizes, part: number, which: number): number {
  return ((part + which * (Math.floor(suppliers / 4) + Math.floor((part - 1) / suppliers))) % suppliers) + 1
}

function* supplierRows({ suppliers }: TpchSizes): Rows {
  const random = randomOf(1)
  for (let key = 1; key <= suppliers; key++) {
    const nation = random(0, 24)
    const plain = textOf(random, 25, 70)
    const comment = random(1, 100) === 1 ? `${plain} Customer ${textOf(random, 3, 8)} Complaints` : plain
    const account = moneyOf(random(-99_999, 999_999))
    yield [key, numbered('Supplier', key), textOf(random, 10, 40), nation, phoneOf(random, nation), account, comment]
  }
}

function* partRows({ parts }: TpchSizes): Rows {
  const random = randomOf(2)
  for (let key = 1; key <= parts; key++) {
    const name = Array.from({ length: 5 }, () => pick(random, colors)).join(' ')
    const maker = random(1, 5)
    const type = `${pick(random, sizes)} ${pick(random, finishes)} ${pick(random, metals)}`
    const container = `${pick(random, boxes)} ${pick(random, containers)}`
    const brand = `Brand#${maker}${random(1, 5)}`
    const price = moneyOf(retailCents(key))
    yield [key, name, `Manufacturer#${maker}`, brand, type, random(1, 50), container, price, textOf(random, 5, 22)]
  }
}

function* partsuppRows(counts: TpchSizes): Rows {
  const random = randomOf(3)
  for (let part = 1; part <= counts.parts; part++) {
    const seen = new Set<number>()
    for (let which = 0; which < 4; which++) {
      const supplier = supplierOf(counts, part, which)
      if (seen.has(supplier)) continue
      seen.add(supplier)
      yield [part, supplier, random(1, 9999), moneyOf(random(100, 100_000)), textOf(random, 49, 120)]
    }
  }
}

function* customerRows({ customers }: TpchSizes): Rows {
  const random = randomOf(4)
  for (let key = 1; key <= customers; key++) {
    const nation = random(0, 24)
    const [address, phone] = [textOf(random, 10, 40), phoneOf(random, nation)]
    const account = moneyOf(random(-99_999, 999_999))
    const segment = pick(random, segments)
    yield [key, numbered('Customer', key), address, nation, phone, account, segment, textOf(random, 29, 110)]
  }
}

interface Order {
  readonly row: readonly (string | number)[]
  readonly lines: readonly (readonly (string | number)[])[]
}

/** Orders and their lines come of one walk. */
function* ordersWithLines(counts: TpchSizes): Iterable<Order> {
  const random = randomOf(5)
  for (let i = 0; i < counts.orders; i++) {
    // Of 32 keys the first eight are used.
    const key = (i >> 3) * 32 + (i & 7) + 1
    const orderDay = random(firstDay, lastDay)
    const lines = Array.from({ length: random(1, 7) }, (_, number) => lineOf(random, counts, key, number + 1, orderDay))
    const open = lines.filter(({ isOpen }) => isOpen).length
    const status = open === 0 ? 'F' : open === lines.length ? 'O' : 'P'
    const cents = lines.reduce((sum, line) => sum + line.totalCents, 0)
    // A third of the customers order nothing.
    let customer = random(1, counts.customers)
    if (customer % 3 === 0 && customer > 1) customer--
    const clerk = numbered('Clerk', random(1, Math.max(1, Math.round(counts.suppliers / 10))))
    const total = moneyOf(Math.round(cents))
    const priority = pick(random, priorities)
    const row = [key, customer, status, total, dateOf(orderDay), priority, clerk, 0, textOf(random, 19, 78)]
    yield { row, lines: lines.map((line) => line.row) }
  }
}

interface Line {
  readonly row: readonly (string | number)[]
  readonly isOpen: boolean
  readonly totalCents: number
}

function lineOf(random: Random, counts: TpchSizes, order: number, number: number, orderDay: number): Line {
  const part = random(1, counts.parts)
  const supplier = supplierOf(counts, part, random(0, 3))
  const quantity = random(1, 50)
  const priceCents = quantity * retailCents(part)
  const [discount, tax] = [random(0, 10), random(0, 8)]
  const shipped = orderDay + random(1, 121)
  const committed = orderDay + random(30, 90)
  const received = shipped + random(1, 30)
  const flag = received <= currentDay ? pick(random, ['R', 'A']) : 'N'
  const isOpen = shipped > currentDay
  const row = [
    order,
    part,
    supplier,
    number,
    quantity,
    moneyOf(priceCents),
    moneyOf(discount),
    moneyOf(tax),
    flag,
    isOpen ? 'O' : 'F',
    dateOf(shipped),
    dateOf(committed),
    dateOf(received),
    pick(random, instructions),
    pick(random, modes),
    textOf(random, 10, 43),
  ]
  return { row, isOpen, totalCents: (priceCents * (100 - discount) * (100 + tax)) / 10_000 }
}

function* orderRows(counts: TpchSizes): Rows {
  for (const { row } of ordersWithLines(counts)) yield row
}

function* lineitemRows(counts: TpchSizes): Rows {
  for (const { lines } of ordersWithLines(counts)) yield* lines
}

/** All tables, those first that others refer to. */
export function tpchTables(scale: number): readonly { readonly name: string; readonly rows: () => Rows }[] {
  const counts = tpchSizes(scale)
  return [
    { name: 'region', rows: () => regions.map((name, key) => [key, name, `region ${key}`]) },
    { name: 'nation', rows: () => nations.map(([name, region], key) => [key, name, region, `nation ${key}`]) },
    { name: 'supplier', rows: () => supplierRows(counts) },
    { name: 'part', rows: () => partRows(counts) },
    { name: 'partsupp', rows: () => partsuppRows(counts) },
    { name: 'customer', rows: () => customerRows(counts) },
    { name: 'orders', rows: () => orderRows(counts) },
    { name: 'lineitem', rows: () => lineitemRows(counts) },
  ]
}
