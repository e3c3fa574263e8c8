/** The sample data whose home is MongoDB: collections with their documents. */
import { Decimal128, Double } from 'mongodb'
import type { Document } from 'mongodb'
import { decimalOf, type Shop } from './shop.ts'
import { readCountries, readEarthquakes } from './vega-data.ts'

export interface DocumentCollection {
  readonly database: string
  readonly name: string
  readonly documents: readonly Document[]
  readonly indexes: readonly Record<string, 1 | -1>[]
}

export function makeCollections(shop: Shop): DocumentCollection[] {
  return [
    { database: 'samples', name: 'earthquakes', documents: earthquakes(), indexes: [{ magnitude: -1 }] },
    { database: 'samples', name: 'countries', documents: countries(), indexes: [] },
    { database: 'shop', name: 'orders', documents: orders(shop), indexes: [{ customer: 1 }] },
  ]
}

/** GeoJSON features, flattened, without the addresses and lists of codes. A whole number is a double here too. */
function earthquakes(): Document[] {
  return readEarthquakes().map(({ id, properties, geometry }) => ({
    _id: id,
    magnitude: properties.mag === null ? null : new Double(properties.mag),
    magnitude_type: properties.magType,
    place: properties.place,
    time: new Date(properties.time),
    felt: properties.felt,
    tsunami: properties.tsunami === 1,
    significance: properties.sig,
    kind: properties.type,
    status: properties.status,
    location: { type: geometry.type, coordinates: geometry.coordinates.map((one) => new Double(one)) },
  }))
}

/** One document a country with its years, where the file has one row for each year. */
function countries(): Document[] {
  const years = new Map<string, Document[]>()
  for (const { country, year, life_expect, fertility } of readCountries()) {
    const known = years.get(country) ?? []
    known.push({ year, life_expectancy: new Double(life_expect), fertility: new Double(fertility) })
    years.set(country, known)
  }
  return [...years].map(([country, list]) => ({ _id: country, years: list }))
}

function orders(shop: Shop): Document[] {
  return shop.orders.map(({ id, customer, placed, status, items, totalCents }) => ({
    _id: id,
    customer: customer.id,
    placed,
    status,
    items: items.map(({ sku, quantity, priceCents }) => ({ sku, quantity, price: decimal(priceCents) })),
    total: decimal(totalCents),
  }))
}

function decimal(cents: number): Decimal128 {
  return Decimal128.fromString(decimalOf(cents))
}
