/**
 * Functions and operators with the types that they take and give, as PostgreSQL 15's `pg_proc` and `pg_operator` list
 * them, of those that Polylog has and whose answer depends on nothing but the arguments.
 */
export interface Signature {
  readonly name: string
  readonly takes: readonly string[]
  readonly gives: string
  readonly isOperator: boolean
}

const functionList = `
  abs(float4) float4; abs(float8) float8; abs(int2) int2; abs(int4) int4; abs(int8) int8; abs(numeric) numeric;
  acos(float8) float8; age(timestamp,timestamp) interval; age(timestamptz,timestamptz) interval;
  array_append(anycompatiblearray,anycompatible) anycompatiblearray;
  array_cat(anycompatiblearray,anycompatiblearray) anycompatiblearray; array_length(anyarray,int4) int4;
  array_lower(anyarray,int4) int4; array_ndims(anyarray) int4;
  array_position(anycompatiblearray,anycompatible) int4;
  array_prepend(anycompatible,anycompatiblearray) anycompatiblearray;
  array_remove(anycompatiblearray,anycompatible) anycompatiblearray;
  array_replace(anycompatiblearray,anycompatible,anycompatible) anycompatiblearray;
  array_to_string(anyarray,text) text; array_to_string(anyarray,text,text) text; array_upper(anyarray,int4) int4;
  ascii(text) int4; asin(float8) float8; atan(float8) float8; atan2(float8,float8) float8; bit_length(bytea) int4;
  bit_length(text) int4; btrim(bytea,bytea) bytea; btrim(text) text; btrim(text,text) text;
  cardinality(anyarray) int4; cbrt(float8) float8; ceil(float8) float8; ceil(numeric) numeric;
  ceiling(float8) float8; ceiling(numeric) numeric; char_length(bpchar) int4; char_length(text) int4;
  character_length(bpchar) int4; character_length(text) int4; chr(int4) text; concat(text,text,int4) text;
  concat_ws(text,text,text) text; cos(float8) float8; cosh(float8) float8; cot(float8) float8;
  date_part(text,date) float8; date_part(text,interval) float8; date_part(text,time) float8;
  date_part(text,timestamp) float8; date_part(text,timestamptz) float8; date_trunc(text,interval) interval;
  date_trunc(text,timestamp) timestamp; date_trunc(text,timestamptz) timestamptz;
  date_trunc(text,timestamptz,text) timestamptz; decode(text,text) bytea; degrees(float8) float8;
  div(numeric,numeric) numeric; encode(bytea,text) text; exp(float8) float8; exp(numeric) numeric;
  floor(float8) float8; floor(numeric) numeric; format(text,text,int4) text; gcd(int4,int4) int4;
  gcd(int8,int8) int8; gcd(numeric,numeric) numeric; initcap(text) text; isfinite(date) bool;
  isfinite(interval) bool; isfinite(timestamp) bool; isfinite(timestamptz) bool; json_array_length(json) int4;
  json_build_array(int4,text) json; json_build_object(text,int4) json; json_extract_path(json,text,text) json;
  json_extract_path_text(json,text,text) text; json_strip_nulls(json) json; json_typeof(json) text;
  jsonb_array_length(jsonb) int4; jsonb_build_array(int4,text,numeric) jsonb;
  jsonb_build_object(text,text,text,numeric) jsonb; jsonb_extract_path(jsonb,text,text) jsonb;
  jsonb_extract_path_text(jsonb,text,text) text; jsonb_pretty(jsonb) text; jsonb_set(jsonb,_text,jsonb,bool) jsonb;
  jsonb_strip_nulls(jsonb) jsonb; jsonb_typeof(jsonb) text; justify_days(interval) interval;
  justify_hours(interval) interval; justify_interval(interval) interval; lcm(int4,int4) int4; lcm(int8,int8) int8;
  lcm(numeric,numeric) numeric; left(text,int4) text; length(bpchar) int4; length(bytea) int4; length(text) int4;
  ln(float8) float8; ln(numeric) numeric; log(float8) float8; log(numeric) numeric; log(numeric,numeric) numeric;
  log10(float8) float8; log10(numeric) numeric; lower(text) text; lpad(text,int4) text; lpad(text,int4,text) text;
  ltrim(bytea,bytea) bytea; ltrim(text) text; ltrim(text,text) text; make_date(int4,int4,int4) date;
  make_interval(int4,int4,int4,int4,int4,int4,float8) interval; make_time(int4,int4,float8) time;
  make_timestamp(int4,int4,int4,int4,int4,float8) timestamp; md5(bytea) text; md5(text) text; mod(int2,int2) int2;
  mod(int4,int4) int4; mod(int8,int8) int8; mod(numeric,numeric) numeric; num_nulls(text,int4) int4;
  octet_length(bpchar) int4; octet_length(bytea) int4; octet_length(text) int4; overlay(bytea,bytea,int4) bytea;
  overlay(bytea,bytea,int4,int4) bytea; overlay(text,text,int4) text; overlay(text,text,int4,int4) text;
  pi() float8; pow(float8,float8) float8; pow(numeric,numeric) numeric; power(float8,float8) float8;
  power(numeric,numeric) numeric; quote_ident(text) text; quote_literal(anyelement) text; quote_literal(text) text;
  quote_nullable(anyelement) text; quote_nullable(text) text; radians(float8) float8;
  regexp_match(text,text) _text; regexp_match(text,text,text) _text; regexp_replace(text,text,text) text;
  regexp_replace(text,text,text,int4) text; regexp_replace(text,text,text,int4,int4) text;
  regexp_replace(text,text,text,int4,int4,text) text; regexp_replace(text,text,text,text) text;
  regexp_split_to_array(text,text) _text; regexp_split_to_array(text,text,text) _text; repeat(text,int4) text;
  replace(text,text,text) text; reverse(text) text; right(text,int4) text; round(float8) float8;
  round(numeric) numeric; round(numeric,int4) numeric; rpad(text,int4) text; rpad(text,int4,text) text;
  rtrim(bytea,bytea) bytea; rtrim(text) text; rtrim(text,text) text; scale(numeric) int4; sha224(bytea) bytea;
  sha256(bytea) bytea; sha384(bytea) bytea; sha512(bytea) bytea; sign(float8) float8; sign(numeric) numeric;
  sin(float8) float8; sinh(float8) float8; split_part(text,text,int4) text; sqrt(float8) float8;
  sqrt(numeric) numeric; starts_with(text,text) bool; string_to_array(text,text) _text;
  string_to_array(text,text,text) _text; strpos(text,text) int4; substr(bytea,int4) bytea;
  substr(bytea,int4,int4) bytea; substr(text,int4) text; substr(text,int4,int4) text; substring(bytea,int4) bytea;
  substring(bytea,int4,int4) bytea; substring(text,int4) text; substring(text,int4,int4) text;
  substring(text,text) text; substring(text,text,text) text; tan(float8) float8; tanh(float8) float8;
  timezone(interval,timestamp) timestamptz; timezone(interval,timestamptz) timestamp;
  timezone(text,timestamp) timestamptz; timezone(text,timestamptz) timestamp; to_char(float4,text) text;
  to_char(float8,text) text; to_char(int4,text) text; to_char(int8,text) text; to_char(interval,text) text;
  to_char(numeric,text) text; to_char(timestamp,text) text; to_char(timestamptz,text) text; to_hex(int4) text;
  to_hex(int8) text; to_json(_text) json; to_json(numeric) json; to_json(text) json; to_json(timestamp) json;
  to_jsonb(_int4) jsonb; to_jsonb(bool) jsonb; to_jsonb(date) jsonb; to_jsonb(float8) jsonb;
  to_jsonb(numeric) jsonb; to_jsonb(text) jsonb; to_timestamp(float8) timestamptz;
  to_timestamp(text,text) timestamptz; translate(text,text,text) text; trim_scale(numeric) numeric;
  trunc(float8) float8; trunc(numeric) numeric; trunc(numeric,int4) numeric; upper(text) text;
  width_bucket(anycompatible,anycompatiblearray) int4; width_bucket(float8,float8,float8,int4) int4;
  width_bucket(numeric,numeric,numeric,int4) int4`

