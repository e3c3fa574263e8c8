/**
 * PostgreSQL 15's operator classes and families by their own numbers, of the access methods and types that there are here.
 *
 * A line is a family: `method number name: classes`; a class is `number name type`, then the type that its entries have where
 * that is another one, and `-` where it is not the default of its type.
 */
import { findType } from '../../../model/table/types/registry.ts'
import type { SqlType } from '../../../model/table/types/type.ts'
import { oid } from '../types/oids.ts'

const families = `
brin 4054 integer_minmax_ops: 10098 int8_minmax_ops 20 20, 10101 int2_minmax_ops 21 21, 10104 int4_minmax_ops 23 23
brin 4055 numeric_minmax_ops: 10153 numeric_minmax_ops 1700 1700
brin 4056 text_minmax_ops: 10107 text_minmax_ops 25 25
brin 4058 timetz_minmax_ops: 10148 timetz_minmax_ops 1266 1266
brin 4059 datetime_minmax_ops: 10136 date_minmax_ops 1082 1082, 10139 timestamp_minmax_ops 1114 1114, 10142 timestamptz_minmax_ops 1184 1184
brin 4062 char_minmax_ops: 10094 char_minmax_ops 18 18
brin 4064 bytea_minmax_ops: 10092 bytea_minmax_ops 17 17
brin 4065 name_minmax_ops: 10096 name_minmax_ops 19 19
brin 4068 oid_minmax_ops: 10109 oid_minmax_ops 26 26
brin 4069 tid_minmax_ops: 10112 tid_minmax_ops 27 27
brin 4070 float_minmax_ops: 10115 float4_minmax_ops 700 700, 10118 float8_minmax_ops 701 701
brin 4074 macaddr_minmax_ops: 10121 macaddr_minmax_ops 829 829
brin 4075 network_minmax_ops: 10127 inet_minmax_ops 869 869 -
brin 4076 bpchar_minmax_ops: 10131 bpchar_minmax_ops 1042 1042
brin 4077 time_minmax_ops: 10133 time_minmax_ops 1083 1083
brin 4078 interval_minmax_ops: 10145 interval_minmax_ops 1186 1186
brin 4079 bit_minmax_ops: 10151 bit_minmax_ops 1560 1560
brin 4080 varbit_minmax_ops: 10152 varbit_minmax_ops 1562 1562
brin 4081 uuid_minmax_ops: 10156 uuid_minmax_ops 2950 2950
brin 4082 pg_lsn_minmax_ops: 10160 pg_lsn_minmax_ops 3220 3220
brin 4102 network_inclusion_ops: 10130 inet_inclusion_ops 869 869
brin 4103 range_inclusion_ops: 10159 range_inclusion_ops 3831 3831
brin 4104 box_inclusion_ops: 10163 box_inclusion_ops 603 603
brin 4109 macaddr8_minmax_ops: 10124 macaddr8_minmax_ops 774 774
brin 4572 integer_bloom_ops: 10100 int8_bloom_ops 20 20 -, 10103 int2_bloom_ops 21 21 -, 10106 int4_bloom_ops 23 23 -
brin 4573 text_bloom_ops: 10108 text_bloom_ops 25 25 -
brin 4574 numeric_bloom_ops: 10155 numeric_bloom_ops 1700 1700 -
brin 4575 timetz_bloom_ops: 10150 timetz_bloom_ops 1266 1266 -
brin 4576 datetime_bloom_ops: 10138 date_bloom_ops 1082 1082 -, 10141 timestamp_bloom_ops 1114 1114 -, 10144 timestamptz_bloom_ops 1184 1184 -
brin 4577 char_bloom_ops: 10095 char_bloom_ops 18 18 -
brin 4578 bytea_bloom_ops: 10093 bytea_bloom_ops 17 17 -
brin 4579 name_bloom_ops: 10097 name_bloom_ops 19 19 -
brin 4580 oid_bloom_ops: 10111 oid_bloom_ops 26 26 -
brin 4581 tid_bloom_ops: 10113 tid_bloom_ops 27 27 -
brin 4582 float_bloom_ops: 10117 float4_bloom_ops 700 700 -, 10120 float8_bloom_ops 701 701 -
brin 4583 macaddr_bloom_ops: 10123 macaddr_bloom_ops 829 829 -
brin 4584 macaddr8_bloom_ops: 10126 macaddr8_bloom_ops 774 774 -
brin 4585 network_bloom_ops: 10129 inet_bloom_ops 869 869 -
brin 4586 bpchar_bloom_ops: 10132 bpchar_bloom_ops 1042 1042 -
brin 4587 time_bloom_ops: 10135 time_bloom_ops 1083 1083 -
brin 4588 interval_bloom_ops: 10147 interval_bloom_ops 1186 1186 -
brin 4589 uuid_bloom_ops: 10158 uuid_bloom_ops 2950 2950 -
brin 4590 pg_lsn_bloom_ops: 10162 pg_lsn_bloom_ops 3220 3220 -
brin 4602 integer_minmax_multi_ops: 10099 int8_minmax_multi_ops 20 20 -, 10102 int2_minmax_multi_ops 21 21 -, 10105 int4_minmax_multi_ops 23 23 -
brin 4603 numeric_minmax_multi_ops: 10154 numeric_minmax_multi_ops 1700 1700 -
brin 4604 timetz_minmax_multi_ops: 10149 timetz_minmax_multi_ops 1266 1266 -
brin 4605 datetime_minmax_multi_ops: 10137 date_minmax_multi_ops 1082 1082 -, 10140 timestamp_minmax_multi_ops 1114 1114 -, 10143 timestamptz_minmax_multi_ops 1184 1184 -
brin 4606 oid_minmax_multi_ops: 10110 oid_minmax_multi_ops 26 26 -
brin 4607 tid_minmax_multi_ops: 10114 tid_minmax_multi_ops 27 27 -
brin 4608 float_minmax_multi_ops: 10116 float4_minmax_multi_ops 700 700 -, 10119 float8_minmax_multi_ops 701 701 -
brin 4609 macaddr_minmax_multi_ops: 10122 macaddr_minmax_multi_ops 829 829 -
brin 4610 macaddr8_minmax_multi_ops: 10125 macaddr8_minmax_multi_ops 774 774 -
brin 4611 network_minmax_multi_ops: 10128 inet_minmax_multi_ops 869 869 -
brin 4612 time_minmax_multi_ops: 10134 time_minmax_multi_ops 1083 1083 -
brin 4613 interval_minmax_multi_ops: 10146 interval_minmax_multi_ops 1186 1186 -
brin 4614 uuid_minmax_multi_ops: 10157 uuid_minmax_multi_ops 2950 2950 -
brin 4615 pg_lsn_minmax_multi_ops: 10161 pg_lsn_minmax_multi_ops 3220 3220 -
btree 397 array_ops: 10000 array_ops 2277
btree 423 bit_ops: 10002 bit_ops 1560
btree 424 bool_ops: 10003 bool_ops 16
btree 426 bpchar_ops: 10004 bpchar_ops 1042
btree 428 bytea_ops: 10006 bytea_ops 17
btree 429 char_ops: 10007 char_ops 18
btree 434 datetime_ops: 3122 date_ops 1082, 3127 timestamptz_ops 1184, 3128 timestamp_ops 1114
btree 1970 float_ops: 3123 float8_ops 701, 10012 float4_ops 700
btree 1974 network_ops: 10009 cidr_ops 869 -, 10015 inet_ops 869
btree 1976 integer_ops: 1978 int4_ops 23, 1979 int2_ops 21, 3124 int8_ops 20
btree 1982 interval_ops: 10022 interval_ops 1186
btree 1984 macaddr_ops: 10024 macaddr_ops 829
btree 1988 numeric_ops: 3125 numeric_ops 1700
btree 1989 oid_ops: 1981 oid_ops 26
btree 1991 oidvector_ops: 10032 oidvector_ops 30
btree 1994 text_ops: 3126 text_ops 25, 10028 name_ops 19 2275, 10044 varchar_ops 25 -
btree 1996 time_ops: 10038 time_ops 1083
btree 2000 timetz_ops: 10041 timetz_ops 1266
btree 2002 varbit_ops: 10043 varbit_ops 1562
btree 2095 text_pattern_ops: 4217 text_pattern_ops 25 -, 4218 varchar_pattern_ops 25 -
btree 2097 bpchar_pattern_ops: 4219 bpchar_pattern_ops 1042 -
btree 2099 money_ops: 10047 money_ops 790
btree 2789 tid_ops: 10050 tid_ops 27
btree 2968 uuid_ops: 10065 uuid_ops 2950
btree 2994 record_ops: 10034 record_ops 2249
btree 3194 record_image_ops: 10036 record_image_ops 2249 -
btree 3253 pg_lsn_ops: 10067 pg_lsn_ops 3220
btree 3371 macaddr8_ops: 10026 macaddr8_ops 774
btree 3522 enum_ops: 10069 enum_ops 3500
btree 3901 range_ops: 10076 range_ops 3831
btree 4033 jsonb_ops: 10088 jsonb_ops 3802
btree 4199 multirange_ops: 10080 multirange_ops 4537
btree 5067 xid8_ops: 10053 xid8_ops 5069
gin 2745 array_ops: 10064 array_ops 2277 2283
gin 4036 jsonb_ops: 10090 jsonb_ops 3802 25
gin 4037 jsonb_path_ops: 10091 jsonb_path_ops 3802 23 -
gist 1029 point_ops: 10061 point_ops 600 603
gist 2593 box_ops: 10060 box_ops 603
gist 2594 poly_ops: 10062 poly_ops 604 603
gist 2595 circle_ops: 10063 circle_ops 718 603
gist 3550 network_ops: 10017 inet_ops 869 -
gist 3919 range_ops: 10078 range_ops 3831
gist 6158 multirange_ops: 10082 multirange_ops 4537 3831
hash 427 bpchar_ops: 10005 bpchar_ops 1042
hash 431 char_ops: 10008 char_ops 18
hash 435 date_ops: 10011 date_ops 1082
hash 627 array_ops: 10001 array_ops 2277
hash 1971 float_ops: 10013 float4_ops 700, 10014 float8_ops 701
hash 1975 network_ops: 10010 cidr_ops 869 -, 10016 inet_ops 869
hash 1977 integer_ops: 10019 int2_ops 21, 10020 int4_ops 23, 10021 int8_ops 20
hash 1983 interval_ops: 10023 interval_ops 1186
hash 1985 macaddr_ops: 10025 macaddr_ops 829
hash 1990 oid_ops: 10031 oid_ops 26
hash 1992 oidvector_ops: 10033 oidvector_ops 30
hash 1995 text_ops: 10029 name_ops 19, 10037 text_ops 25, 10045 varchar_ops 25 -
hash 1997 time_ops: 10039 time_ops 1083
hash 1998 numeric_ops: 10030 numeric_ops 1700
hash 1999 timestamptz_ops: 10040 timestamptz_ops 1184
hash 2001 timetz_ops: 10042 timetz_ops 1266
hash 2040 timestamp_ops: 10046 timestamp_ops 1114
hash 2222 bool_ops: 10048 bool_ops 16
hash 2223 bytea_ops: 10049 bytea_ops 17
hash 2225 xid_ops: 10051 xid_ops 28
hash 2227 tid_ops: 10055 tid_ops 27
hash 2229 text_pattern_ops: 10056 text_pattern_ops 25 -, 10057 varchar_pattern_ops 25 -
hash 2231 bpchar_pattern_ops: 10058 bpchar_pattern_ops 1042 -
hash 2235 aclitem_ops: 10059 aclitem_ops 1033
hash 2969 uuid_ops: 10066 uuid_ops 2950
hash 3254 pg_lsn_ops: 10068 pg_lsn_ops 3220
hash 3372 macaddr8_ops: 10027 macaddr8_ops 774
hash 3523 enum_ops: 10070 enum_ops 3500
hash 3903 range_ops: 10077 range_ops 3831
hash 4034 jsonb_ops: 10089 jsonb_ops 3802
hash 4225 multirange_ops: 10081 multirange_ops 4537
hash 5032 xid8_ops: 10052 xid8_ops 5069
hash 6194 record_ops: 10035 record_ops 2249
`

