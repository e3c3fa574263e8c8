/** Catalogs of things that do not exist here: clients ask for them, and the answer is that there are none. */
import type { Relation } from '../../../query/relation.ts'
import { oid } from '../types/oids.ts'
import { memoryRelation } from './memory-relation.ts'

const types: Readonly<Record<string, number>> = {
  A: oid.aclitemArray,
  C: oid.charArray,
  L: oid.lsn,
  N: oid.nameArray,
  O: oid.oidArray,
  a: oid.textArray,
  b: oid.bool,
  c: oid.char,
  f: oid.float4,
  i: oid.int4,
  l: oid.int8,
  n: oid.name,
  o: oid.oid,
  p: oid.nodeTree,
  r: oid.regproc,
  s: oid.int2,
  t: oid.text,
  v: oid.int2vector,
  x: oid.xid,
  y: oid.bytea,
  z: oid.timestamptz,
}

/** Columns as `name:letter`, in PostgreSQL 15's order. */
const catalogs: Readonly<Record<string, string>> = {
  pg_subscription:
    'oid:o subdbid:o subskiplsn:L subname:n subowner:o subenabled:b subbinary:b substream:b subtwophasestate:c subdisableonerr:b subconninfo:t subslotname:n subsynccommit:t subpublications:a',
  pg_subscription_rel: 'srsubid:o srrelid:o srsubstate:c srsublsn:L',
  pg_statistic_ext:
    'oid:o stxrelid:o stxname:n stxnamespace:o stxowner:o stxstattarget:i stxkeys:v stxkind:C stxexprs:p',
  pg_statistic_ext_data: 'stxoid:o stxdinherit:b',
  pg_foreign_table: 'ftrelid:o ftserver:o ftoptions:a',
  pg_foreign_server: 'oid:o srvname:n srvowner:o srvfdw:o srvtype:t srvversion:t srvacl:A srvoptions:a',
  pg_foreign_data_wrapper: 'oid:o fdwname:n fdwowner:o fdwhandler:o fdwvalidator:o fdwacl:A fdwoptions:a',
  pg_user_mapping: 'oid:o umuser:o umserver:o umoptions:a',
  pg_user_mappings: 'umid:o srvid:o srvname:n umuser:o usename:n umoptions:a',
  pg_event_trigger: 'oid:o evtname:n evtevent:n evtowner:o evtfoid:o evtenabled:c evttags:a',
  pg_shdepend: 'dbid:o classid:o objid:o objsubid:i refclassid:o refobjid:o deptype:c',
  pg_init_privs: 'objoid:o classoid:o objsubid:i privtype:c initprivs:A',
  pg_parameter_acl: 'oid:o parname:t paracl:A',
  pg_seclabel: 'objoid:o classoid:o objsubid:i provider:t label:t',
  pg_shseclabel: 'objoid:o classoid:o provider:t label:t',
  pg_seclabels: 'objoid:o classoid:o objsubid:i objtype:t objnamespace:o objname:t provider:t label:t',
  pg_transform: 'oid:o trftype:o trflang:o trffromsql:r trftosql:r',
  pg_conversion: 'oid:o conname:n connamespace:o conowner:o conforencoding:i contoencoding:i conproc:r condefault:b',
  pg_largeobject: 'loid:o pageno:i data:y',
  pg_largeobject_metadata: 'oid:o lomowner:o lomacl:A',
  pg_ts_config: 'oid:o cfgname:n cfgnamespace:o cfgowner:o cfgparser:o',
  pg_ts_config_map: 'mapcfg:o maptokentype:i mapseqno:i mapdict:o',
  pg_ts_dict: 'oid:o dictname:n dictnamespace:o dictowner:o dicttemplate:o dictinitoption:t',
  pg_ts_parser: 'oid:o prsname:n prsnamespace:o prsstart:r prstoken:r prsend:r prsheadline:r prslextype:r',
  pg_ts_template: 'oid:o tmplname:n tmplnamespace:o tmplinit:r tmpllexize:r',
  pg_file_settings: 'sourcefile:t sourceline:i seqno:i name:t setting:t applied:b error:t',
  pg_hba_file_rules: 'line_number:i type:t database:a user_name:a address:t netmask:t auth_method:t options:a error:t',
}

export const emptyViews: readonly Relation[] = Object.entries(catalogs).map(([view, columns]) => {
  const described = columns.split(' ').map((column) => {
    const [name = '', letter = ''] = column.split(':')
    return [name, types[letter]!] as const
  })
  return memoryRelation('pg_catalog', view, described, () => [])
})
