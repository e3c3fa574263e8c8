/**
 * What the real servers' manuals list: Redis 7.2's commands, MongoDB 7.0's commands and operators, and statements of
 * PostgreSQL 15 that tools and applications send. Each is tried on a server; docs/compatibility.md says which answered.
 */

const words = (text: string): readonly string[] => text.trim().split(/\s+/)

export const redisCommands: Readonly<Record<string, readonly string[]>> = {
  bitmap: words('BITCOUNT BITFIELD BITFIELD_RO BITOP BITPOS GETBIT SETBIT'),
  blocking: words('BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN'),
  cluster: words('ASKING CLUSTER READONLY READWRITE'),
  generic: words('DUMP MIGRATE OBJECT RESTORE SORT SORT_RO WAIT WAITAOF'),
  geo: words('GEOADD GEODIST GEOHASH GEOPOS GEORADIUS GEORADIUSBYMEMBER GEOSEARCH GEOSEARCHSTORE'),
  hyperloglog: words('PFADD PFCOUNT PFDEBUG PFMERGE PFSELFTEST'),
  pubsub: words('PSUBSCRIBE PUBLISH PUBSUB PUNSUBSCRIBE SPUBLISH SSUBSCRIBE SUBSCRIBE SUNSUBSCRIBE UNSUBSCRIBE'),
  scripting: words('EVAL EVALSHA EVALSHA_RO EVAL_RO FCALL FCALL_RO FUNCTION SCRIPT'),
  server: words(
    `ACL BGREWRITEAOF BGSAVE DEBUG FAILOVER LASTSAVE LATENCY LOLWUT MEMORY MODULE MONITOR PSYNC REPLICAOF ROLE SAVE
     SHUTDOWN SLAVEOF SLOWLOG SWAPDB SYNC`,
  ),
  stream: words(
    'XACK XADD XAUTOCLAIM XCLAIM XDEL XGROUP XINFO XLEN XPENDING XRANGE XREAD XREADGROUP XREVRANGE XSETID XTRIM',
  ),
  string: words('LCS'),
}

export const mongoCommands: readonly string[] = words(
  `collMod createUser currentOp dropUser explain getParameter grantRolesToUser killOp listCommands mapReduce
   planCacheClear profile reIndex renameCollection replSetGetStatus rolesInfo serverStatus setParameter top usersInfo
   validate`,
)

export const mongoQueryOperators: readonly string[] = words(
  `$all $bitsAllClear $bitsAllSet $bitsAnyClear $bitsAnySet $elemMatch $eq $exists $geoIntersects $geoWithin $gt $gte
   $in $lt $lte $mod $ne $near $nearSphere $nin $not $regex $size $type`,
)

export const mongoTopLevelOperators: readonly string[] = words(
  '$and $comment $expr $jsonSchema $nor $or $text $where $sampleRate',
)

export const mongoUpdateOperators: readonly string[] = words(
  `$addToSet $bit $currentDate $inc $max $min $mul $pop $pull $pullAll $push $rename $set $setOnInsert $unset`,
)

export const mongoStages: readonly string[] = words(
  `$addFields $bucket $bucketAuto $changeStream $collStats $count $currentOp $densify $documents $facet $fill $geoNear
   $graphLookup $group $indexStats $limit $listSessions $lookup $match $merge $out $project $redact $replaceRoot
   $replaceWith $sample $search $set $setWindowFields $skip $sort $sortByCount $unionWith $unset $unwind`,
)

export const mongoAccumulators: readonly string[] = words(
  `$accumulator $addToSet $avg $bottom $bottomN $count $first $firstN $last $lastN $max $maxN $median $mergeObjects
   $min $minN $percentile $push $stdDevPop $stdDevSamp $sum $top $topN`,
)

export const mongoExpressions: readonly string[] = words(
  `$abs $acos $acosh $add $allElementsTrue $and $anyElementTrue $arrayElemAt $arrayToObject $asin $asinh $atan $atan2
   $atanh $avg $binarySize $bitAnd $bitNot $bitOr $bitXor $bsonSize $ceil $cmp $concat $concatArrays $cond $convert $cos
   $cosh $dateAdd $dateDiff $dateFromParts $dateFromString $dateSubtract $dateToParts $dateToString $dateTrunc
   $dayOfMonth $dayOfWeek $dayOfYear $degreesToRadians $divide $eq $exp $filter $first $firstN $floor $function
   $getField $gt $gte $hour $ifNull $in $indexOfArray $indexOfBytes $indexOfCP $isArray $isNumber $isoDayOfWeek
   $isoWeek $isoWeekYear $last $lastN $let $literal $ln $log $log10 $lt $lte $ltrim $map $max $maxN $median $mergeObjects
   $meta $millisecond $min $minN $minute $mod $month $multiply $ne $not $objectToArray $or $percentile $pow $radiansToDegrees $rand $range
   $reduce $regexFind $regexFindAll $regexMatch $replaceAll $replaceOne $reverseArray $round $rtrim $second
   $setDifference $setEquals $setField $setIntersection $setIsSubset $setUnion $sin $sinh $size $slice $sortArray $split
   $sqrt $stdDevPop $stdDevSamp $strcasecmp $strLenBytes $strLenCP $substrBytes $substrCP $subtract $sum $switch $tan
   $tanh $toBool $toDate $toDecimal $toDouble $toInt $toLong $toLower $toObjectId $toString $toUpper $trim $trunc
   $tsIncrement $tsSecond $type $unsetField $week $year $zip`,
)

