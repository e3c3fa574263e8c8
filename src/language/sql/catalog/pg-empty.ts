/** Catalogs of things that do not exist here: clients ask for them, and the answer is that there are none. */
import type { Relation } from '../../../query/relation.ts'
import { oid } from '../types/oids.ts'
import { memoryRelation } from './memory-relation.ts'

const types: Readonly<Record<string, number>> = {
  o: oid.oid,
  n: oid.name,
  b: oid.bool,
  c: oid.char,
  t: oid.text,
  i: oid.int4,
  s: oid.int2,
  l: oid.int8,
  f: oid.float4,
  v: oid.int2vector,
  a: oid.textArray,
  O: oid.oidArray,
  p: oid.nodeTree,
}

/** Columns as `name:letter`. */
const catalogs: Readonly<Record<string, string>> = {
  pg_publication:
    'oid:o pubname:n pubowner:o puballtables:b pubinsert:b pubupdate:b pubdelete:b pubtruncate:b pubviaroot:b',
  pg_publication_rel: 'oid:o prpubid:o prrelid:o prqual:p prattrs:v',
  pg_publication_namespace: 'oid:o pnpubid:o pnnspid:o',
  pg_subscription: 'oid:o subdbid:o subname:n subowner:o subenabled:b',
  pg_statistic_ext:
    'oid:o stxrelid:o stxname:n stxnamespace:o stxowner:o stxstattarget:i stxkeys:v stxkind:a stxexprs:p',
  pg_statistic_ext_data: 'stxoid:o stxdinherit:b',
  pg_foreign_table: 'ftrelid:o ftserver:o ftoptions:a',
  pg_foreign_server: 'oid:o srvname:n srvowner:o srvfdw:o srvtype:t srvversion:t srvacl:a srvoptions:a',
  pg_foreign_data_wrapper: 'oid:o fdwname:n fdwowner:o',
  pg_extension: 'oid:o extname:n extowner:o extnamespace:o extrelocatable:b extversion:t extconfig:O extcondition:a',
  pg_event_trigger: 'oid:o evtname:n evtevent:n evtowner:o evtfoid:o evtenabled:c evttags:a',
  pg_shdepend: 'dbid:o classid:o objid:o objsubid:i refclassid:o refobjid:o deptype:c',
  pg_opclass: 'oid:o opcmethod:o opcname:n opcnamespace:o opcowner:o opcfamily:o opcintype:o opcdefault:b opckeytype:o',
  pg_operator:
    'oid:o oprname:n oprnamespace:o oprowner:o oprkind:c oprcanmerge:b oprcanhash:b oprleft:o oprright:o oprresult:o',
  pg_cast: 'oid:o castsource:o casttarget:o castfunc:o castcontext:c castmethod:c',
  pg_conversion: 'oid:o conname:n connamespace:o conowner:o conforencoding:i contoencoding:i conproc:o condefault:b',
}

export const emptyViews: readonly Relation[] = Object.entries(catalogs).map(([view, columns]) => {
  const described = columns.split(' ').map((column) => {
    const [name = '', letter = ''] = column.split(':')
    return [name, types[letter]!] as const
  })
  return memoryRelation('pg_catalog', view, described, () => [])
})
