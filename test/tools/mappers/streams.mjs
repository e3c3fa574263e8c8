/** pg-cursor, pg-query-stream and pg-copy-streams. */
import pg from 'pg'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { from, to } from 'pg-copy-streams'
import { pipeline } from 'node:stream/promises'
import { Readable, Writable } from 'node:stream'

const client = new pg.Client(process.argv[2])
await client.connect()
const show = (name, value) => console.log(name, JSON.stringify(value))
await client.query('create table t (id int primary key, name text, at timestamp)')
const lines = Array.from(
  { length: 5000 },
  (_, i) => `${i}\tname ${i}${i % 7 === 0 ? '\\t' : ''}\t${i % 3 === 0 ? '\\N' : '2024-01-01 00:00:00'}\n`,
)
const copying = client.query(from('copy t from stdin'))
await pipeline(Readable.from(lines), copying)
show('copied in', copying.rowCount)
const gather = () => {
  const chunks = []
  return {
    sink: new Writable({
      write: (chunk, _, done) => {
        chunks.push(chunk)
        done()
      },
    }),
    text: () => Buffer.concat(chunks).toString(),
  }
}
for (const how of ['', ' with (format csv, header)']) {
  const { sink, text } = gather()
  const leaving = client.query(to(`copy (select * from t where id < 20 order by id) to stdout${how}`))
  await pipeline(leaving, sink)
  show(`copied out${how}`, [leaving.rowCount, text()])
}
const broken = await pipeline(Readable.from(['1\tx\n']), client.query(from('copy t from stdin'))).catch(
  ({ code, message }) => [code, message],
)
show('broken', broken)
const aborted = client.query(from('copy t from stdin'))
aborted.write('9000\tx\t\\N\n')
aborted.on('error', ({ code }) => show('aborted by', code))
aborted.destroy()
await new Promise((resolve) => aborted.once('close', resolve))
show('aborted', (await client.query('select count(*)::int from t')).rows)
const cursor = client.query(new Cursor('select id, name from t where id > $1 order by id', [10]))
show('read', await cursor.read(2))
show('read on', (await cursor.read(3000)).length)
await cursor.close()
const again = client.query(new Cursor('select 1 as one'))
show('another', await again.read(10))
show('its end', await again.read(10))
show(
  'cursor fails',
  await client
    .query(new Cursor('select 1 / (3 - id) from t order by id'))
    .read(10)
    .catch(({ code }) => code),
)
let count = 0
for await (const row of client.query(
  new QueryStream('select * from t where id % $1 = 0 order by id', [2], { batchSize: 100 }),
))
  count += row.id
show('streamed', count)
const stream = client.query(new QueryStream('select * from t order by id', [], { batchSize: 10 }))
for await (const row of stream) if (row.id === 25) break
show('usable', (await client.query('select 1 as one')).rows)
await client.query('drop table t')
await client.end()
