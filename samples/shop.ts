/**
 * A small shop, made up from a seed: the same seed gives the same customers, products, orders and carts.
 *
 * Invariants, which queries over all doors can check: an order's total is the sum of its items; a customer's score on the
 * leaderboard is the number of whole units of money spent in all orders that were not cancelled; a product's score among
 * the bestsellers is the number of pieces in those orders. Amounts are whole cents here and decimals in the database.
 */
import { SeededRandom } from './seeded-random.ts'

export interface Customer {
  readonly id: number
  readonly handle: string
  readonly name: string
  readonly city: string
  readonly zipCode: string
  /** `YYYY-MM-DD` */
  readonly since: string
  readonly balanceCents: number
}

export interface Product {
  readonly sku: string
  readonly name: string
  readonly category: string
  readonly priceCents: number
  readonly stock: number
}

export interface OrderItem {
  readonly sku: string
  readonly quantity: number
  readonly priceCents: number
}

export interface Order {
  readonly id: number
  readonly customer: Customer
  readonly placed: Date
  readonly status: 'placed' | 'shipped' | 'delivered' | 'cancelled'
  readonly items: readonly OrderItem[]
  readonly totalCents: number
}

export interface Cart {
  readonly customer: Customer
  readonly items: readonly Pick<OrderItem, 'sku' | 'quantity'>[]
}

export interface Shop {
  readonly customers: readonly Customer[]
  readonly products: readonly Product[]
  readonly orders: readonly Order[]
  readonly carts: readonly Cart[]
  /** Handle and points. */
  readonly leaderboard: ReadonlyMap<string, number>
  /** SKU and pieces sold. */
  readonly bestsellers: ReadonlyMap<string, number>
}

/** Where customers may live. */
export interface Place {
  readonly zipCode: string
  readonly city: string
}

const customerCount = 200
const orderCount = 2_000
const dayMs = 86_400_000
const firstDayMs: number = Date.UTC(2025, 0, 1)
const daysOfOrders = 365

const givenNames = ['Ada', 'Alan', 'Barbara', 'Claude', 'Dorothy', 'Edgar', 'Frances', 'Grace', 'Hedy', 'Irene']
const familyNames = ['Abara', 'Berg', 'Castillo', 'Dubois', 'Eriksen', 'Fischer', 'Garcia', 'Haddad', 'Ito', 'Jensen']
const moreFamilyNames = ['Kaya', 'Lindt', 'Moreau', 'Novak', 'Okafor', 'Petrov', 'Quinn', 'Rossi', 'Sato', 'Tanaka']

const goods: readonly { category: string; priceCents: number; names: readonly string[] }[] = [
  { category: 'kitchen', priceCents: 1_890, names: ['Kettle', 'Teapot', 'Whisk', 'Grater', 'Colander', 'Ladle'] },
  { category: 'garden', priceCents: 2_450, names: ['Trowel', 'Rake', 'Watering can', 'Shears', 'Gloves', 'Planter'] },
  { category: 'desk', priceCents: 1_275, names: ['Lamp', 'Notebook', 'Ruler', 'Stapler', 'Tray', 'Pencil case'] },
  { category: 'outdoors', priceCents: 4_999, names: ['Tent', 'Lantern', 'Flask', 'Hammock', 'Compass', 'Rucksack'] },
]
const makes: readonly { name: string; factor: number }[] = [
  { name: 'Plain', factor: 0.8 },
  { name: 'Fine', factor: 1.3 },
]

export function makeShop(places: readonly Place[], seed = 1): Shop {
  const random = new SeededRandom(seed)
  const customers = makeCustomers(random, places)
  const products = makeProducts(random)
  const orders = makeOrders(random, customers, products)
  const carts = customers.filter(() => random.below(3) === 0).map((customer) => makeCart(random, customer, products))
  return { customers, products, orders, carts, ...countSales(orders) }
}

