/** The sample data whose home is SQL: tables with their rows. */
import type { Cell } from './copy-rows.ts'
import { decimalOf, type Shop } from './shop.ts'
import { readEmployment, readFlights, readGapminder, readWeather } from './vega-data.ts'

export interface Table {
  readonly name: string
  /** What stands between the parentheses of CREATE TABLE. */
  readonly definition: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
  /** Statements that follow once the rows are there. */
  readonly after?: readonly string[]
}

export function makeTables(shop: Shop, zipcodes: readonly (readonly string[])[]): Table[] {
  return [weather(), flights(), zipcodeTable(zipcodes), employment(), gapminder(), ...shopTables(shop)]
}

function weather(): Table {
  return {
    name: 'weather',
    definition: `date date PRIMARY KEY, precipitation float8 NOT NULL, temp_max float8 NOT NULL, temp_min float8 NOT NULL,
      wind float8 NOT NULL, weather text NOT NULL`,
    columns: ['date', 'precipitation', 'temp_max', 'temp_min', 'wind', 'weather'],
    rows: readWeather(),
  }
}

function flights(): Table {
  return {
    name: 'flights',
    definition: `origin text NOT NULL, destination text NOT NULL, count integer NOT NULL,
      PRIMARY KEY (origin, destination)`,
    columns: ['origin', 'destination', 'count'],
    rows: readFlights(),
    after: ['CREATE INDEX flights_destination ON flights (destination)'],
  }
}

function zipcodeTable(rows: readonly (readonly string[])[]): Table {
  return {
    name: 'zipcodes',
    definition: `zip_code text PRIMARY KEY, latitude float8 NOT NULL, longitude float8 NOT NULL, city text NOT NULL,
      state text NOT NULL, county text NOT NULL`,
    columns: ['zip_code', 'latitude', 'longitude', 'city', 'state', 'county'],
    rows,
    after: ['CREATE INDEX zipcodes_state_city ON zipcodes (state, city)'],
  }
}

/** One row a month and sector: the file has a column for each sector. Thousands of people. */
function employment(): Table {
  const { columns: sectors, rows } = readEmployment()
  const cells = rows.flatMap(([month = '', ...counts]) =>
    counts.flatMap((thousands, index): Cell[][] => {
      const sector = sectors[index + 1] ?? ''
      return sector === 'nonfarm_change' ? [] : [[month, sector, thousands]]
    }),
  )
  return {
    name: 'employment',
    definition:
      'month date NOT NULL, sector text NOT NULL, thousands numeric(9,1) NOT NULL, PRIMARY KEY (sector, month)',
    columns: ['month', 'sector', 'thousands'],
    rows: cells,
  }
}

function gapminder(): Table {
  return {
    name: 'gapminder',
    definition: `country text NOT NULL, year integer NOT NULL, cluster integer NOT NULL, population bigint NOT NULL,
      life_expectancy float8 NOT NULL, fertility float8 NOT NULL, PRIMARY KEY (country, year)`,
    columns: ['country', 'year', 'cluster', 'population', 'life_expectancy', 'fertility'],
    rows: readGapminder().map((row) => [row.country, row.year, row.cluster, row.pop, row.life_expect, row.fertility]),
  }
}

function shopTables({ customers, products }: Shop): Table[] {
  return [
    {
      name: 'shop.customers',
      definition: `id integer PRIMARY KEY, handle text NOT NULL UNIQUE, name text NOT NULL, city text NOT NULL,
        zip_code text NOT NULL, since date NOT NULL`,
      columns: ['id', 'handle', 'name', 'city', 'zip_code', 'since'],
      rows: customers.map(({ id, handle, name, city, zipCode, since }) => [id, handle, name, city, zipCode, since]),
    },
    {
      name: 'shop.products',
      definition: `sku text PRIMARY KEY, name text NOT NULL, category text NOT NULL, price numeric(10,2) NOT NULL,
        stock integer NOT NULL CHECK (stock >= 0)`,
      columns: ['sku', 'name', 'category', 'price', 'stock'],
      rows: products.map(({ sku, name, category, priceCents, stock }) => [
        sku,
        name,
        category,
        decimalOf(priceCents),
        stock,
      ]),
    },
    {
      name: 'account',
      definition:
        'id integer PRIMARY KEY, name text NOT NULL UNIQUE, balance numeric(12,2) NOT NULL CHECK (balance >= 0)',
      columns: ['id', 'name', 'balance'],
      rows: customers.map(({ id, handle, balanceCents }) => [id, handle, decimalOf(balanceCents)]),
    },
  ]
}
