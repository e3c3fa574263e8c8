/**
 * The name by which a client calls the server (SNI) may name a database: within the domain that the server was told of, what
 * stands before it.
 *
 *   domain db.example.com       orders.db.example.com → orders       db.example.com, or anything else → none
 *
 * It stands in for the database that a client does not name, and is nothing more: whether there is such a database, and whether
 * who comes may connect to it, is asked of it as of one that was named. Names of hosts have no capital letters, so that
 * a database whose name has some is not reached by it; one with a dot in its name is.
 */

/** As options and hosts are compared. */
export function normalizedDomain(domain: string): string {
  return domain.toLowerCase().replace(/^\.+|\.+$/g, '')
}

/** `domain`: normalized; undefined: names mean nothing. */
export function databaseOfName(serverName: string | undefined, domain: string | undefined): string | undefined {
  if (serverName === undefined || domain === undefined) return undefined
  const name = normalizedDomain(serverName)
  if (!name.endsWith(`.${domain}`)) return undefined
  return name.slice(0, -domain.length - 1)
}
