/** Names and OIDs of the system views, apart from what they hold, so that names can be looked up without their rows. */
const known = new Map<string, number>()
const byOid = new Map<number, { schema: string; name: string }>()

/** PostgreSQL's own numbers for the catalogs that clients compare with. */
const postgresOids: Readonly<Record<string, number>> = {
  pg_class: 1259,
  pg_type: 1247,
  pg_attribute: 1249,
  pg_proc: 1255,
  pg_namespace: 2615,
  pg_constraint: 2606,
  pg_index: 2610,
  pg_attrdef: 2604,
  pg_database: 1262,
  pg_description: 2609,
}

let next = 12_000

/** The same number for the same name, however often. */
export function registerSystemView(schema: string, name: string): number {
  const already = known.get(`${schema}.${name}`)
  if (already !== undefined) return already
  const oid = (schema === 'pg_catalog' && Object.hasOwn(postgresOids, name) ? postgresOids[name] : undefined) ?? next++
  known.set(`${schema}.${name}`, oid)
  byOid.set(oid, { schema, name })
  return oid
}

export function systemViewOid(schema: string, name: string): number | undefined {
  return known.get(`${schema}.${name}`)
}

export function systemViewNameByOid(oid: number): { schema: string; name: string } | undefined {
  return byOid.get(oid)
}
