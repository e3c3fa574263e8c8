/** Arguments that only some values are good for, or whose size makes the answer's size. */
import { quote } from './values.ts'

const fields = [
  'year',
  'month',
  'day',
  'hour',
  'minute',
  'second',
  'dow',
  'doy',
  'isodow',
  'isoyear',
  'week',
  'quarter',
  'decade',
  'century',
  'millennium',
  'milliseconds',
  'microseconds',
  'epoch',
  'julian',
  'Year',
  'nonsense',
  'timezone',
]

const patterns = [
  'a',
  '^a',
  'b+',
  '[a-c]+',
  '(a)(b)?',
  '.',
  '',
  '\\d+',
  '\\s',
  'a|b',
  '[[:alpha:]]+',
  '^$',
  'a{2}',
  '(?:x|y)z',
  '[^a]',
  '\\w+',
  '(',
  'a*?',
  '\\mone',
  '[é-ü]',
]

const flags = ['', 'g', 'i', 'gi', 'n', 'x', 'q']
const likes = ['', '%', '_', 'a%', '%c', '_b_', 'A%', '\\%', '%\\%', 'a\\_b', '%%', 'abc', '%é%', '1__\\%', '%\\']
const counts = ['-1', '0', '1', '2', '3', '7', '-3', 'null']
const lengths = ['-1', '0', '1', '3', '5', '20', 'null']
const small = [
  '0',
  '1',
  '2',
  '0.5',
  '-1',
  '-2',
  '3.5',
  '10',
  '-0.5',
  "'NaN'",
  "'Infinity'",
  '1.01',
  '20',
  "'-Infinity'",
]

const numberFormats = [
  '999',
  '999.99',
  '000.00',
  'FM999.99',
  'S999',
  '9,999.99',
  'L99',
  'RN',
  'PR99',
  '99PR',
  '999MI',
  'FM0000',
  '9.99EEEE',
  '99V99',
  'FM99.00th',
  'SG99',
  '0',
]

const timeFormats = [
  'YYYY-MM-DD',
  'HH24:MI:SS.US',
  'HH12:MI AM',
  'Day, DD Month YYYY',
  'Dy Mon FMDD',
  'FMMonth FMDDth, YYYY',
  'IYYY-IW-ID',
  'Q CC WW DDD J',
  'YY Y,YYY MS SSSS',
  'TZ OF',
  'BC AD',
  '"quoted" YYYY',
  'day MON mon',
  'W D',
]

const numberArguments = new Map<string, readonly string[]>([
  ['repeat/1', counts],
  ['lpad/1', lengths],
  ['rpad/1', lengths],
  ['round/1', ['-3', '-1', '0', '1', '2', '5', '20', '-30']],
  ['trunc/1', ['-3', '-1', '0', '1', '2', '5', '20']],
  ['exp/0', small],
  ['power/0', small],
  ['power/1', small],
  ['pow/0', small],
  ['pow/1', small],
  ['^/0', small],
  ['^/1', small],
  ['width_bucket/3', ['1', '5', '0', '-1', '100']],
  ['make_date/0', ['2024', '1', '0', '-44', '9999', '300000']],
  ['make_date/1', ['1', '2', '12', '13', '0']],
  ['make_date/2', ['1', '28', '29', '31', '32']],
  ['make_timestamp/0', ['2024', '1', '0', '-44', '9999']],
  ['make_timestamp/1', ['1', '2', '12', '13']],
  ['make_timestamp/2', ['1', '28', '29', '31']],
  ['make_timestamp/3', ['0', '23', '24', '25']],
  ['make_timestamp/4', ['0', '59', '60']],
  ['make_timestamp/5', ['0', '59.999999', '60', '1.5', '-1']],
  ['make_time/0', ['0', '23', '24', '25', '-1']],
  ['make_time/1', ['0', '59', '60']],
  ['make_time/2', ['0', '59.999999', '60', '1.5', '0.0000004']],
  ['to_timestamp/0', ['0', '1e9', '-1.5', "'Infinity'", "'NaN'", '1700000000.123456', '1e20']],
  ['chr/0', ['65', '233', '0', '-1', '128512', '1114112', '55296']],
  ['regexp_replace/3', ['1', '2', '0', '-1', '100']],
  ['regexp_replace/4', ['0', '1', '2', '-1']],
])

const textArguments = new Map<string, readonly string[]>([
  ['date_part/0', fields],
  ['date_trunc/0', fields],
  ['date_trunc/2', ['UTC', 'Europe/Berlin', 'nowhere']],
  ['timezone/0', ['UTC', 'utc', 'GMT', '+02', 'nowhere']],
  ['encode/1', ['hex', 'base64', 'escape', 'HEX', 'nothing']],
  ['decode/0', ['', '616263', 'YWJj', 'YQ==', 'a\\\\b', 'xyz', '6', 'a\\377', 'YWJj\nZGVm', 'é']],
  ['decode/1', ['hex', 'base64', 'escape', 'nothing']],
  ['format/0', ['%s', '%s-%s', '%I', '%L', '%%', '%5s|%-5s|', '%2$s %1$s', '%s %s %s', '%x', '%', 'plain']],
  ['substring/1', patterns],
  ['substring/2', ['#', '\\', '']],
  ['~/1', patterns],
  ['!~/1', patterns],
  ['~*/1', patterns],
  ['!~*/1', patterns],
  ['~~/1', likes],
  ['!~~/1', likes],
  ['~~*/1', likes],
  ['!~~*/1', likes],
  ['regexp_match/1', patterns],
  ['regexp_match/2', flags],
  ['regexp_replace/1', patterns],
  ['regexp_replace/2', ['', 'X', '[\\1]', '\\&\\&', '\\\\', '\\2']],
  ['regexp_replace/3', flags],
  ['regexp_replace/5', flags],
  ['regexp_split_to_array/1', patterns],
  ['regexp_split_to_array/2', flags],
  ['split_part/1', [',', '', ' ', 'a', '--']],
  ['string_to_array/1', [',', '', ' ', 'a']],
  ['to_timestamp/0', ['2024-02-29', '2024-02-29 12:34:56', '29 Feb 2024', '12:34', '', '2024-02-30', 'x']],
  ['to_timestamp/1', ['YYYY-MM-DD', 'YYYY-MM-DD HH24:MI:SS', 'DD Mon YYYY', 'HH12:MI', 'YYYY']],
])

function formatsOf(type: string): readonly string[] {
  return /^(int|float|numeric)/.test(type) && type !== 'interval' ? numberFormats : timeFormats
}

/** The values, written as SQL, for the argument at a place of a function; undefined: any of its type. */
export function poolOf(name: string, place: number, takes: readonly string[]): readonly string[] | undefined {
  const key = `${name}/${place}`
  const type = takes[place]!
  if (name === 'to_char' && place === 1) return formatsOf(takes[0]!).map((text) => quote(text))
  if (type === 'text') return textArguments.get(key)?.map((text) => quote(text))
  if (!/^(int|float|numeric)/.test(type) || type === 'interval') return undefined
  return numberArguments.get(key)?.map((value) => `(${value})::${type}`)
}