/** `probe` is a table (id int primary key, v text). */
export const sqlStatements: readonly (readonly [what: string, statement: string])[] = [
  ['window functions', 'SELECT row_number() OVER (ORDER BY id) FROM probe'],
  ['WITH RECURSIVE', 'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT * FROM r'],
  ['statements that write in WITH', 'WITH d AS (DELETE FROM probe RETURNING *) SELECT * FROM d'],
  ['LATERAL', 'SELECT * FROM probe p, LATERAL (SELECT p.id) l'],
  ['GROUPING SETS, ROLLUP, CUBE', 'SELECT count(*) FROM probe GROUP BY ROLLUP (v)'],
  ['WITHIN GROUP', 'SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY id) FROM probe'],
  ['TABLESAMPLE', 'SELECT * FROM probe TABLESAMPLE SYSTEM (10)'],
  ['MERGE', 'MERGE INTO probe p USING probe q ON p.id = q.id WHEN MATCHED THEN UPDATE SET v = q.v'],
  ['views', 'CREATE VIEW probe_view AS SELECT 1 AS a'],
  ['materialized views', 'CREATE MATERIALIZED VIEW probe_matview AS SELECT 1 AS a'],
  ['temporary tables', 'CREATE TEMPORARY TABLE probe_temporary (a int)'],
  ['foreign keys', 'CREATE TABLE probe_child (parent int REFERENCES probe)'],
  ['generated columns', 'CREATE TABLE probe_generated (a int, b int GENERATED ALWAYS AS (a * 2) STORED)'],
  ['identity columns', 'CREATE TABLE probe_identity (a int GENERATED ALWAYS AS IDENTITY)'],
  ['partitioned tables', 'CREATE TABLE probe_partitioned (a int) PARTITION BY RANGE (a)'],
  ['inheritance', 'CREATE TABLE probe_inherited () INHERITS (probe)'],
  ['exclusion constraints', 'CREATE TABLE probe_excluded (a int, EXCLUDE USING gist (a WITH =))'],
  ['partial indexes', 'CREATE INDEX ON probe (v) WHERE id > 1'],
  ['indexes on expressions', 'CREATE INDEX ON probe (lower(v))'],
  ['indexes other than btree', 'CREATE INDEX ON probe USING gin (v)'],
  ['functions', "CREATE FUNCTION probe_function() RETURNS int LANGUAGE sql AS 'SELECT 1'"],
  ['procedures', "CREATE PROCEDURE probe_procedure() LANGUAGE sql AS 'SELECT 1'"],
  ['DO', 'DO $$ BEGIN NULL; END $$'],
  ['triggers', 'CREATE TRIGGER probe_trigger BEFORE INSERT ON probe FOR EACH ROW EXECUTE FUNCTION probe_function()'],
  ['rules', 'CREATE RULE probe_rule AS ON DELETE TO probe DO INSTEAD NOTHING'],
  ['enumerated types', "CREATE TYPE probe_enum AS ENUM ('a')"],
  ['composite types', 'CREATE TYPE probe_type AS (a int)'],
  ['domains', 'CREATE DOMAIN probe_domain AS int'],
  ['roles', 'CREATE ROLE probe_role'],
  ['GRANT', 'GRANT SELECT ON probe TO PUBLIC'],
  ['row policies', 'CREATE POLICY probe_policy ON probe'],
  ['extensions of functions (uuid-ossp)', 'CREATE EXTENSION "uuid-ossp"'],
  ['extensions with types or operators (citext, hstore, pg_trgm)', 'CREATE EXTENSION hstore'],
  ['COMMENT', "COMMENT ON TABLE probe IS 'a'"],
  ['LISTEN', 'LISTEN probe_channel'],
  ['publications', 'CREATE PUBLICATION probe_publication FOR TABLE probe'],
  ['two-phase commit', "PREPARE TRANSACTION 'probe'"],
  ['LOCK TABLE', 'LOCK TABLE probe'],
  ['DROP DATABASE', 'DROP DATABASE IF EXISTS probe_database'],
  ['full-text search', "SELECT to_tsvector('a') @@ to_tsquery('a')"],
  ['xml', 'SELECT xmlelement(name a)'],
  ['ranges', 'SELECT int4range(1, 2)'],
  ['network addresses', "SELECT '10.0.0.1'::inet"],
  ['geometry', 'SELECT point(1, 2)'],
  ['bit strings', "SELECT B'101'"],
  ['money', "SELECT '1'::money"],
  ['rows as values', 'SELECT ROW(1, 2)'],
  ['named time zones', "SELECT now() AT TIME ZONE 'Europe/Berlin'"],
  ['collations', 'SELECT v COLLATE "de-DE-x-icu" FROM probe'],
]