/** Every given name with every family name, so that handles are unique; the first ten go by their given names. */
function makeCustomers(random: SeededRandom, places: readonly Place[]): Customer[] {
  const families = [...familyNames, ...moreFamilyNames]
  return Array.from({ length: customerCount }, (_, index) => {
    const given = givenNames[index % givenNames.length]!
    const family = families[Math.floor(index / givenNames.length) % families.length]!
    const place = random.pick(places)
    return {
      id: index + 1,
      handle: (family === families[0] ? given : `${given}.${family}`).toLowerCase(),
      name: `${given} ${family}`,
      city: place.city,
      zipCode: place.zipCode,
      since: dayOf(firstDayMs - random.below(5 * 365) * dayMs),
      balanceCents: 5_000 + random.below(200_000),
    }
  })
}

function makeProducts(random: SeededRandom): Product[] {
  const all = goods.flatMap(({ category, priceCents, names }) =>
    names.flatMap((name) =>
      makes.map((make) => ({ category, name: `${make.name} ${name.toLowerCase()}`, make, priceCents })),
    ),
  )
  return all.map(({ category, name, make, priceCents }, index) => ({
    sku: `SKU-${String(index + 1).padStart(3, '0')}`,
    name,
    category,
    priceCents: Math.round((priceCents * make.factor * (80 + random.below(60))) / 100),
    stock: 20 + random.below(200),
  }))
}

function makeOrders(random: SeededRandom, customers: readonly Customer[], products: readonly Product[]): Order[] {
  return Array.from({ length: orderCount }, (_, index) => {
    const day = Math.floor((index * daysOfOrders) / orderCount)
    const items = makeItems(random, products)
    return {
      id: index + 1,
      customer: customers[skewed(random, customers.length)]!,
      placed: new Date(firstDayMs + day * dayMs + random.below(dayMs)),
      status: statusOf(random, daysOfOrders - day),
      items,
      totalCents: items.reduce((sum, item) => sum + item.quantity * item.priceCents, 0),
    }
  })
}

/** One to four different products. */
function makeItems(random: SeededRandom, products: readonly Product[]): OrderItem[] {
  const chosen = new Set(Array.from({ length: 1 + random.below(4) }, () => products[skewed(random, products.length)]!))
  return [...chosen].map(({ sku, priceCents }) => ({ sku, quantity: 1 + random.below(3), priceCents }))
}

function makeCart(random: SeededRandom, customer: Customer, products: readonly Product[]): Cart {
  return { customer, items: makeItems(random, products).map(({ sku, quantity }) => ({ sku, quantity })) }
}

/** Some customers buy more often than others, and some products sell better. */
function skewed(random: SeededRandom, count: number): number {
  return Math.min(random.below(count), random.below(count))
}

/** The longer ago, the further an order has come. */
function statusOf(random: SeededRandom, ageDays: number): Order['status'] {
  if (random.below(20) === 0) return 'cancelled'
  if (ageDays > 14) return 'delivered'
  return ageDays > 4 ? 'shipped' : 'placed'
}

function countSales(orders: readonly Order[]): Pick<Shop, 'leaderboard' | 'bestsellers'> {
  const spentCents = new Map<string, number>()
  const bestsellers = new Map<string, number>()
  for (const { customer, items, status, totalCents } of orders) {
    if (status === 'cancelled') continue
    spentCents.set(customer.handle, (spentCents.get(customer.handle) ?? 0) + totalCents)
    for (const { sku, quantity } of items) bestsellers.set(sku, (bestsellers.get(sku) ?? 0) + quantity)
  }
  const points = [...spentCents].map(([handle, cents]) => [handle, Math.floor(cents / 100)] as const)
  return { leaderboard: new Map(points), bestsellers }
}

function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10)
}

/** `1234` cents as `12.34`. */
export function decimalOf(cents: number): string {
  return (cents / 100).toFixed(2)
}