/** Left type, symbol, right type, result; a prefix operator has no left type. */
const operatorList = `
  + float4 float4; + float8 float8; + int2 int2; + int4 int4; + int8 int8; + numeric numeric; - float4 float4;
  - float8 float8; - int2 int2; - int4 int4; - int8 int8; - interval interval; - numeric numeric; @ float4 float4;
  @ float8 float8; @ int2 int2; @ int4 int4; @ int8 int8; @ numeric numeric; anyarray && anyarray bool;
  anyarray <@ anyarray bool; anyarray @> anyarray bool; anycompatible || anycompatiblearray anycompatiblearray;
  anycompatiblearray || anycompatible anycompatiblearray;
  anycompatiblearray || anycompatiblearray anycompatiblearray; anynonarray || text text; bpchar !~ text bool;
  bpchar !~* text bool; bpchar !~~ text bool; bpchar !~~* text bool; bpchar ~ text bool; bpchar ~* text bool;
  bpchar ~~ text bool; bpchar ~~* text bool; bytea !~~ bytea bool; bytea || bytea bytea; bytea ~~ bytea bool;
  date + int4 date; date + interval timestamp; date + time timestamp; date - date int4; date - int4 date;
  date - interval timestamp; float4 * float4 float4; float4 * float8 float8; float4 + float4 float4;
  float4 + float8 float8; float4 - float4 float4; float4 - float8 float8; float4 / float4 float4;
  float4 / float8 float8; float8 * float4 float8; float8 * float8 float8; float8 * interval interval;
  float8 + float4 float8; float8 + float8 float8; float8 - float4 float8; float8 - float8 float8;
  float8 / float4 float8; float8 / float8 float8; float8 ^ float8 float8; int2 # int2 int2; int2 % int2 int2;
  int2 & int2 int2; int2 * int2 int2; int2 * int4 int4; int2 * int8 int8; int2 + int2 int2; int2 + int4 int4;
  int2 + int8 int8; int2 - int2 int2; int2 - int4 int4; int2 - int8 int8; int2 / int2 int2; int2 / int4 int4;
  int2 / int8 int8; int2 << int4 int2; int2 >> int4 int2; int2 | int2 int2; int4 # int4 int4; int4 % int4 int4;
  int4 & int4 int4; int4 * int2 int4; int4 * int4 int4; int4 * int8 int8; int4 + date date; int4 + int2 int4;
  int4 + int4 int4; int4 + int8 int8; int4 - int2 int4; int4 - int4 int4; int4 - int8 int8; int4 / int2 int4;
  int4 / int4 int4; int4 / int8 int8; int4 << int4 int4; int4 >> int4 int4; int4 | int4 int4; int8 # int8 int8;
  int8 % int8 int8; int8 & int8 int8; int8 * int2 int8; int8 * int4 int8; int8 * int8 int8; int8 + int2 int8;
  int8 + int4 int8; int8 + int8 int8; int8 - int2 int8; int8 - int4 int8; int8 - int8 int8; int8 / int2 int8;
  int8 / int4 int8; int8 / int8 int8; int8 << int4 int8; int8 >> int4 int8; int8 | int8 int8;
  interval * float8 interval; interval + date timestamp; interval + interval interval; interval + time time;
  interval + timestamp timestamp; interval + timestamptz timestamptz; interval - interval interval;
  interval / float8 interval; json #> _text json; json #>> _text text; json -> int4 json; json -> text json;
  json ->> int4 text; json ->> text text; jsonb #- _text jsonb; jsonb #> _text jsonb; jsonb #>> _text text;
  jsonb - _text jsonb; jsonb - int4 jsonb; jsonb - text jsonb; jsonb -> int4 jsonb; jsonb -> text jsonb;
  jsonb ->> int4 text; jsonb ->> text text; jsonb <@ jsonb bool; jsonb ? text bool; jsonb ?& _text bool;
  jsonb ?| _text bool; jsonb @> jsonb bool; jsonb || jsonb jsonb; numeric % numeric numeric;
  numeric * numeric numeric; numeric + numeric numeric; numeric - numeric numeric; numeric / numeric numeric;
  numeric ^ numeric numeric; text !~ text bool; text !~* text bool; text !~~ text bool; text !~~* text bool;
  text ^@ text bool; text || anynonarray text; text || text text; text ~ text bool; text ~* text bool;
  text ~~ text bool; text ~~* text bool; time + date timestamp; time + interval time; time - interval time;
  time - time interval; timestamp + interval timestamp; timestamp - interval timestamp;
  timestamp - timestamp interval; timestamptz + interval timestamptz; timestamptz - interval timestamptz;
  timestamptz - timestamptz interval; |/ float8 float8; ||/ float8 float8; ~ int2 int2; ~ int4 int4; ~ int8 int8`

