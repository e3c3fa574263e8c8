/**
 * Domains: the values of another type, of which rules leave some out. They lie, look and sort as those do; what the rules
 * are asked for is a value that is made of it (`model/table/domains.ts`), not one that is read.
 */
import type { SqlType } from '../type.ts'
import type { DomainContent } from './content.ts'
import type { Identity } from './identity.ts'

/** `over`: what it is declared over, which may be a domain. */
export function domainType(identity: Identity, content: DomainContent, over: SqlType): SqlType {
  const { modifier } = content
  const own = over.base === undefined && modifier >= 0
  return {
    ...over,
    ...identity,
    isPreferred: false,
    over,
    base: over.base ?? over,
    parseText: (text) => {
      const value = over.parseText(text, modifier)
      return own && value !== null ? over.coerce(value, modifier, false) : value
    },
    decodeBinary: (bytes, start, end) => {
      const value = over.decodeBinary(bytes, start, end)
      return own && value !== null ? over.coerce(value, modifier, false) : value
    },
    formatModifier: () => '',
  }
}

/** The modifier that its values have. */
export function domainModifier(type: SqlType): number {
  for (let one: SqlType | undefined = type; one?.over !== undefined; one = one.over) {
    const content = one.made?.content
    if (content?.kind === 'domain' && content.modifier >= 0) return content.modifier
  }
  return -1
}
