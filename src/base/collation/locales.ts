/**
 * Which tables a locale has. A name is a language, perhaps a script, a country and a kind of order: `de`, `sr_Latn`, `de_AT`,
 * `de_AT@collation=phonebook`.
 */
import { localeData } from './collation-data.ts'

/** Languages that are sorted as the root collation says. */
const asRoot: ReadonlySet<string> = new Set('ca de dz en fr ga id it lb ms nl pt sa sw wae xh zu'.split(' '))

/** Languages of several scripts: that of their tables. */
const scripts: ReadonlyMap<string, string> = new Map([
  ['az', 'Latn'],
  ['bs', 'Latn'],
  ['pa', 'Guru'],
  ['sr', 'Cyrl'],
  ['uz', 'Latn'],
])

const sameAs: ReadonlyMap<string, string> = new Map([
  ['no', 'nb'],
  ['bs_Cyrl', 'sr'],
])

const pattern = /^([a-z]{2,3})(?:_([A-Z][a-z]{3}))?(?:_([A-Z]{2}|[0-9]{3}))?(?:_(POSIX))?(?:@collation=([a-z]+))?$/

/** The name of the tables (`tablesOf`); undefined for a locale that is not known here. */
export function findLocale(name: string): string | undefined {
  const [, language, script, country, variant, kind] = pattern.exec(name) ?? []
  if (language === undefined) return undefined
  if (variant !== undefined) return hasTable(name) ? name : undefined
  if (kind !== undefined && kind !== 'standard') {
    const table = `${language}@collation=${kind}`
    return script === undefined && hasTable(table) ? table : undefined
  }
  const written = script === undefined || script === scripts.get(language) ? language : `${language}_${script}`
  const candidates = [`${written}_${country}`, sameAs.get(written) ?? written]
  return candidates.find(hasTable) ?? (asRoot.has(written) ? 'root' : undefined)
}

function hasTable(name: string): boolean {
  return Object.hasOwn(localeData, name)
}