/** Pairs of types that `= <> < <= > >=` compare. */
const comparableList = `
  anyarray anyarray; bool bool; bpchar bpchar; bytea bytea; date date; date timestamp; date timestamptz;
  float4 float4; float4 float8; float8 float4; float8 float8; int2 int2; int2 int4; int2 int8; int4 int2;
  int4 int4; int4 int8; int8 int2; int8 int4; int8 int8; interval interval; jsonb jsonb; numeric numeric;
  text text; time time; timestamp date; timestamp timestamp; timestamp timestamptz; timestamptz date;
  timestamptz timestamp; timestamptz timestamptz; uuid uuid`

function entries(list: string): string[] {
  return list
    .split(';')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
}

function readFunction(entry: string): Signature {
  const [, name = '', takes = '', gives = ''] = /^(\w+)\((.*)\) (\w+)$/.exec(entry)!
  return { name, takes: takes === '' ? [] : takes.split(','), gives, isOperator: false }
}

function readOperator(entry: string): Signature {
  const words = entry.split(' ')
  const gives = words.at(-1)!
  if (words.length === 3) return { name: words[0]!, takes: [words[1]!], gives, isOperator: true }
  return { name: words[1]!, takes: [words[0]!, words[2]!], gives, isOperator: true }
}

function readComparisons(entry: string): Signature[] {
  const takes = entry.split(' ')
  return ['=', '<>', '<', '<=', '>', '>='].map((name) => ({ name, takes, gives: 'bool', isOperator: true }))
}

export const signatures: readonly Signature[] = [
  ...entries(functionList).map(readFunction),
  ...entries(operatorList).map(readOperator),
  ...entries(comparableList).flatMap(readComparisons),
]
