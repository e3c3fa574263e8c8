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
  pg_am: 2601,
  pg_opclass: 2616,
  pg_opfamily: 2753,
  pg_operator: 2617,
  pg_cast: 2605,
  pg_rewrite: 2618,
  pg_trigger: 2620,
  pg_policy: 3256,
  pg_language: 2612,
  pg_extension: 3079,
  pg_collation: 3456,
  pg_enum: 3501,
  pg_inherits: 2611,
  pg_sequence: 2224,
  pg_authid: 1260,
  pg_depend: 2608,
  pg_tablespace: 1213,
  pg_event_trigger: 3466,
  pg_publication: 6104,
  pg_statistic_ext: 3381,
  pg_foreign_data_wrapper: 2328,
  pg_foreign_server: 1417,
  pg_default_acl: 826,
  pg_conversion: 2607,
  pg_ts_config: 3602,
  pg_ts_dict: 3600,
  pg_ts_parser: 3601,
  pg_ts_template: 3764,
  pg_shdescription: 2396,
  pg_transform: 3576,
  pg_amop: 2602,
  pg_amproc: 2603,
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