export interface OperatorFamily {
  readonly oid: number
  readonly method: string
  readonly name: string
}

export interface OperatorClass extends OperatorFamily {
  readonly family: number
  readonly type: number
  readonly keyType: number
  readonly isDefault: boolean
}

export const accessMethods: ReadonlyMap<string, number> = new Map([
  ['heap', 2],
  ['btree', 403],
  ['hash', 405],
  ['gist', 783],
  ['gin', 2742],
  ['brin', 3580],
])

export const operatorFamilies: OperatorFamily[] = []
export const operatorClasses: OperatorClass[] = []

for (const line of families.trim().split('\n')) {
  const [head = '', classes = ''] = line.split(': ')
  const [method = '', number = '', name = ''] = head.split(' ')
  operatorFamilies.push({ oid: Number(number), method, name })
  for (const one of classes.split(', ')) {
    const words = one.split(' ')
    const isDefault = words.at(-1) !== '-'
    const [own = '', title = '', type = '', keyType = '0'] = isDefault ? words : words.slice(0, -1)
    const shared = { oid: Number(own), method, name: title, family: Number(number), isDefault }
    operatorClasses.push({ ...shared, type: Number(type), keyType: Number(keyType) })
  }
}

/** The types whose class serves a type that has none of its own, nearest first. */
function servedBy(type: SqlType): readonly number[] {
  if (type.base !== undefined) return [type.base.oid, ...servedBy(type.base)]
  if (type.made?.content.kind === 'enum') return [anyEnum]
  if (type.element !== undefined) return [oid.anyarray]
  if (type.range !== undefined) return [oid.anyrange]
  if (type.multirange !== undefined) return [oid.anymultirange]
  return type.oid === oid.varchar ? [oid.text] : [oid.record]
}

const anyEnum = 3500

/** Of a column of an index; 0 where PostgreSQL would have none. */
export function operatorClassOf(method: string, typeNumber: number, name?: string): number {
  const ofMethod = operatorClasses.filter((one) => one.method === method)
  const own = findType(typeNumber)
  const types = own === undefined ? [typeNumber] : [typeNumber, ...servedBy(own)]
  for (const type of types) {
    const found = ofMethod.find((one) => one.type === type && (name === undefined ? one.isDefault : one.name === name))
    if (found !== undefined) return found.oid
  }
  return (name === undefined ? undefined : ofMethod.find((one) => one.name === name)?.oid) ?? 0
}
