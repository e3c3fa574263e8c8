/**
 * Node's collator (ICU) is the judge of the order, and what ICU 72 answered of options that Node does not have. Characters are
 * such as have not changed their weights since the version of the tables.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteWriter } from '../bytes.ts'
import { compareSlices } from '../slice.ts'
import { combiningClass } from './collation-tables.ts'
import { type CollationOptions, Collator } from './collator.ts'
import { findLocale } from './locales.ts'

const plain: CollationOptions = {
  table: 'root',
  strength: 3,
  caseLevel: false,
  caseFirst: 'off',
  numericOrdering: false,
  alternate: 'non-ignorable',
  maxVariable: 'punct',
  backwards: false,
  normalization: true,
}

function keyOf(collator: Collator, text: string): ByteWriter {
  const key = new ByteWriter(64)
  collator.writeKey(text, key)
  return key
}

function compare(options: Partial<CollationOptions>, a: string, b: string): number {
  const collator = new Collator({ ...plain, ...options })
  return Math.sign(compareSlices(keyOf(collator, a), keyOf(collator, b)))
}

function sorted(options: Partial<CollationOptions>, texts: string): string {
  const collator = new Collator({ ...plain, ...options })
  const keys = new Map(texts.split(' ').map((text) => [text, keyOf(collator, text)]))
  return texts
    .split(' ')
    .sort((a, b) => compareSlices(keys.get(a)!, keys.get(b)!))
    .join(' ')
}

const alphabets = [
  'abcdefghijklmnopqrstuvwxyzABCXYZ',
  'chCHllLLdzsDzsDZSaaAAøæåäöüßÅÄÖéèêñçœŒIiÞþðĐđŁł',
  'ea\u0300\u0301\u0327\u0323\u030a\u0308c',
  '0123456789a',
  '.,-_!?&$€+ a',
  'абвгдеёжзиійѐєїґЂћИй',
  'αβγΆΐώς',
  '한국어가각힣',
  'אבגדابتث',
  '①②½٣३９２9',
]

const word = fc
  .constantFrom(...alphabets)
  .chain((alphabet) => fc.array(fc.constantFrom(...alphabet), { maxLength: 7 }))
  .map((characters) => characters.join(''))

const intlLocales = new Map(
  'en da de-u-co-phonebk es-u-co-trad sv fi nb fr fr-CA pl cs hu tr hr ru uk el et lt lv vi ar he hi th is cy'
    .split(' ')
    .map((name) => {
      const [, language, kind] = /^([\w-]+?)(?:-u-co-(\w+))?$/.exec(name)!
      const full = { phonebk: 'phonebook', trad: 'traditional' }[kind ?? '']
      const locale = `${language!.replace('-', '_')}${full === undefined ? '' : `@collation=${full}`}`
      return [name, locale]
    }),
)

describe('a key of a text', () => {
  it.each([...intlLocales])('is in the order of %s', (name, locale) => {
    const table = findLocale(locale)!
    const isThai = locale === 'th'
    const backwards = locale === 'fr_CA'
    fc.assert(
      fc.property(
        word,
        word,
        fc.constantFrom('base', 'accent', 'case', 'variant'),
        fc.boolean(),
        fc.constantFrom('false', 'upper', 'lower'),
        fc.boolean(),
        (a, b, sensitivity, numeric, caseFirst, ignoresPunctuation) => {
          const judge = new Intl.Collator(name, {
            sensitivity,
            numeric,
            caseFirst,
            ignorePunctuation: ignoresPunctuation,
          })
          const options: Partial<CollationOptions> = {
            table,
            strength: ({ base: 1, accent: 2, case: 1, variant: 3 } as const)[sensitivity],
            caseLevel: sensitivity === 'case',
            numericOrdering: numeric,
            caseFirst: caseFirst === 'false' ? 'off' : caseFirst,
            alternate: ignoresPunctuation || isThai ? 'shifted' : 'non-ignorable',
            backwards,
          }
          fc.pre(!isThai || ignoresPunctuation)
          expect(compare(options, a, b)).toBe(Math.sign(judge.compare(a, b)))
        },
      ),
      { numRuns: 150 },
    )
  })

  it('knows what locales change', () => {
    expect(sorted({}, 'z ä a ö o å')).toBe('a å ä o ö z')
    expect(sorted({ table: 'sv' }, 'z ä a ö o å')).toBe('a o z å ä ö')
    expect(sorted({ table: 'da', caseFirst: 'upper' }, 'z aa A a æ ø å')).toBe('A a z æ ø å aa')
    expect(sorted({ table: 'hr', caseFirst: 'upper' }, 'dž DŽ Dž')).toBe('DŽ Dž dž')
    expect(sorted({ table: 'hu' }, 'dzz dzs e dzt')).toBe('dzt dzz dzs e')
    expect(sorted({ table: 'de@collation=phonebook' }, 'Muz Muller Müller Mueller Mufler')).toBe(
      'Mueller Müller Mufler Muller Muz',
    )
    expect(sorted({ table: 'es@collation=traditional' }, 'cz ch d c llama lz m')).toBe('c cz ch d lz llama m')
    expect(sorted({ table: 'hu' }, 'cz cs cukor csak zs zu')).toBe('cukor cz cs csak zu zs')
    expect(sorted({ backwards: true }, 'cote coté côte côté')).toBe('cote côte coté côté')
    expect(sorted({}, 'cote coté côte côté')).toBe('cote coté côte côté')
    expect(sorted({ table: 'ru' }, 'z я a а ё е')).toBe('а е ё я a z')
  })

  it('has the options that Node does not have', () => {
    const shifted = { alternate: 'shifted' } as const
    // As ICU 72 has them by sort keys.
    expect(sorted({ ...shifted, strength: 4 }, 'deluge de-luge delugf de.luge Deluge')).toBe(
      'de-luge de.luge deluge Deluge delugf',
    )
    expect(compare({ ...shifted, strength: 3 }, 'de-luge', 'deluge')).toBe(0)
    expect(compare({ ...shifted, strength: 4, maxVariable: 'space' }, 'de-luge', 'deluge')).toBe(-1)
    expect(compare({ ...shifted, strength: 3, maxVariable: 'space' }, 'de luge', 'deluge')).toBe(0)
    expect(compare({ ...shifted, strength: 3, maxVariable: 'space' }, 'de-luge', 'deluge')).not.toBe(0)
    expect(compare({ strength: 5 }, '\u0001a', 'a')).toBe(-1)
    expect(compare({ strength: 4 }, '\u0001a', 'a')).toBe(0)
    expect(compare({ normalization: true }, 'a\u0301\u0323', 'a\u0323\u0301')).toBe(0)
    expect(compare({ normalization: false }, 'a\u0301\u0323', 'a\u0323\u0301')).not.toBe(0)
    expect(compare({ normalization: false }, '\u00e9', 'e\u0301')).toBe(0)
  })

  it('reads numbers by their value, however long', () => {
    const numeric = { numericOrdering: true }
    const numbers = ['a2', 'a10', 'a11b', 'a100', `a${'9'.repeat(40)}`, `a1${'0'.repeat(40)}`, `a1${'0'.repeat(249)}`]
    for (const [i, one] of numbers.entries()) {
      for (const [j, other] of numbers.entries()) expect(compare(numeric, one, other)).toBe(Math.sign(i - j))
    }
    expect(compare(numeric, 'a007', 'a7')).toBe(0)
    expect(compare(numeric, 'a٠٠٧', 'a7')).toBe(compare({}, '٧', '7'))
    expect(compare({ ...numeric, strength: 1 }, '9'.repeat(600), '9'.repeat(601))).toBe(-1)
  })

  it('takes marks that stand apart from their letter', () => {
    // å of Danish, with a dot below that comes first in the normal form.
    expect(compare({ table: 'da', strength: 1 }, 'a\u0323\u030a', 'å')).toBe(0)
    expect(compare({ table: 'da', strength: 1 }, 'a\u030a\u0323', 'å')).toBe(0)
    expect(compare({ table: 'root', strength: 1 }, 'a\u0323\u030a', 'a')).toBe(0)
    expect(combiningClass(0x323)).toBe(220)
    expect(combiningClass(0x61)).toBe(0)
  })

  it('puts ideographs and what Unicode does not know in the order of their numbers', () => {
    const order = ['z', '\u9fff', '\u{20000}', '\u{20001}', '\u{e1000}', '\uffff']
    for (const [i, one] of order.entries()) {
      for (const [j, other] of order.entries()) expect(compare({ strength: 1 }, one, other)).toBe(Math.sign(i - j))
    }
  })

  it('takes no longer for a long run of marks than for its length', () => {
    const collator = new Collator({ ...plain, backwards: true, alternate: 'shifted', strength: 4 })
    const text = `-${'\u0301'.repeat(200_000)}`
    expect(keyOf(collator, text).end).toBeLessThan(20)
    expect(keyOf(collator, `a${text}`).end).toBeLessThan(400_000)
  })
})

describe('a locale', () => {
  it.each([
    ['de', 'root'],
    ['de_AT', 'root'],
    ['en_US', 'root'],
    ['en_US_POSIX', 'en_US_POSIX'],
    ['de_AT@collation=phonebook', 'de@collation=phonebook'],
    ['sv@collation=standard', 'sv'],
    ['fr_CA', 'fr_CA'],
    ['fr_FR', 'root'],
    ['nb', 'nb'],
    ['no', 'nb'],
    ['sr_Cyrl', 'sr'],
    ['sr_Latn_RS', 'sr_Latn'],
    ['zh', undefined],
    ['ja', undefined],
    ['de@collation=nonsense', undefined],
    ['xx', undefined],
    ['__proto__', undefined],
    ['constructor', undefined],
    ['', undefined],
  ])('%s', (name, table) => {
    expect(findLocale(name)).toBe(table)
  })
})
