/**
 * What the sample data is and whose: the rows of the table `sample_data`. That table also tells that a data directory has
 * been loaded, because it comes into being in the same transaction as everything else.
 */
import type { Cell } from './copy-rows.ts'
import type { Table } from './tables.ts'

export const inventoryTable = 'sample_data'

const publicDomain = 'public domain (work of the government of the USA)'
const ccBy = 'Creative Commons Attribution 4.0'
const madeUp = 'made up from a seed by Polylog, Apache-2.0'

/** Name in its home, home, file of vega-datasets, licence, source. */
const inventory: readonly (readonly [string, string, string | null, string, string | null])[] = [
  ['weather', 'table', 'seattle-weather.csv', publicDomain, 'NOAA National Climatic Data Center'],
  ['flights', 'table', 'flights-airport.csv', publicDomain, 'U.S. Bureau of Transportation Statistics'],
  ['zipcodes', 'table', 'zipcodes.csv', ccBy, 'GeoNames, geonames.org'],
  ['employment', 'table', 'us-employment.csv', publicDomain, 'U.S. Bureau of Labor Statistics'],
  ['gapminder', 'table', 'gapminder.json', ccBy, 'Gapminder, gapminder.org'],
  ['samples.countries', 'documents', 'countries.json', ccBy, 'Gapminder, gapminder.org'],
  ['samples.earthquakes', 'documents', 'earthquakes.json', publicDomain, 'U.S. Geological Survey'],
  ['account', 'table', null, madeUp, null],
  ['shop.customers', 'table', null, madeUp, null],
  ['shop.products', 'table', null, madeUp, null],
  ['shop.orders', 'documents', null, madeUp, null],
  ['cart:HANDLE', 'hashes', null, madeUp, null],
  ['leaderboard', 'sorted set', null, madeUp, null],
  ['bestsellers', 'sorted set', null, madeUp, null],
]

export function makeInventory(): Table {
  return {
    name: inventoryTable,
    definition: 'name text PRIMARY KEY, home text NOT NULL, file text, licence text NOT NULL, source text',
    columns: ['name', 'home', 'file', 'licence', 'source'],
    rows: inventory.map((row): readonly Cell[] => row),
  }
}
