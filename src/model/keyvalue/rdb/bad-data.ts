/** What calls itself RDB and is not: told to whoever sent it, never believed. */
export class BadData extends Error {
  constructor(what: string) {
    super(what)
    this.name = 'BadData'
  }
}

export function badData(what: string): BadData {
  return new BadData(what)
}
