/** The made-up shop: the same for everybody, and in agreement with itself. */
import { expect, test } from 'vitest'
import { SeededRandom } from './seeded-random.ts'
import { decimalOf, makeShop } from './shop.ts'

const places = [
  { zipCode: '00501', city: 'Holtsville' },
  { zipCode: '99950', city: 'Ketchikan' },
]

test('the same seed makes the same shop, another one another', () => {
  expect(makeShop(places)).toEqual(makeShop(places))
  expect(makeShop(places, 2).orders).not.toEqual(makeShop(places).orders)
})

test('handles, product numbers and orders are unique', () => {
  const { customers, products, orders } = makeShop(places)
  expect(new Set(customers.map(({ handle }) => handle)).size).toBe(customers.length)
  expect(new Set(products.map(({ sku }) => sku)).size).toBe(products.length)
  expect(new Set(orders.map(({ id }) => id)).size).toBe(orders.length)
})

test('an order adds up, and names a product once', () => {
  const { orders, products } = makeShop(places)
  const prices = new Map(products.map(({ sku, priceCents }) => [sku, priceCents]))
  for (const { items, totalCents } of orders) {
    expect(totalCents).toBe(items.reduce((sum, { quantity, priceCents }) => sum + quantity * priceCents, 0))
    expect(new Set(items.map(({ sku }) => sku)).size).toBe(items.length)
    for (const { sku, priceCents } of items) expect(priceCents).toBe(prices.get(sku))
  }
})

test('both sorted sets agree with the orders that were not cancelled', () => {
  const { orders, leaderboard, bestsellers } = makeShop(places)
  const valid = orders.filter(({ status }) => status !== 'cancelled')
  const pieces = valid.flatMap(({ items }) => items).reduce((sum, { quantity }) => sum + quantity, 0)
  expect([...bestsellers.values()].reduce((sum, sold) => sum + sold, 0)).toBe(pieces)
  const buyers = new Set(valid.map(({ customer }) => customer.handle))
  expect(new Set(leaderboard.keys())).toEqual(buyers)
})

test('cents are written as decimals', () => {
  expect([0, 5, 100, 123_456].map(decimalOf)).toEqual(['0.00', '0.05', '1.00', '1234.56'])
})

test('random numbers stay below their limit and come back with their seed', () => {
  const [one, same] = [new SeededRandom(5), new SeededRandom(5)]
  const drawn = Array.from({ length: 1_000 }, () => one.below(7))
  expect(drawn).toEqual(Array.from({ length: 1_000 }, () => same.below(7)))
  expect(new Set(drawn)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]))
  expect(() => one.pick([])).toThrow('nothing to pick')
})
