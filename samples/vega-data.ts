/**
 * The data sets of others that `npm start` loads: seven files of the npm package `vega-datasets`, each of which is in the
 * public domain or under a Creative Commons licence that allows it. `docs/sample-data.md` says whose they are and what is
 * changed on the way.
 */
import { readFileSync } from 'node:fs'

export interface EmploymentMonth {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

export interface Earthquake {
  readonly id: string
  readonly properties: {
    readonly mag: number | null
    readonly place: string
    readonly time: number
    readonly felt: number | null
    readonly tsunami: number
    readonly sig: number
    readonly magType: string | null
    readonly type: string
    readonly status: string
  }
  readonly geometry: { readonly type: 'Point'; readonly coordinates: readonly number[] }
}

export interface GapminderRow {
  readonly country: string
  readonly year: number
  readonly cluster: number
  readonly pop: number
  readonly life_expect: number
  readonly fertility: number
}

export interface CountryYear {
  readonly country: string
  readonly year: number
  readonly life_expect: number
  readonly fertility: number
}

function readText(file: string): string {
  return readFileSync(new URL(`../data/${file}`, import.meta.resolve('vega-datasets')), 'utf8')
}

/** The lines of a file whose fields hold neither quotes nor commas, the heading first. */
function readCsv(file: string): string[][] {
  const text = readText(file)
  if (text.includes('"')) throw new Error(`${file} has quoted fields, which are not expected there`)
  const lines = text.split(/\r?\n/).filter((line) => line !== '')
  return lines.map((line) => line.split(','))
}

function readRows(file: string): string[][] {
  return readCsv(file).slice(1)
}

/** zip_code, latitude, longitude, city, state, county */
export function readZipcodes(): string[][] {
  return readRows('zipcodes.csv')
}

/** date, precipitation, temp_max, temp_min, wind, weather */
export function readWeather(): string[][] {
  return readRows('seattle-weather.csv')
}

/** origin, destination, count */
export function readFlights(): string[][] {
  return readRows('flights-airport.csv')
}

/** One row a month, one column a sector. The heading misspells one of them. */
export function readEmployment(): EmploymentMonth {
  const [heading = [], ...rows] = readCsv('us-employment.csv')
  return { columns: heading.map((name) => name.replace('utilties', 'utilities')), rows }
}

export function readEarthquakes(): readonly Earthquake[] {
  return (JSON.parse(readText('earthquakes.json')) as { features: Earthquake[] }).features
}

export function readGapminder(): readonly GapminderRow[] {
  return JSON.parse(readText('gapminder.json')) as GapminderRow[]
}

export function readCountries(): readonly CountryYear[] {
  return JSON.parse(readText('countries.json')) as CountryYear[]
}
